package framework

import (
	"context"
	"errors"
	"time"
)

// ErrNoEvent says that no event, dead letter or automation of that id is stored.
var ErrNoEvent = errors.New("no such event")

// RunState says how far an automation is with an event.
type RunState string

// The states of a run.
const (
	RunWaiting  RunState = "waiting"  // not begun, or waiting until NextTry: for a quota, or for a service that is down
	RunRunning  RunState = "running"  // an attempt is under way
	RunRetrying RunState = "retrying" // an attempt failed; the next is at NextTry
	RunDone     RunState = "done"
	RunSkipped  RunState = "skipped" // its condition does not hold
	RunDead     RunState = "dead"    // given up: see the dead letters
)

// Run is what became of one event in one job of one automation.
type Run struct {
	Automation string    `json:"automation"`
	Job        string    `json:"job,omitempty" doc:"Which of the automation's independent jobs, such as the enricher"`
	State      RunState  `json:"state" enum:"waiting,running,retrying,done,skipped,dead"`
	Attempts   int       `json:"attempts" doc:"Attempts begun so far"`
	Reason     string    `json:"reason,omitempty" doc:"Why it failed or waits"`
	NextTry    time.Time `json:"next_try,omitzero" doc:"When it is tried again"`
	Result     string    `json:"result,omitempty" doc:"What it did"`
	Link       string    `json:"link,omitempty"`
	ChangedAt  time.Time `json:"changed_at,omitzero"`
}

// EventStatus is an event with the state of its automations, in the order of the configuration.
type EventStatus struct {
	Event Event `json:"event"`
	Runs  []Run `json:"runs"`
}

// DeadLetter is an event that an automation gave up on.
type DeadLetter struct {
	ID         string    `json:"id"`
	EventID    string    `json:"event_id"`
	EventType  string    `json:"event_type"`
	Automation string    `json:"automation"`
	Job        string    `json:"job,omitempty"`
	Reason     string    `json:"reason" doc:"Why it was given up, for a person to act on"`
	Attempts   int       `json:"attempts"`
	FirstTry   time.Time `json:"first_try,omitzero"`
	GivenUpAt  time.Time `json:"given_up_at"`
}

// Activity is the engine as its operators see it. Unknown ids are ErrNoEvent.
type Activity interface {
	// Event returns one event and its runs.
	Event(ctx context.Context, id string) (EventStatus, error)
	// Recent returns the newest events, newest first, at most limit.
	Recent(ctx context.Context, limit int) ([]Event, error)
	// DeadLetters returns all dead letters, oldest first, at most limit.
	DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error)
	// DeadLetter returns one and its event.
	DeadLetter(ctx context.Context, id string) (DeadLetter, Event, error)
	// Replay gives the event to the one job that gave it up, and removes the dead letter.
	Replay(ctx context.Context, id string) error
	// Drop removes a dead letter for good.
	Drop(ctx context.Context, id string) error
}

// Readiness is the state of one thing that the server depends on.
type Readiness struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty" doc:"Why it is not ready"`
	// Vital says that without it the server must not be sent requests: events could not be stored.
	Vital bool `json:"vital" doc:"Without it no event can be stored"`
	// AgeSeconds is how long ago it was asked, in whole seconds: an answer may be given again for a while.
	AgeSeconds int `json:"age_seconds" minimum:"0" doc:"How long ago it was asked"`
}
