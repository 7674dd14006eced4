package framework

import (
	"strings"
	"time"
)

// Act is who does something to what is stored, and why: the audit log has it before it is done.
type Act struct {
	Caller    string // as Request.Identity says
	Address   string // as Request.Client says
	RequestID string
	Reason    string // in the words of the caller
}

// ActOf is the act of whoever makes a call.
func ActOf(r *Request, reason string) Act {
	act := Act{Caller: r.Identity(), RequestID: r.ID, Reason: reason}
	if r.Client().IsValid() {
		act.Address = r.Client().String()
	}
	return act
}

// Batch is what came of a bounded number of dead letters or events.
type Batch struct {
	Count  int            // done
	Failed []FailedLetter // not done, and why
	Next   string         // cursor of the next batch; empty at the end
}

// FailedLetter is a dead letter that could not be replayed, and stays.
type FailedLetter struct {
	ID     string `json:"id"`
	Reason string `json:"reason" doc:"Why it could not be replayed"`
}

// QueueName names a queue as lists do. Source may be empty where the name alone is enough.
type QueueName struct{ Name, Source string }

// String is the name, behind the source if that is given.
func (n QueueName) String() string { return strings.TrimPrefix(n.Source+":"+n.Name, ":") }

// AuditAct is a kind of act.
type AuditAct string

// The kinds of acts.
const (
	AuditReplay    AuditAct = "replay"
	AuditDrop      AuditAct = "drop"
	AuditDropQueue AuditAct = "drop-queue"
	AuditHandOver  AuditAct = "hand-over"
)

// AuditOutcome says how far an act got.
type AuditOutcome string

// The outcomes. An act whose process ended before it could write more stays begun.
const (
	AuditBegun  AuditOutcome = "begun"
	AuditDone   AuditOutcome = "done"
	AuditPartly AuditOutcome = "partly" // some stay as they were, or someone else was faster
	AuditFailed AuditOutcome = "failed" // the log has the cause; Count says what was done before
)

// AuditEntry is an operator's act.
type AuditEntry struct {
	ID        string        `json:"id"`
	Time      time.Time     `json:"time" doc:"When it was begun"`
	Act       AuditAct      `json:"act" enum:"replay,drop,drop-queue,hand-over"`
	Caller    string        `json:"caller,omitempty" doc:"Who did it, as the plugin says that let the call through"`
	Address   string        `json:"address,omitempty" doc:"From where"`
	RequestID string        `json:"request_id"`
	Reason    string        `json:"reason,omitempty" doc:"Why, in the caller's words"`
	Filter    *LetterFilter `json:"filter,omitempty" doc:"What was chosen; absent when it was one dead letter, or a queue"`
	Queue     string        `json:"queue,omitempty" doc:"The queue whose events were dropped or handed over"`
	To        string        `json:"to,omitempty" doc:"The queue that they were given to"`
	Letters   []AuditLetter `json:"letters,omitempty" doc:"The dead letters that were to be replayed or dropped"`
	Outcome   AuditOutcome  `json:"outcome" enum:"begun,done,partly,failed" doc:"begun: the server ended before it could write more"`
	Meant     int           `json:"meant,omitempty" doc:"How many dead letters or events it was to be done to"`
	Count     int           `json:"count" doc:"How many it was done to"`
	EndedAt   time.Time     `json:"ended_at,omitzero"`
}

// AuditLetter is a dead letter in the audit log: once it is dropped, it is nowhere else.
type AuditLetter struct {
	ID         string `json:"id"`
	EventID    string `json:"event_id"`
	Automation string `json:"automation"`
	Job        string `json:"job,omitempty"`
}
