package enrich

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"funnelweb/framework"
)

// A ticket's label fw-<hash> leads to the alert that the ticket was made of. But whoever clones a ticket copies its labels, and
// whoever may edit one can add any: a label counts only on the ticket that the action ticket made with it.

// The action ticket puts this label on its tickets: fw- and a framework.Fingerprint.
var originLabel = regexp.MustCompile(`^fw-([a-z2-7]{26})$`)

// So many of these labels of one ticket are looked at.
const maxLabels = 20

// maxOpen is how long to wait at most for what becomes of a ticket that is being made: it is known soon.
const maxOpen = 15 * time.Second

// originHashes reads the labels in an event's data, and counts those that are too many.
func originHashes(data any) (hashes []string, more int) {
	seen := map[string]bool{}
	for _, label := range lookup(data, "issue.fields.labels") {
		match := originLabel.FindStringSubmatch(label)
		switch {
		case match == nil || seen[match[1]]:
			continue
		case len(hashes) == maxLabels:
			more++
		default:
			hashes = append(hashes, match[1])
		}
		seen[match[1]] = true
	}
	return hashes, more
}

// prove gives the target the label that is its own, or what to say about one that is not. Jira's webhook may come before the
// new ticket is recorded: while that is open the job waits.
func (a *Action) prove(ctx context.Context, found target) (target, error) {
	hashes, more := originHashes(found.data)
	open, age := "", time.Duration(0)
	for _, hash := range hashes {
		proof, err := a.labelled(ctx, found, hash)
		switch {
		case err != nil:
			return target{}, err
		case proof.key == found.ticket:
			found.origin, found.remark = hash, ""
			return found, nil
		case proof.open && (open == "" || proof.age < age):
			open, age = hash, proof.age
		case proof.key != "" && found.remark == "":
			found.remark = "The label fw-" + hash + " belongs to " + cut(proof.key, maxShown)
		}
	}
	if open != "" && age <= framework.AwaitLimit {
		reason := "it is not recorded yet of which ticket the label fw-" + open + " is"
		return target{}, &framework.Wait{Until: a.now().Add(min(framework.NextLook(age), maxOpen)), Reason: reason}
	}
	if open != "" && found.remark == "" {
		found.remark = "Which ticket the label fw-" + open + " belongs to is not known"
	}
	switch {
	case found.remark != "" && more == 1:
		found.remark += ". 1 more label of this form was not looked at"
	case found.remark != "" && more > 1:
		found.remark += fmt.Sprintf(". %d more labels of this form were not looked at", more)
	}
	found.lost = len(hashes) > 0 && found.remark == ""
	return found, nil
}

// proof is what is known of the ticket that was made with a label.
type proof struct {
	key  string        // of it; empty when none is known
	open bool          // it was begun to be made, and is not proven yet
	age  time.Duration // how long that has been so, by the ledger: no clock that is set changes it
}

// labelled returns what is known of the ticket that was made with a label.
func (a *Action) labelled(ctx context.Context, target target, hash string) (proof, error) {
	entry := framework.TicketEntry(hash)
	key, err := framework.Outcome(ctx, a.ledger, entry)
	if err != nil || key != "" {
		return proof{key: key}, err
	}
	_, revision, err := a.ledger.Get(ctx, entry)
	if err != nil && !errors.Is(err, framework.ErrNotRecorded) {
		return proof{}, fmt.Errorf("read the ticket of a label of %s: %w", target.ticket, err)
	}
	known := proof{}
	if err == nil {
		known = proof{open: true, age: a.ledger.Age(revision)} // it was begun
	}
	if !a.forgets() {
		return known, nil
	}
	// A record that was lost may have uncovered an older one of the same: that it was begun.
	target.origin = hash
	byRun, err := a.labelledByRun(ctx, target)
	if err == nil && byRun == (proof{}) {
		return known, nil
	}
	return byRun, err
}

// labelledByRun is labelled for a record that the ledger lost, as the run tells that made the ticket.
func (a *Action) labelledByRun(ctx context.Context, target target) (proof, error) {
	id, err := a.originID(ctx, target)
	if err != nil || id == "" {
		return proof{}, err
	}
	status, err := a.activity.Event(ctx, id)
	if errors.Is(err, framework.ErrNoEvent) {
		return proof{}, nil
	}
	if err != nil {
		return proof{}, fmt.Errorf("read the runs of event %s: %w", id, err)
	}
	for _, run := range status.Runs {
		making := framework.Job{Automation: run.Automation, Name: run.Job, Event: status.Event}
		if making.Key() == target.origin {
			open := run.State != framework.RunDone && run.State != framework.RunSkipped
			return proof{key: framework.TicketOfRun(a.tickets, run), open: open, age: a.ledger.Age(0)}, nil
		}
	}
	return proof{}, nil
}

// disowned is what a section says of a label that is not the ticket's own.
func (t target) disowned(searched bool) string {
	if searched {
		return t.remark + "; this ticket's own text was searched."
	}
	return t.remark + "; its alert was not used."
}
