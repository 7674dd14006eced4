package frameworktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"funnelweb/framework"
)

// RecordingActivity is a framework.Activity over what a test adds to it. Its cursors are numbers.
type RecordingActivity struct {
	mu       sync.Mutex
	events   []framework.EventStatus
	changes  []framework.EventChange
	dead     []deadLetter
	queues   []framework.Queue
	replayed []string
	dropped  []string
	audit    []framework.AuditEntry
}

type deadLetter struct {
	framework.DeadLetter
	event framework.Event
}

// AddEvent stores an event with its runs, in place of one with the same id.
func (a *RecordingActivity) AddEvent(event framework.Event, runs ...framework.Run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = slices.DeleteFunc(a.events, func(s framework.EventStatus) bool { return s.Event.ID == event.ID })
	a.events = append(a.events, framework.EventStatus{Event: event, Runs: runs})
}

// AddChange has something happen.
func (a *RecordingActivity) AddChange(change framework.EventChange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes = append(a.changes, change)
}

// AddDeadLetter stores a dead letter of an event.
func (a *RecordingActivity) AddDeadLetter(letter framework.DeadLetter, event framework.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dead = append(a.dead, deadLetter{letter, event})
}

// AddQueue stores a queue. What waits in one that is not configured goes in steps of one event.
func (a *RecordingActivity) AddQueue(queue framework.Queue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queues = append(a.queues, queue)
}

// Replayed returns the ids of the dead letters that were replayed, in order.
func (a *RecordingActivity) Replayed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.replayed)
}

// Dropped returns the ids of the dead letters that were dropped, in order.
func (a *RecordingActivity) Dropped() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.dropped)
}

// Event returns the event with the id, or framework.ErrNoEvent.
func (a *RecordingActivity) Event(ctx context.Context, id string) (framework.EventStatus, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return framework.EventStatus{}, err
	}
	for _, status := range a.events {
		if status.Event.ID == id {
			return status, nil
		}
	}
	return framework.EventStatus{}, framework.ErrNoEvent
}

// Events returns the events that a filter lets through, those added last first.
func (a *RecordingActivity) Events(ctx context.Context, filter framework.EventFilter, page framework.Page) ([]framework.EventSummary, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := []framework.EventSummary{}
	for _, status := range slices.Backward(a.events) {
		event := status.Event
		if filter.Matches(event.Type, event.Time) && filter.MatchesRuns(status.Runs) {
			runs := append([]framework.Run{}, status.Runs...)
			found = append(found, framework.EventSummary{ID: event.ID, Type: event.Type, Time: event.Time, RequestID: event.RequestID, Runs: runs})
		}
	}
	return paged(ctx, found, page)
}

// Changes returns the changes that were added since the cursor was given. It does not wait.
func (a *RecordingActivity) Changes(ctx context.Context, filter framework.EventFilter, after string, _ time.Duration) ([]framework.EventChange, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := strconv.Itoa(len(a.changes))
	if after == "" {
		return []framework.EventChange{}, now, ctx.Err()
	}
	found, _, err := paged(ctx, a.changes, framework.Page{Cursor: after, Limit: len(a.changes)})
	found = slices.DeleteFunc(found, func(change framework.EventChange) bool {
		return !filter.Matches(change.Type, change.Time) || change.Run == nil && filter.ByRuns() || change.Run != nil && !filter.MatchesRun(*change.Run)
	})
	return found, now, err
}

// DeadLetters returns the dead letters that a filter lets through, in the order in which they were added.
func (a *RecordingActivity) DeadLetters(ctx context.Context, filter framework.LetterFilter, page framework.Page) ([]framework.DeadLetter, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.chosen(filter)
	if page.Newest {
		slices.Reverse(found)
	}
	return paged(ctx, found, page)
}

func (a *RecordingActivity) chosen(filter framework.LetterFilter) []framework.DeadLetter {
	found := []framework.DeadLetter{}
	for _, letter := range a.dead {
		if filter.Matches(letter.DeadLetter) {
			found = append(found, letter.DeadLetter)
		}
	}
	return found
}

// DeadLetter returns one and its event, or framework.ErrNoEvent.
func (a *RecordingActivity) DeadLetter(ctx context.Context, id string) (framework.DeadLetter, framework.Event, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.place(id)
	if at < 0 {
		return framework.DeadLetter{}, framework.Event{}, framework.ErrNoEvent
	}
	return a.dead[at].DeadLetter, a.dead[at].event, ctx.Err()
}

// Replay removes the dead letter and records it.
func (a *RecordingActivity) Replay(ctx context.Context, act framework.Act, id string) error {
	return a.take(ctx, act, framework.AuditReplay, id)
}

// Drop removes the dead letter and records it.
func (a *RecordingActivity) Drop(ctx context.Context, act framework.Act, id string) error {
	return a.take(ctx, act, framework.AuditDrop, id)
}

// ReplayAll removes the dead letters that a filter lets through and records them.
func (a *RecordingActivity) ReplayAll(ctx context.Context, act framework.Act, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	return a.takeAll(ctx, act, framework.AuditReplay, filter, page)
}

