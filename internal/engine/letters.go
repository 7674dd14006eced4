package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	lettersList  = "deadletters"
	lettersBound = "end" // in a cursor: letters from there on are newer than the first call
)

// DeadLetters returns dead letters that a filter lets through, and the cursor of the next page. Damaged ones are left out
// and logged.
func (e *Engine) DeadLetters(ctx context.Context, filter framework.LetterFilter, page framework.Page) ([]framework.DeadLetter, string, error) {
	found, next, err := e.list(ctx, filter, page)
	letters := make([]framework.DeadLetter, 0, len(found))
	for _, dead := range found {
		letters = append(letters, dead.DeadLetter)
	}
	return letters, next, err
}

// list returns letters without their events, which may be large.
func (e *Engine) list(ctx context.Context, filter framework.LetterFilter, page framework.Page) ([]letter, string, error) {
	at, err := parseCursor(lettersList, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	spent := listBudget()
	read, err := e.letterReader(ctx, at, page.Newest, spent)
	if err != nil {
		return nil, "", fmt.Errorf("list dead letters: %w", err)
	}
	var letters []letter
	for len(letters) < page.Limit && !spent.over() {
		message, err := read(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("list dead letters: %w", err)
		}
		if message == nil {
			return letters, "", nil
		}
		if dead, err := decodeLetter(message); err != nil {
			e.damaged.tell(message.Subject, message.Sequence, err)
		} else if filter.Matches(dead.DeadLetter) {
			dead.Event = framework.Event{}
			letters = append(letters, dead)
		}
	}
	return letters, at.String(), nil
}

// letterReader returns a function that reads letters in one of the two orders, or nil at the end. It keeps the cursor.
func (e *Engine) letterReader(ctx context.Context, at cursor, newest bool, spent *budget) (func(context.Context) (*jetstream.RawStreamMsg, error), error) {
	subject := e.names.subject(letterPrefix, ">")
	place := at.At[lettersList]
	if newest {
		reader, err := newBackward(ctx, e.letters, subject, place, spent)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
			message, err := reader.read(ctx)
			if message != nil {
				at.At[lettersList] = message.Sequence
			}
			return message, err
		}, nil
	}
	reader := forward{e.letters, subject, place, at.At[lettersBound]}
	return func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		message, err := reader.read(ctx)
		if message != nil {
			spent.spend(message)
			at.At[lettersList] = message.Sequence + 1
		}
		return message, err
	}, nil
}

// bound fixes in the cursor which letters there are: what is given up again by then is not acted on twice.
func (e *Engine) bound(ctx context.Context, page framework.Page) (framework.Page, error) {
	page.Newest = false
	at, err := parseCursor(lettersList, page.Cursor)
	if err != nil || at.At[lettersBound] != 0 {
		return page, err
	}
	info, err := e.letters.Info(ctx)
	if err != nil {
		return page, fmt.Errorf("count dead letters: %w", err)
	}
	e.claims.note(info.State.LastSeq)
	at.At[lettersBound] = info.State.LastSeq + 1
	page.Cursor = at.String()
	return page, nil
}

// CountLetters counts what ReplayAll and DropAll would act on. A call reads a bounded number.
func (e *Engine) CountLetters(ctx context.Context, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	page, err := e.bound(ctx, page)
	if err != nil {
		return framework.Batch{}, err
	}
	found, next, err := e.list(ctx, filter, page)
	return framework.Batch{Count: len(found), Next: next}, err
}

// ReplayAll replays dead letters that a filter lets through, up to Page.Limit, oldest first. Those that cannot be replayed
// stay and are told of. When the store fails half way the error is returned beside what was done.
func (e *Engine) ReplayAll(ctx context.Context, act framework.Act, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	return e.each(ctx, act, framework.AuditReplay, filter, page, e.replay)
}

// DropAll drops dead letters as ReplayAll replays them.
func (e *Engine) DropAll(ctx context.Context, act framework.Act, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	return e.each(ctx, act, framework.AuditDrop, filter, page, e.drop)
}

// Replay replays one dead letter, as replay says.
func (e *Engine) Replay(ctx context.Context, act framework.Act, id string) error {
	return e.one(ctx, act, framework.AuditReplay, id, e.replay)
}

// Drop removes one dead letter for good, as drop says.
func (e *Engine) Drop(ctx context.Context, act framework.Act, id string) error {
	return e.one(ctx, act, framework.AuditDrop, id, e.drop)
}

// one does something to one letter.
func (e *Engine) one(ctx context.Context, act framework.Act, kind framework.AuditAct, id string, do func(context.Context, string) error) error {
	dead, err := e.letter(ctx, id)
	if err != nil {
		return err
	}
	begun, err := e.begin(ctx, act, framework.AuditEntry{Act: kind, Letters: []framework.AuditLetter{auditLetter(dead.DeadLetter)}})
	if err != nil {
		return err
	}
	err = do(ctx, id)
	count := 1
	if err != nil {
		count = 0
	}
	begun.end(ctx, count, err)
	return err
}

// maxActing is after how long a batch stops before it has done all: a call must not hang.
const maxActing = 10 * time.Second

// each does something to the letters that a filter lets through.
func (e *Engine) each(ctx context.Context, act framework.Act, kind framework.AuditAct, filter framework.LetterFilter, page framework.Page,
	do func(context.Context, string) error,
) (framework.Batch, error) {
	page, err := e.bound(ctx, page)
	if err != nil {
		return framework.Batch{}, err
	}
	letters, next, err := e.list(ctx, filter, page)
	if err != nil || len(letters) == 0 {
		return framework.Batch{Next: next}, err
	}
	entry := framework.AuditEntry{Act: kind, Filter: &filter}
	for _, letter := range letters {
		entry.Letters = append(entry.Letters, auditLetter(letter.DeadLetter))
	}
	begun, err := e.begin(ctx, act, entry)
	if err != nil {
		return framework.Batch{}, err
	}
	batch := framework.Batch{Next: next}
	for until, i := e.now().Add(maxActing), 0; i < len(letters) && err == nil; i++ {
		if e.now().After(until) {
			batch.Next, err = goOn(page.Cursor, letters[i])
			break
		}
		err = batchOne(ctx, &batch, letters[i].ID, do)
	}
	begun.end(ctx, batch.Count, err)
	return batch, err
}

// goOn returns the cursor of a batch that begins with a letter.
func goOn(before string, first letter) (string, error) {
	at, err := parseCursor(lettersList, before)
	at.At[lettersList] = first.sequence
	return at.String(), err
}

// batchOne does something to one letter of several. What cannot be done to it is told of and does not keep the others.
func batchOne(ctx context.Context, batch *framework.Batch, id string, do func(context.Context, string) error) error {
	err := do(ctx, id)
	refusal, refused := errors.AsType[*framework.Problem](err)
	switch {
	case err == nil:
		batch.Count++
	case errors.Is(err, framework.ErrNoEvent): // someone else was faster
	case refused && refusal.Status < http.StatusInternalServerError:
		batch.Failed = append(batch.Failed, framework.FailedLetter{ID: id, Reason: refusal.Detail})
	default:
		return err
	}
	return nil
}
