package enrich

import (
	"context"
	"errors"
	"fmt"

	"funnelweb/framework"
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
		key, err := framework.AwaitTicket(ctx, a.deps(), a.config.TicketOf, job.Event)
		return a.target(job, key, data), err
	}
	keys := lookup(data, "issue.key")
	if len(keys) != 1 || !framework.IsTicketKey(keys[0]) {
		return target{}, permanent("the event is not about a ticket: it has no issue.key of the form ABC-123")
	}
	return a.prove(ctx, a.target(job, keys[0], data))
}

func (a *Action) target(job framework.Job, key string, data any) target {
	found := target{ticket: key, entry: "comment." + key, data: data}
	if a.config.Separate {
		found.entry += "." + job.Name
	}
	return found
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
