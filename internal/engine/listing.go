package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// Recent returns the newest events of all sources, newest first, at most limit. Damaged ones are left out and logged.
func (e *Engine) Recent(ctx context.Context, limit int) ([]framework.Event, error) {
	events := []framework.Event{}
	streams, err := e.streams.all(ctx)
	if err != nil {
		return nil, err
	}
	for source, stream := range streams {
		newest, err := e.recent(ctx, stream, e.names.subject("ev", source, ">"), limit)
		if err != nil {
			return nil, fmt.Errorf("read newest events of source %s: %w", source, err)
		}
		events = append(events, newest...)
	}
	slices.SortStableFunc(events, func(a, b framework.Event) int { return b.Time.Compare(a.Time) })
	return events[:max(0, min(len(events), limit))], nil
}

// recent reads the newest events of one stream. The store reads forward only, past what is no event (replays, gaps) in
// one step; so it is asked for a stretch at the end, then for one before that which is twice as long, and so on.
func (e *Engine) recent(ctx context.Context, stream jetstream.Stream, subject string, limit int) ([]framework.Event, error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	first, end := max(1, info.State.FirstSeq), info.State.LastSeq+1
	var newest []framework.Event
	for length := uint64(max(1, limit)); end > first && len(newest) < limit; length *= 2 {
		begin := first
		if end-first > length {
			begin = end - length
		}
		stretch, err := e.stretch(ctx, stream, subject, begin, end, limit-len(newest))
		if err != nil {
			return nil, err
		}
		newest = append(newest, stretch...)
		end = begin
	}
	return newest, nil
}

// stretch returns the last events from begin on and before end, newest first, at most limit. In memory are no more.
func (e *Engine) stretch(ctx context.Context, stream jetstream.Stream, subject string, begin, end uint64, limit int) ([]framework.Event, error) {
	var events []framework.Event
	for at := begin; at < end; {
		message, err := stream.GetMsg(ctx, at, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read message from %d on: %w", at, err)
		}
		if message.Sequence >= end {
			break
		}
		at = message.Sequence + 1
		event, err := decodeEvent(message)
		if err != nil {
			e.damaged.tell(message.Subject, message.Sequence, err)
			continue
		}
		if len(events) == limit {
			events = slices.Delete(events, 0, 1)
		}
		events = append(events, event)
	}
	slices.Reverse(events)
	return events, nil
}

// DeadLetters returns the dead letters, oldest first, at most limit. Damaged ones are left out and logged.
func (e *Engine) DeadLetters(ctx context.Context, limit int) ([]framework.DeadLetter, error) {
	letters := []framework.DeadLetter{}
	for next := uint64(1); len(letters) < limit; {
		message, err := e.letters.GetMsg(ctx, next, jetstream.WithGetMsgSubject(e.names.subject(letterPrefix, ">")))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		next = message.Sequence + 1
		dead, err := decodeLetter(message)
		if err != nil {
			e.damaged.tell(message.Subject, message.Sequence, err)
			continue
		}
		letters = append(letters, dead.DeadLetter)
	}
	return letters, nil
}

// maxDamaged bounds how many damaged entries are remembered, and told of.
const maxDamaged = 1000

// damaged logs entries that cannot be read, each once.
type damaged struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]bool
}

func (d *damaged) tell(subject string, sequence uint64, err error) {
	entry := fmt.Sprintf("%s at %d", subject, sequence)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told[entry] || len(d.told) == maxDamaged {
		return
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	d.told[entry] = true
	d.log.Error("a stored entry is damaged and left out", "entry", entry, "err", err)
}
