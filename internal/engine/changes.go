package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	changesList = "changes"
	runsPlace   = "=runs" // in a cursor; no source has such a name

	maxChanges   = 200                    // of one call
	changesEvery = 300 * time.Millisecond // how often a call that waits looks again
)

// Changes returns what happened after a cursor, oldest first, and the next cursor: at most 200 changes, of at most 5000
// that it looks at. Without a cursor it returns that of now. While nothing happened it waits, but not when the engine drains.
func (e *Engine) Changes(ctx context.Context, filter framework.EventFilter, after string, wait time.Duration) ([]framework.EventChange, string, error) {
	at, err := parseCursor(changesList, after)
	if err != nil {
		return nil, "", err
	}
	if after == "" {
		err := e.placesNow(ctx, at)
		return []framework.EventChange{}, at.String(), err
	}
	ended := time.NewTimer(wait)
	defer ended.Stop()
	again := time.NewTicker(changesEvery)
	defer again.Stop()
	for {
		changes, whole, err := e.changes(ctx, filter, at)
		if err != nil || len(changes) > 0 || !whole {
			return changes, at.String(), err
		}
		select {
		case <-again.C:
			continue
		case <-ended.C:
		case <-e.draining:
		case <-ctx.Done():
		}
		return changes, at.String(), ctx.Err()
	}
}

// placesNow puts the ends of all streams into a cursor.
func (e *Engine) placesNow(ctx context.Context, at cursor) error {
	return e.follow(ctx, func(name string, stream jetstream.Stream) error {
		info, err := stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
		at.At[name] = info.State.LastSeq + 1
		return nil
	})
}

// follow calls with each stream in which something may happen, and its name in a cursor.
func (e *Engine) follow(ctx context.Context, visit func(string, jetstream.Stream) error) error {
	streams, err := e.streams.all(ctx)
	if err != nil {
		return err
	}
	for source, stream := range streams {
		if err := visit(source, stream); err != nil {
			return err
		}
	}
	return visit(runsPlace, e.runs.bucket.stream)
}

// changes reads on from a cursor, and reports whether it reached the end.
func (e *Engine) changes(ctx context.Context, filter framework.EventFilter, at cursor) (changes []framework.EventChange, whole bool, err error) {
	spent := listBudget()
	changes = []framework.EventChange{}
	err = e.follow(ctx, func(name string, stream jetstream.Stream) error {
		subject, read := e.runs.bucket.prefix+">", e.runChange
		if name != runsPlace {
			subject, read = e.names.subject("ev", name, ">"), e.acceptance
		}
		reader := forward{stream: stream, subject: subject, next: at.At[name]}
		for len(changes) < maxChanges && !spent.over() {
			message, err := reader.read(ctx)
			if err != nil {
				return err
			}
			if message == nil {
				return nil
			}
			spent.spend(message)
			at.At[name] = reader.next
			change, err := read(ctx, message, filter)
			if err != nil {
				return err
			}
			if change != nil {
				changes = append(changes, *change)
			}
		}
		return nil
	})
	slices.SortStableFunc(changes, func(a, b framework.EventChange) int { return a.Time.Compare(b.Time) })
	return changes, !spent.over(), err
}

// acceptance is the change that an event is, or nil when the filter does not let it through.
func (e *Engine) acceptance(_ context.Context, message *jetstream.RawStreamMsg, filter framework.EventFilter) (*framework.EventChange, error) {
	event, err := decodeEvent(message)
	if err != nil {
		e.damaged.tell(message.Subject, message.Sequence, err)
		return nil, nil //nolint:nilnil // it is left out
	}
	if filter.ByRuns() || !filter.Matches(event.Type, event.Time) {
		return nil, nil //nolint:nilnil // it is left out
	}
	return &framework.EventChange{Time: event.Time, EventID: event.ID, Type: event.Type}, nil
}

// runChange is the change that a run record is, or nil when the filter does not let it through.
func (e *Engine) runChange(ctx context.Context, message *jetstream.RawStreamMsg, filter framework.EventFilter) (*framework.EventChange, error) {
	var stored record
	if err := json.Unmarshal(message.Data, &stored); err != nil {
		e.damaged.tell(message.Subject, message.Sequence, err)
		return nil, nil //nolint:nilnil // it is left out
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(message.Subject, e.runs.bucket.prefix), ".")
	source, ok := sourceOf(id)
	if !ok || !filter.MatchesRun(stored.Run) || filter.Source != "" && filter.Source != source {
		return nil, nil //nolint:nilnil // it is left out
	}
	eventType, err := e.typeOf(ctx, source, id)
	if err != nil || filter.Type != "" && filter.Type != eventType {
		return nil, err
	}
	return &framework.EventChange{Time: stored.ChangedAt, EventID: id, Type: eventType, Run: &stored.Run}, nil
}

// typeOf returns the type of an event, or "" when it is not stored any more.
func (e *Engine) typeOf(ctx context.Context, source, id string) (string, error) {
	stream, found, err := e.streams.find(ctx, source)
	if err != nil || !found {
		return "", err
	}
	message, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(e.names.subject("ev", source, "*", id)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read event %s: %w", id, err)
	}
	tokens := strings.Split(message.Subject, ".")
	return source + "." + tokens[len(tokens)-2], nil
}
