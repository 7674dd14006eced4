package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	eventsList = "events"
	slack      = time.Hour // by how much the order of events in a stream and that of their times may differ: clocks of replicas
	runsCost   = 4         // what it takes to read the runs of an event, in messages
)

// Events returns events that a filter lets through, newest first over all sources, and the cursor of the next page. A call
// looks at 5000 events at most, and at a fifth of that where the filter asks for runs: those of each event are read. Since
// and Until cost nothing, as long as the clocks of replicas are less than an hour apart. Damaged events are left out and
// logged.
func (e *Engine) Events(ctx context.Context, filter framework.EventFilter, page framework.Page) ([]framework.EventSummary, string, error) {
	at, err := parseCursor(eventsList, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	spent := listBudget()
	merged, err := e.merge(ctx, filter, at, page.Cursor != "", spent)
	if err != nil {
		return nil, "", err
	}
	summaries := []framework.EventSummary{}
	for len(summaries) < page.Limit && !spent.over() {
		event, message, err := merged.read(ctx)
		if err != nil {
			return nil, "", err
		}
		if message == nil {
			break
		}
		if !filter.Matches(event.Type, event.Time) {
			continue
		}
		spent.messages -= runsCost
		runs, err := e.runsOf(ctx, event, message)
		if err != nil {
			return nil, "", err
		}
		if filter.MatchesRuns(runs) {
			summaries = append(summaries, framework.EventSummary{
				ID: event.ID, Type: event.Type, Time: event.Time, RequestID: event.RequestID, Runs: runs,
			})
		}
	}
	return summaries, merged.cursor(), nil
}

// merged reads the events of several sources as one list, newest first.
type merged struct {
	engine *Engine
	since  time.Time
	heads  []*head
}

// head is the newest event of a source that was not read yet.
type head struct {
	source  string
	reader  *backward
	message *jetstream.RawStreamMsg // nil when it was read
	event   framework.Event
	ended   bool
}

// merge opens the sources that a filter leaves. Those that a cursor does not name are at their end.
func (e *Engine) merge(ctx context.Context, filter framework.EventFilter, at cursor, goesOn bool, spent *budget) (*merged, error) {
	streams, err := e.streams.all(ctx)
	if err != nil {
		return nil, err
	}
	all := &merged{engine: e}
	if !filter.Since.IsZero() {
		all.since = filter.Since.Add(-slack)
	}
	for source, stream := range streams {
		subject, wanted := e.subjectOf(source, filter)
		if end, named := at.At[source]; wanted && (named || !goesOn) {
			reader, err := e.openSource(ctx, stream, subject, end, filter, spent)
			if err != nil {
				return nil, fmt.Errorf("read events of source %s: %w", source, err)
			}
			all.heads = append(all.heads, &head{source: source, reader: reader})
		}
	}
	return all, nil
}

// subjectOf returns the subject of the events of a source that a filter can let through.
func (e *Engine) subjectOf(source string, filter framework.EventFilter) (string, bool) {
	what := ">"
	if filter.Type != "" {
		at, err := placeOf(framework.Event{Type: filter.Type, ID: source + "-0"})
		if err != nil {
			return "", false
		}
		what = at.what + ".>"
	}
	return e.names.subject("ev", source, what), filter.Source == "" || filter.Source == source
}

func (e *Engine) openSource(ctx context.Context, stream jetstream.Stream, subject string, end uint64, filter framework.EventFilter, spent *budget) (*backward, error) {
	reader, err := newBackward(ctx, stream, subject, end, spent)
	if err != nil || filter.Until.IsZero() {
		return reader, err
	}
	reader.end, err = e.firstSince(ctx, stream, subject, reader.first, reader.end, filter.Until.Add(slack))
	return reader, err
}

// firstSince returns the place of the first event that is not before a time, or end when there is none.
func (e *Engine) firstSince(ctx context.Context, stream jetstream.Stream, subject string, first, end uint64, t time.Time) (uint64, error) {
	for first < end {
		middle := first + (end-first)/2
		reader := forward{stream, subject, middle, end}
		message, err := reader.read(ctx)
		if err != nil {
			return 0, err
		}
		if message == nil {
			end = middle
			continue
		}
		event, err := decodeEvent(message)
		if err != nil { // a damaged one has no time: that of the store is near
			event.Time = message.Time
		}
		if event.Time.Before(t) {
			first = message.Sequence + 1
		} else {
			end = middle
		}
	}
	return end, nil
}

// read returns the newest event that was not read yet, or none.
func (m *merged) read(ctx context.Context) (framework.Event, *jetstream.RawStreamMsg, error) {
	var newest *head
	for _, head := range m.heads {
		if err := m.fill(ctx, head); err != nil {
			return framework.Event{}, nil, fmt.Errorf("read events of source %s: %w", head.source, err)
		}
		if head.message != nil && (newest == nil || head.event.Time.After(newest.event.Time)) {
			newest = head
		}
	}
	if newest == nil {
		return framework.Event{}, nil, nil
	}
	message := newest.message
	newest.message = nil
	return newest.event, message, nil
}

// fill reads on to the next event that is not damaged, unless there is one, or the budget is spent.
func (m *merged) fill(ctx context.Context, h *head) error {
	for h.message == nil && !h.ended && !h.reader.spent.over() {
		message, err := h.reader.read(ctx)
		if err != nil {
			return err
		}
		if message == nil {
			h.ended = true
			break
		}
		event, err := decodeEvent(message)
		switch {
		case err != nil:
			m.engine.damaged.tell(message.Subject, message.Sequence, err)
		case event.Time.Before(m.since):
			h.ended = true
		default:
			h.message, h.event = message, event
		}
	}
	return nil
}

// cursor says where to go on, "" when all were read.
func (m *merged) cursor() string {
	at := cursor{List: eventsList, At: map[string]uint64{}}
	for _, head := range m.heads {
		switch {
		case head.message != nil:
			at.At[head.source] = head.message.Sequence + 1
		case !head.ended && head.reader.place() > head.reader.first:
			at.At[head.source] = head.reader.place()
		}
	}
	if len(at.At) == 0 {
		return ""
	}
	return at.String()
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
