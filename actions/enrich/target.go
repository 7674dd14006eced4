package enrich

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"funnelweb/framework"
)

var (
	ticketKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+-[0-9]+$`)
	// The action ticket puts this label on its tickets: fw- and a framework.Fingerprint.
	originLabel = regexp.MustCompile(`^fw-([a-z2-7]{26})$`)
)

// maxKey bounds a ticket's key in bytes: it becomes part of a ledger key of at most 200.
const maxKey = 80

// target is the ticket that a job is about.
type target struct {
	ticket string // its key
	entry  string // of the ledger, and the comment's mark
	origin string // the hash from the label that leads to the alert, or empty
	data   any    // of the job's event
}

// locate reads the ticket's key and labels from the job's event.
func (a *Action) locate(job framework.Job) (target, error) {
	data, err := framework.DecodeData(job.Event.Data)
	if err != nil {
		return target{}, fmt.Errorf("decode event %s: %w", job.Event.ID, err)
	}
	keys := lookup(data, "issue.key")
	if len(keys) != 1 || len(keys[0]) > maxKey || !ticketKey.MatchString(keys[0]) {
		return target{}, permanent("the event is not about a ticket: it has no issue.key of the form ABC-123")
	}
	found := target{ticket: keys[0], entry: "comment." + keys[0], data: data}
	if a.config.Separate {
		found.entry += "." + job.Name
	}
	for _, label := range lookup(data, "issue.fields.labels") {
		if match := originLabel.FindStringSubmatch(label); match != nil {
			found.origin = match[1]
			break
		}
	}
	return found, nil
}

// origin returns the data of the alert that the ticket was made of, or nil when it was made by somebody else or the
// alert is no longer stored.
func (a *Action) origin(ctx context.Context, target target) (any, error) {
	if target.origin == "" || a.activity == nil {
		return nil, nil
	}
	id, _, err := a.ledger.Get(ctx, "origin."+target.origin)
	if errors.Is(err, framework.ErrNotRecorded) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read origin of %s: %w", target.ticket, err)
	}
	status, err := a.activity.Event(ctx, string(id))
	if errors.Is(err, framework.ErrNoEvent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the alert of %s: %w", target.ticket, err)
	}
	alert, err := framework.DecodeData(status.Event.Data)
	if err != nil {
		return nil, fmt.Errorf("decode event %s: %w", id, err)
	}
	return alert, nil
}
