package enrich

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"funnelweb/framework"
)

var ticketKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+-[0-9]+$`)

// maxKey bounds a ticket's key in bytes: it becomes part of a ledger key of at most 200.
const maxKey = 80

const (
	awaitLimit = 72 * time.Hour   // for the ticket of an event: a weekend
	maxAwait   = 10 * time.Minute // between two looks for it
)

// target is the ticket that a job is about.
type target struct {
	ticket string // its key
	entry  string // of the ledger, and the comment's mark
	origin string // the hash from its own label, which leads to the alert, or empty
	remark string // about a label that is not its own, without an end, or empty
	lost   bool   // it has a label of which nothing is recorded
	data   any    // of the job's event
}

// locate finds the ticket that is made of the job's event, else reads the ticket's key and labels from the event.
func (a *Action) locate(ctx context.Context, job framework.Job) (target, error) {
	data, err := framework.DecodeData(job.Event.Data)
	if err != nil {
		return target{}, fmt.Errorf("decode event %s: %w", job.Event.ID, err)
	}
	if a.config.TicketOf != "" {
		return a.awaited(ctx, job, data)
	}
	keys := lookup(data, "issue.key")
	if len(keys) != 1 || len(keys[0]) > maxKey || !ticketKey.MatchString(keys[0]) {
		return target{}, permanent("the event is not about a ticket: it has no issue.key of the form ABC-123")
	}
	return a.prove(ctx, job, a.target(job, keys[0], data), originHashes(data))
}

func (a *Action) target(job framework.Job, key string, data any) target {
	found := target{ticket: key, entry: "comment." + key, data: data}
	if a.config.Separate {
		found.entry += "." + job.Name
	}
	return found
}

// awaited is the ticket that another automation makes of the job's event. While there is none the job waits, ever longer:
// making it may itself wait for Jira, or for a person who replays a dead letter.
func (a *Action) awaited(ctx context.Context, job framework.Job, data any) (target, error) {
	making := framework.Job{Automation: a.config.TicketOf, Event: job.Event}
	key, err := framework.Outcome(ctx, a.ledger, "ticket."+making.Key()) // where the action ticket records it
	if err == nil && key == "" && a.forgets() {
		key, err = a.ticketOf(ctx, a.config.TicketOf, job.Event.ID)
	}
	if err != nil {
		return target{}, err
	}
	age := a.now().Sub(job.Event.Time)
	switch {
	case len(key) > maxKey || key != "" && !ticketKey.MatchString(key):
		return target{}, permanent("what the automation " + a.config.TicketOf + " made has no key of the form ABC-123")
	case key != "":
		return a.target(job, key, data), nil
	case age > awaitLimit:
		return target{}, permanent("the automation " + a.config.TicketOf + " made no ticket of this event: see what became of it there")
	}
	return target{}, &framework.Wait{Until: a.now().Add(nextLook(age)), Reason: "the automation " + a.config.TicketOf + " has not made a ticket of this event yet"}
}

// origin returns the data of the alert that the ticket was made of. It is nil when the ticket was made by somebody else, or
// when the alert is lost: no longer stored, or not to be found.
func (a *Action) origin(ctx context.Context, target target) (alert any, lost bool, err error) {
	if target.origin == "" || a.activity == nil {
		return nil, target.lost, nil
	}
	id, err := a.originID(ctx, target)
	if err != nil {
		return nil, false, err
	}
	if id == "" {
		return nil, true, nil
	}
	status, err := a.activity.Event(ctx, id)
	if errors.Is(err, framework.ErrNoEvent) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the alert of %s: %w", target.ticket, err)
	}
	framework.Relate(ctx, status.Event)
	alert, err = framework.DecodeData(status.Event.Data)
	if err != nil {
		return nil, false, fmt.Errorf("decode event %s: %w", id, err)
	}
	return alert, false, nil
}
