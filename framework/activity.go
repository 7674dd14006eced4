package framework

import (
	"context"
	"errors"
	"time"
)

// ErrNoEvent says that no event, dead letter or automation of that id is stored.
var ErrNoEvent = errors.New("no such event")

// ErrCursor says that a Page.Cursor is not one that the same list gave.
var ErrCursor = errors.New("not a cursor of this list")

// RunState says how far an automation is with an event.
type RunState string

// The states of a run.
const (
	RunWaiting  RunState = "waiting"  // not begun, or waiting until NextTry: for a quota, or for a service that is down
	RunRunning  RunState = "running"  // an attempt is under way
	RunRetrying RunState = "retrying" // an attempt failed; the next is at NextTry
	RunDone     RunState = "done"
	RunSkipped  RunState = "skipped" // its condition does not hold, or an operator took the event from its queue
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

// EventSummary is an EventStatus without the event's data.
type EventSummary struct {
	ID        string    `json:"id"`
	Type      string    `json:"type" doc:"source.what, such as splunk.alert"`
	Time      time.Time `json:"time" doc:"When it was accepted"`
	RequestID string    `json:"request_id" doc:"The request that brought it"`
	Runs      []Run     `json:"runs" doc:"What became of it, by automation and job"`
}

// EventChange is one step in the life of an event: it was accepted, or a run of it changed.
type EventChange struct {
	Time    time.Time `json:"time"`
	EventID string    `json:"event_id"`
	Type    string    `json:"type,omitempty" doc:"source.what, while the event is stored"`
	Run     *Run      `json:"run,omitempty" doc:"The run as it is now; absent when the event was accepted"`
}

// DeadLetter is an event that an automation gave up on.
type DeadLetter struct {
	ID         string    `json:"id"`
	EventID    string    `json:"event_id"`
	EventType  string    `json:"event_type"`
	Automation string    `json:"automation"`
	Job        string    `json:"job,omitempty"`
	Service    string    `json:"service,omitempty" doc:"The outside service that failed, such as jira, or what else did"`
	Reason     string    `json:"reason" doc:"Why it was given up, for a person to act on"`
	Attempts   int       `json:"attempts"`
	FirstTry   time.Time `json:"first_try,omitzero"`
	GivenUpAt  time.Time `json:"given_up_at"`
}

// Queue is what waits for one job of one automation.
type Queue struct {
	Name       string    `json:"name" doc:"The automation, and its job after a slash where it has several"`
	Source     string    `json:"source" doc:"Where its events come from"`
	Type       string    `json:"type" doc:"The type of event that it takes"`
	Configured bool      `json:"configured" doc:"Whether the configuration has this automation; else nothing works on what waits"`
	Waiting    uint64    `json:"waiting" doc:"Events that it is not finished with"`
	Oldest     time.Time `json:"oldest,omitzero" doc:"When the first of these was accepted"`
	LeftAt     time.Time `json:"left_at,omitzero" doc:"When it was first noticed that the configuration has it no more; later events are not its own"`
	Services   []Circuit `json:"services,omitempty" doc:"Those that its jobs need and that are down, or come back just now"`
}

// Page is a part of a list.
type Page struct {
	Limit  int    // the most entries
	Cursor string // Next of the page before; the beginning when empty
	Newest bool   // newest first, where a list knows both orders
}

// EventReader reads stored events. Unknown ids are ErrNoEvent.
type EventReader interface {
	// Event returns one event and its runs.
	Event(ctx context.Context, id string) (EventStatus, error)
	// Events returns events that a filter lets through, newest first, and the cursor of the next page, "" at the end. A
	// call reads a bounded number of events: a page may be short, or empty, and not the last.
	Events(ctx context.Context, filter EventFilter, page Page) ([]EventSummary, string, error)
	// Changes returns what happened after a cursor, oldest first, and the next cursor; without one just the cursor of now.
	// While there is nothing it waits, as long as told. Of several changes of one run the last is told.
	Changes(ctx context.Context, filter EventFilter, after string, wait time.Duration) ([]EventChange, string, error)
}

// LetterKeeper keeps what automations gave up on. Unknown ids are ErrNoEvent. Each act is in the audit log before it is done.
type LetterKeeper interface {
	// DeadLetters returns dead letters that a filter lets through, and the cursor of the next page, "" at the end. A call reads
	// a bounded number: a page may be short, or empty, and not the last.
	DeadLetters(ctx context.Context, filter LetterFilter, page Page) ([]DeadLetter, string, error)
	// DeadLetter returns one and its event.
	DeadLetter(ctx context.Context, id string) (DeadLetter, Event, error)
	// Replay gives the event to the one job that gave it up, and removes the dead letter.
	Replay(ctx context.Context, act Act, id string) error
	// Drop removes a dead letter for good.
	Drop(ctx context.Context, act Act, id string) error
	// ReplayAll replays up to Page.Limit dead letters, oldest first; Batch.Next goes on. What is given up again meanwhile is
	// not replayed a second time.
	ReplayAll(ctx context.Context, act Act, filter LetterFilter, page Page) (Batch, error)
	// DropAll drops as ReplayAll replays.
	DropAll(ctx context.Context, act Act, filter LetterFilter, page Page) (Batch, error)
	// CountLetters counts what these would act on; Batch.Next goes on.
	CountLetters(ctx context.Context, filter LetterFilter, page Page) (Batch, error)
}

// QueueKeeper looks after what waits. An unknown name is ErrNoEvent.
type QueueKeeper interface {
	// Queues returns those of the configuration, in its order, then those that it has no more and for which events wait.
	Queues(ctx context.Context) ([]Queue, error)
	// CheckQueue returns the queue that DropQueue would empty, or HandOver where there is one to hand over to, or the error that
	// they would return before they do anything.
	CheckQueue(ctx context.Context, from QueueName, to QueueName) (Queue, error)
	// DropQueue takes a bounded number of waiting events from a queue that is not configured; Batch.Next says that there are
	// more. When there are none it removes the queue.
	DropQueue(ctx context.Context, act Act, queue QueueName) (Batch, error)
	// HandOver gives them to a configured queue in the same way, each once, however often it is called or cut short.
	HandOver(ctx context.Context, act Act, from QueueName, to QueueName) (Batch, error)
}

// Auditor keeps the audit log.
type Auditor interface {
	// Audit returns entries, newest first, and the cursor of the next page, "" at the end.
	Audit(ctx context.Context, page Page) ([]AuditEntry, string, error)
}

// Activity is the engine as its operators see it.
type Activity interface {
	EventReader
	LetterKeeper
	QueueKeeper
	Auditor
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
