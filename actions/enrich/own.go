package enrich

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"funnelweb/framework"
)

// A ticket's label fw-<hash> leads to the alert that the ticket was made of. But whoever clones a ticket copies its labels, and
// whoever may edit one can add any: a label counts only on the ticket that the action ticket made with it.

// The action ticket puts this label on its tickets: fw- and a framework.Fingerprint.
var originLabel = regexp.MustCompile(`^fw-([a-z2-7]{26})$`)

// So many of these labels of one ticket are looked at.
const maxLabels = 20

// maxOpen is how long to wait at most for what becomes of a ticket that is being made: it is known soon, whatever a clock that
// was set ahead says of the age of the event.
const maxOpen = 15 * time.Second

// originHashes reads the labels in an event's data.
func originHashes(data any) []string {
	var hashes []string
	for _, label := range lookup(data, "issue.fields.labels") {
		match := originLabel.FindStringSubmatch(label)
		if match != nil && len(hashes) < maxLabels && !slices.Contains(hashes, match[1]) {
			hashes = append(hashes, match[1])
		}
	}
	return hashes
}

// prove gives the target the label that is its own, or what to say about one that is not. Jira's webhook may come before the
// new ticket is recorded: while that is open the job waits.
func (a *Action) prove(ctx context.Context, job framework.Job, found target, hashes []string) (target, error) {
	open := ""
	for _, hash := range hashes {
		key, undecided, err := a.labelled(ctx, found, hash)
		switch {
		case err != nil:
			return target{}, err
		case key == found.ticket:
			found.origin, found.remark = hash, ""
			return found, nil
		case undecided:
			open = hash
		case key != "" && found.remark == "":
			found.remark = "The label fw-" + hash + " belongs to " + cut(key, maxKey)
		}
	}
	age := a.now().Sub(job.Event.Time)
	if open != "" && age <= awaitLimit {
		reason := "it is not recorded yet of which ticket the label fw-" + open + " is"
		return target{}, &framework.Wait{Until: a.now().Add(min(nextLook(age), maxOpen)), Reason: reason}
	}
	if open != "" && found.remark == "" {
		found.remark = "Which ticket the label fw-" + open + " belongs to is not known"
	}
	found.lost = len(hashes) > 0 && found.remark == ""
	return found, nil
}

// nextLook is how long to wait for what was not there at that age of the event: ever longer.
func nextLook(age time.Duration) time.Duration { return min(max(age/2, time.Second), maxAwait) }

// labelled returns the key of the ticket that was made with a label, or whether that is still open. It is neither when no
// ticket is known to be.
func (a *Action) labelled(ctx context.Context, target target, hash string) (key string, undecided bool, err error) {
	entry := "ticket." + hash // where the action ticket records it
	key, err = framework.Outcome(ctx, a.ledger, entry)
	if err != nil || key != "" {
		return key, false, err
	}
	_, _, err = a.ledger.Get(ctx, entry)
	switch {
	case err == nil:
		return "", true, nil // it was begun
	case !errors.Is(err, framework.ErrNotRecorded):
		return "", false, fmt.Errorf("read the ticket of a label of %s: %w", target.ticket, err)
	case !a.forgets():
		return "", false, nil
	}
	target.origin = hash
	return a.labelledByRun(ctx, target)
}

// labelledByRun is labelled for a record that the ledger lost, as the run tells that made the ticket.
func (a *Action) labelledByRun(ctx context.Context, target target) (key string, undecided bool, err error) {
	id, err := a.originID(ctx, target)
	if err != nil || id == "" {
		return "", false, err
	}
	status, err := a.activity.Event(ctx, id)
	if errors.Is(err, framework.ErrNoEvent) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read the runs of event %s: %w", id, err)
	}
	for _, run := range status.Runs {
		making := framework.Job{Automation: run.Automation, Name: run.Job, Event: status.Event}
		if making.Key() == target.origin {
			return a.keyIn(run), run.State != framework.RunDone && run.State != framework.RunSkipped, nil
		}
	}
	return "", false, nil
}

// disowned is what a section says of a label that is not the ticket's own.
func (t target) disowned(searched bool) string {
	if searched {
		return t.remark + "; this ticket's own text was searched."
	}
	return t.remark + "; its alert was not used."
}