// DropAll removes the dead letters that a filter lets through and records them.
func (a *RecordingActivity) DropAll(ctx context.Context, act framework.Act, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	return a.takeAll(ctx, act, framework.AuditDrop, filter, page)
}

// CountLetters counts the dead letters that a filter lets through.
func (a *RecordingActivity) CountLetters(ctx context.Context, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	found, next, err := a.DeadLetters(ctx, filter, page)
	return framework.Batch{Count: len(found), Next: next}, err
}

func (a *RecordingActivity) takeAll(ctx context.Context, act framework.Act, kind framework.AuditAct, filter framework.LetterFilter, page framework.Page) (framework.Batch, error) {
	a.mu.Lock()
	found := a.chosen(filter)
	a.mu.Unlock()
	var batch framework.Batch
	for _, letter := range found[:min(len(found), page.Limit)] {
		if err := a.take(ctx, act, kind, letter.ID); err != nil {
			return batch, err
		}
		batch.Count++
	}
	if batch.Count < len(found) {
		batch.Next = "0" // what was taken is gone
	}
	return batch, nil
}

func (a *RecordingActivity) take(ctx context.Context, act framework.Act, kind framework.AuditAct, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	at := a.place(id)
	if at < 0 {
		return framework.ErrNoEvent
	}
	letter := a.dead[at]
	a.dead = slices.Delete(a.dead, at, at+1)
	if kind == framework.AuditReplay {
		a.replayed = append(a.replayed, id)
	} else {
		a.dropped = append(a.dropped, id)
	}
	a.write(act, framework.AuditEntry{Act: kind, Count: 1, Letters: []framework.AuditLetter{
		{ID: id, EventID: letter.EventID, Automation: letter.Automation, Job: letter.Job},
	}})
	return nil
}

// Queues returns the queues that were added and have not been emptied.
func (a *RecordingActivity) Queues(ctx context.Context) ([]framework.Queue, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]framework.Queue{}, a.queues...), ctx.Err()
}

// CheckQueue returns a queue that is not configured.
func (a *RecordingActivity) CheckQueue(ctx context.Context, from, _ framework.QueueName) (framework.Queue, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.leftOver(from)
	if at < 0 {
		return framework.Queue{}, framework.ErrNoEvent
	}
	return a.queues[at], ctx.Err()
}

// leftOver finds a queue that is not configured, or returns -1.
func (a *RecordingActivity) leftOver(name framework.QueueName) int {
	return slices.IndexFunc(a.queues, func(q framework.Queue) bool {
		return q.Name == name.Name && !q.Configured && (name.Source == "" || name.Source == q.Source)
	})
}

// DropQueue takes an event from a queue that is not configured, and removes the queue with the last.
func (a *RecordingActivity) DropQueue(ctx context.Context, act framework.Act, name framework.QueueName) (framework.Batch, error) {
	return a.empty(ctx, act, framework.AuditEntry{Act: framework.AuditDropQueue}, name)
}

// HandOver takes an event from a queue that is not configured, and removes the queue with the last.
func (a *RecordingActivity) HandOver(ctx context.Context, act framework.Act, from, to framework.QueueName) (framework.Batch, error) {
	return a.empty(ctx, act, framework.AuditEntry{Act: framework.AuditHandOver, To: to.Name}, from)
}

func (a *RecordingActivity) empty(ctx context.Context, act framework.Act, entry framework.AuditEntry, name framework.QueueName) (framework.Batch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return framework.Batch{}, err
	}
	at := a.leftOver(name)
	if at < 0 {
		return framework.Batch{}, framework.ErrNoEvent
	}
	entry.Queue, entry.Count = name.Name, 1
	a.write(act, entry)
	a.queues[at].Waiting--
	if a.queues[at].Waiting > 0 {
		return framework.Batch{Count: 1, Next: "more"}, nil
	}
	a.queues = slices.Delete(a.queues, at, at+1)
	return framework.Batch{Count: 1}, nil
}

func (a *RecordingActivity) write(act framework.Act, entry framework.AuditEntry) {
	entry.ID, entry.Outcome, entry.Time = fmt.Sprintf("audit-%d", len(a.audit)+1), framework.AuditDone, Start()
	entry.Caller, entry.Address, entry.RequestID, entry.Reason = act.Caller, act.Address, act.RequestID, act.Reason
	a.audit = append(a.audit, entry)
}

// Audit returns what was done, newest first.
func (a *RecordingActivity) Audit(ctx context.Context, page framework.Page) ([]framework.AuditEntry, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	entries := append([]framework.AuditEntry{}, a.audit...)
	slices.Reverse(entries)
	return paged(ctx, entries, page)
}

func (a *RecordingActivity) place(id string) int {
	return slices.IndexFunc(a.dead, func(letter deadLetter) bool { return letter.ID == id })
}

// paged returns the part of a list that a page asks for.
func paged[E any](ctx context.Context, all []E, page framework.Page) ([]E, string, error) {
	from := 0
	if page.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(page.Cursor); err != nil || from < 0 || from > len(all) {
			return nil, "", framework.ErrCursor
		}
	}
	to, next := min(from+page.Limit, len(all)), ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return append([]E{}, all[from:to]...), next, ctx.Err()
}
