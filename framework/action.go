package framework

import (
	"context"
	"time"
)

// Job is one piece of work of one automation for one event. The engine delivers it at least once.
type Job struct {
	Automation string // the automation's name
	Name       string // which of the action's jobs; empty when it has one
	Event      Event
	Attempt    int // from 1; a wait for a quota does not count
}

// Key identifies the job across redeliveries, restarts and replays: the place for it in the ledger.
func (j Job) Key() string { return Fingerprint(j.Automation, j.Name, j.Event.ID) }

// Result says what a job did.
type Result struct {
	Summary string // one plain sentence: "created SEC-1"
	Link    string // where a person sees it, or empty
}

// Action is what an automation does with an event.
type Action interface {
	// Do does one job. It may run again after it succeeded, so each side effect goes through the ledger (Once).
	// A ServiceError says whether and when to try again, a Wait that it is not yet time; any other error counts
	// as transient and its text is shown to nobody but the log.
	Do(ctx context.Context, job Job) (Result, error)
}

// Divided is implemented by an action whose work falls into independent jobs. Each gets a queue and a
// retry state of its own, so that one that is slow or failing delays no other.
type Divided interface {
	// Jobs names them; the names are part of stored state and must not change between starts.
	Jobs() []string
}

// FailureWatcher is implemented by an action that shows people what became of a failed job.
type FailureWatcher interface {
	// Failed is called after a failed attempt or a wait, before the job is put back or given up. Its own error is logged only.
	Failed(ctx context.Context, job Job, failure Failure) error
}

// Failure is a failed attempt, or a wait, as people may see it.
type Failure struct {
	Reason   string    // from Reason: safe to show
	Waiting  bool      // nothing failed: the job waits, for a quota say
	Next     time.Time // when it is tried again; zero when it was given up
	Attempts int       // failed attempts so far
}
