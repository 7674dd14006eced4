package ticket

import (
	"context"
	"errors"
	"strings"
	"time"

	"funnelweb/framework"
)

const (
	// What is on a ticket is read consistently: this is for clocks that differ.
	readLag = 10 * time.Second
	// A file may take as long to be sent as any call of a service.
	uploadLimit = 30 * time.Second
)

// complete does what follows once there is a ticket. Each step is recorded, so that one that must wait, as Jira spaces the
// writes to one ticket, does not begin those before it anew.
func (a *Action) complete(ctx context.Context, job framework.Job, key string, files []framework.TicketFile) error {
	hash := job.Key()
	if a.config.EventsURL != "" {
		if err := a.link(ctx, job, key); err != nil {
			return err
		}
	}
	for _, file := range files {
		_, err := framework.Once(ctx, a.ledger, a.now, "file."+hash+"."+file.Name, framework.Effect{
			Find:  func(ctx context.Context) (string, error) { return a.tickets.FindFile(ctx, key, file.Name) },
			Do:    func(ctx context.Context) (string, error) { return a.tickets.AddFile(ctx, key, file) },
			Limit: uploadLimit, Lag: readLag,
		})
		if err != nil {
			return err
		}
	}
	if a.config.Transition == "" {
		return nil
	}
	return a.move(ctx, hash, key)
}

// link leads from the ticket to its event. It is idempotent: when it is not known whether it is there it is made again.
func (a *Action) link(ctx context.Context, job framework.Job, key string) error {
	link := framework.TicketLink{
		ID: "funnelweb=" + job.Event.ID, URL: strings.TrimSuffix(a.config.EventsURL, "/") + "/" + job.Event.ID,
		Title: "Funnelweb event " + job.Event.ID,
	}
	_, err := framework.Once(ctx, a.ledger, a.now, "link."+job.Key(), framework.Effect{
		Find: func(context.Context) (string, error) { return "", nil },
		Do:   func(ctx context.Context) (string, error) { return link.ID, a.tickets.AddLink(ctx, key, link) },
	})
	return err
}

// move moves the ticket from the status in which it was made. Where it has left that already, by an attempt whose answer was
// lost or by a person, it stays.
func (a *Action) move(ctx context.Context, hash, key string) error {
	status := func(ctx context.Context) (string, error) { return a.tickets.Status(ctx, key) }
	first, err := framework.Once(ctx, a.ledger, a.now, "status."+hash, framework.Effect{Find: status, Do: status})
	if err != nil {
		return err
	}
	left := func(ctx context.Context) (string, error) {
		now, err := status(ctx)
		if now == first {
			now = ""
		}
		return now, err
	}
	_, err = framework.Once(ctx, a.ledger, a.now, "move."+hash, framework.Effect{
		Find: left, Lag: readLag,
		Do: func(ctx context.Context) (string, error) {
			if now, err := left(ctx); err != nil || now != "" {
				return now, err
			}
			return a.tickets.Move(ctx, key, a.config.Transition)
		},
	})
	return err
}

// afterwards makes a failure say that there is a ticket.
func afterwards(key string, err error) error {
	failure, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		return err
	}
	told := *failure
	told.Reason = key + " was made, and then: " + told.Reason
	return &told
}
