package enrich

import (
	"context"
	"errors"
	"fmt"

	"funnelweb/framework"
)

// A ledger that says that it forgets has lost records (framework.Forgetful). What they said is then found in another way:
// from events and what became of them, which are kept elsewhere.

// How many events are looked at for the one that a ticket was made of: pages of so many, the latest first.
const (
	searchPage  = 500
	searchPages = 8
)

// alertLost is what people are told about a ticket whose alert cannot be found.
const alertLost = "The alert that this ticket was made for is not found: it is no longer kept, or many events came after it."

func (a *Action) forgets() bool { return framework.Forgets(a.ledger) && a.activity != nil }

// originID returns the id of the event that a ticket was made of, or "". One that the ledger lost is looked for once: what
// comes of it is recorded, also that there is none.
func (a *Action) originID(ctx context.Context, target target) (string, error) {
	entry := "origin." + target.origin
	id, _, err := a.ledger.Get(ctx, entry)
	switch {
	case err == nil:
		return string(id), nil
	case !errors.Is(err, framework.ErrNotRecorded):
		return "", fmt.Errorf("read origin of %s: %w", target.ticket, err)
	case !a.forgets():
		return "", nil
	}
	found, err := a.searchOrigin(ctx, target.origin)
	if err != nil {
		return "", fmt.Errorf("look for the alert of %s: %w", target.ticket, err)
	}
	if _, err := a.ledger.Put(ctx, entry, []byte(found), 0); err != nil && !errors.Is(err, framework.ErrConflict) {
		return "", fmt.Errorf("record origin of %s: %w", target.ticket, err)
	}
	return found, nil
}

// searchOrigin looks for the event that one of its jobs made the label of.
func (a *Action) searchOrigin(ctx context.Context, hash string) (string, error) {
	page := framework.Page{Limit: searchPage}
	for range searchPages {
		events, next, err := a.activity.Events(ctx, framework.EventFilter{}, page)
		if err != nil {
			return "", err
		}
		for _, event := range events {
			for _, run := range event.Runs {
				job := framework.Job{Automation: run.Automation, Name: run.Job, Event: framework.Event{ID: event.ID}}
				if job.Key() == hash {
					return event.ID, nil
				}
			}
		}
		if next == "" {
			break
		}
		page.Cursor = next
	}
	return "", nil
}

// restore asks again for those who share the job's comment and whose answers were lost with the ledger's records: their own
// jobs are done, and nobody else would.
func (a *Action) restore(ctx context.Context, job framework.Job, target target) error {
	if !a.forgets() {
		return nil
	}
	for _, name := range a.order(job) {
		other := job
		other.Name = name
		stored, _, err := a.load(ctx, target.entry)
		if err != nil {
			return err
		}
		section := stored.section(other)
		if name == job.Name || section.isDone(other) || section.isNewer(other) {
			continue
		}
		run, err := framework.RunOf(ctx, a.activity, job.Event.ID, job.Automation, name)
		if err != nil {
			return err
		}
		if run.State != framework.RunDone {
			continue
		}
		answered, err := a.ask(ctx, other, target, section)
		if err != nil {
			return err
		}
		err = a.change(ctx, target.entry, func(s *state) bool {
			return !s.section(other).isDone(other) && s.put(a.order(other), other, answered)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
