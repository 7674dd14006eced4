package framework

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// AwaitLimit is how long AwaitTicket waits: a weekend, in which nobody mends Jira or replays a dead letter.
const AwaitLimit = 72 * time.Hour

// maxLook is the longest time between two looks for what is awaited.
const maxLook = 10 * time.Minute

// maxTicketKey bounds a ticket's key in bytes: it becomes part of a ledger key of at most 200.
const maxTicketKey = 80

var (
	ticketKey   = regexp.MustCompile(`^[A-Z][A-Z0-9_]+-[0-9]+$`)
	keyInResult = regexp.MustCompile(`\b[A-Z][A-Z0-9_]+-[0-9]+\b`)
)

// IsTicketKey reports whether a text is the key of a ticket, such as SEC-1.
func IsTicketKey(text string) bool { return len(text) <= maxTicketKey && ticketKey.MatchString(text) }

// TicketEntry is the entry of the ledger in which the action ticket records the ticket that a job of that key makes, by Once.
func TicketEntry(jobKey string) string { return "ticket." + jobKey }

// AwaitTicket returns the key of the ticket that another automation makes of an event. While there is none the error is a
// *Wait, ever longer: making it may itself wait for Jira, or for a person who replays a dead letter. After AwaitLimit it is
// permanent. Of deps it uses Now, Ledger, Tickets and, where the ledger says that it forgets, Activity: the run that made the
// ticket tells its key too.
//
// How long an event has waited is told by its time and the clock, which may have been set ahead; once the making of the ticket
// was begun it is no longer than the ledger has had the record of that (Ledger.Age).
func AwaitTicket(ctx context.Context, deps Deps, automation string, event Event) (string, error) {
	making := Job{Automation: automation, Event: event}
	record, revision, err := readEffect(ctx, deps.Ledger, TicketEntry(making.Key()))
	if err != nil {
		return "", err
	}
	key := ""
	switch {
	case record.State == stateDone:
		key = record.Result
	case Forgets(deps.Ledger) && deps.Activity != nil:
		run, err := RunOf(ctx, deps.Activity, event.ID, automation, "")
		if err != nil {
			return "", err
		}
		key = TicketOfRun(deps.Tickets, run)
	}
	age := deps.Now().Sub(event.Time)
	if revision > 0 {
		age = min(age, deps.Ledger.Age(revision))
	}
	switch {
	case key != "" && !IsTicketKey(key):
		return "", noTicket("what the automation " + automation + " made has no key of the form ABC-123")
	case key != "":
		return key, nil
	case age > AwaitLimit:
		return "", noTicket("the automation " + automation + " made no ticket of this event: see what became of it there")
	}
	return "", &Wait{Until: deps.Now().Add(NextLook(age)), Reason: "the automation " + automation + " has not made a ticket of this event yet"}
}

func noTicket(reason string) error {
	return &ServiceError{Service: "ticket", Op: "wait for the ticket", Reason: reason, Permanent: true}
}

// NextLook is how long to wait for what was not there after that time: ever longer, and never long.
func NextLook(waited time.Duration) time.Duration { return min(max(waited/2, time.Second), maxLook) }

// Forgets reports whether the ledger says that it may have lost what was recorded.
func Forgets(ledger Ledger) bool {
	forgetful, ok := ledger.(Forgetful)
	return ok && forgetful.Forgets()
}

// RunOf returns the run of an event in a job of an automation, a zero one when there is none.
func RunOf(ctx context.Context, events EventReader, eventID, automation, job string) (Run, error) {
	status, err := events.Event(ctx, eventID)
	if errors.Is(err, ErrNoEvent) {
		return Run{}, nil
	}
	if err != nil {
		return Run{}, fmt.Errorf("read the runs of event %s: %w", eventID, err)
	}
	for _, run := range status.Runs {
		if run.Automation == automation && run.Job == job {
			return run, nil
		}
	}
	return Run{}, nil
}

// TicketOfRun returns the key of the ticket that a run of the action ticket made, or "" where it made none.
func TicketOfRun(tickets Tickets, run Run) string {
	key := keyInResult.FindString(run.Result)
	if run.State != RunDone || key == "" || tickets.Link(key) != run.Link {
		return ""
	}
	return key
}
