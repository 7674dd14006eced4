package frameworktest

import (
	"context"
	"slices"
	"sync"

	"funnelweb/framework"
)

// RecordingActivity is a framework.Activity over what a test adds to it.
type RecordingActivity struct {
	mu       sync.Mutex
	events   []framework.EventStatus
	dead     []deadLetter
	replayed []string
	dropped  []string
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

// AddDeadLetter stores a dead letter of an event.
func (a *RecordingActivity) AddDeadLetter(letter framework.DeadLetter, event framework.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dead = append(a.dead, deadLetter{letter, event})
}

// Replayed returns the ids given to Replay that were there, in order.
func (a *RecordingActivity) Replayed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.replayed)
}

// Dropped returns the ids given to Drop that were there, in order.
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

// Recent returns the events added last, newest first.
func (a *RecordingActivity) Recent(ctx context.Context, limit int) ([]framework.Event, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := []framework.Event{}
	for _, status := range slices.Backward(a.events) {
		if len(events) < limit {
			events = append(events, status.Event)
		}
	}
	return events, ctx.Err()
}

// DeadLetters returns the dead letters in the order in which they were added.
func (a *RecordingActivity) DeadLetters(ctx context.Context, limit int) ([]framework.DeadLetter, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	letters := []framework.DeadLetter{}
	for _, letter := range a.dead {
		if len(letters) < limit {
			letters = append(letters, letter.DeadLetter)
		}
	}
	return letters, ctx.Err()
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
func (a *RecordingActivity) Replay(ctx context.Context, id string) error {
	return a.take(ctx, id, &a.replayed)
}

// Drop removes the dead letter and records it.
func (a *RecordingActivity) Drop(ctx context.Context, id string) error {
	return a.take(ctx, id, &a.dropped)
}

func (a *RecordingActivity) take(ctx context.Context, id string, into *[]string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	at := a.place(id)
	if at < 0 {
		return framework.ErrNoEvent
	}
	a.dead = slices.Delete(a.dead, at, at+1)
	*into = append(*into, id)
	return nil
}

func (a *RecordingActivity) place(id string) int {
	return slices.IndexFunc(a.dead, func(letter deadLetter) bool { return letter.ID == id })
}
