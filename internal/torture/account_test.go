package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/wiki"
)

// account is what was counted in one world.
type account struct {
	trials    int
	accepted  int
	lost      []string // accepted, and not done in the end
	twice     []string // tickets or comments that exist more than once
	destroyed int      // of which the only record was destroyed, as the server has said; nobody can do them
	recovered []time.Duration
	settled   []time.Duration // from the last start until everything was done
	notes     map[string]int
}

func (a account) String() string {
	return fmt.Sprintf("%d trials, %d accepted, %d lost, %d twice, %d destroyed and told of, ready again after %s, all done after %s, %v",
		a.trials, a.accepted, len(a.lost), len(a.twice), a.destroyed, spreadOf(a.recovered), spreadOf(a.settled), a.notes)
}

func (a *account) note(what string) {
	if a.notes == nil {
		a.notes = map[string]int{}
	}
	a.notes[what]++
}

var (
	markerPattern = regexp.MustCompile(`m[0-9]{6}`)
	keyPattern    = regexp.MustCompile(`SEC-[0-9]+`)
	idPattern     = regexp.MustCompile(`splunk-[a-z2-7]{26}`)
)

// settle waits until all that was accepted is done, and counts. It does not end early when something is there twice.
func (w *world) settle(t *testing.T, sent *tally, a *account) {
	t.Helper()
	began := time.Now()
	var missing []string
	err := until(t, func() error {
		if missing = w.unfinished(t.Context(), sent); len(missing) > 0 {
			return fmt.Errorf("%d unfinished", len(missing))
		}
		return nil
	})
	if err != nil {
		t.Logf("unfinished: %s\n%s\n%s", strings.Join(missing[:min(10, len(missing))], "\n"), w.explain(t.Context()), w.logTail())
		w.keep(t)
	}
	a.settled = append(a.settled, time.Since(began))
	a.accepted += sent.count()
	a.lost = append(a.lost, missing...)
	a.twice = append(a.twice, w.doubled()...)
	if sent.hasty > 0 {
		t.Errorf("%d answers were 503 without Retry-After", sent.hasty)
	}
}

// keep keeps what tells why something is not done, where that is asked for. The server ends with its stacks in its log.
func (w *world) keep(t *testing.T) {
	t.Helper()
	if *kept == "" {
		return
	}
	dir := filepath.Join(*kept, strings.ReplaceAll(t.Name(), "/", "-"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Error(err)
		return
	}
	copyTree(t, w.data, filepath.Join(dir, "data"))
	if w.latest != nil && w.latest.command.Process.Signal(syscall.SIGQUIT) == nil {
		<-w.latest.ended
	}
	copyTree(t, w.logFile(), filepath.Join(dir, "server.log"))
	t.Log("kept in ", dir)
}

// unfinished lists what is accepted and not done: an event without its ticket or with a run that is not done, and a ticket
// of whose making Jira told the server and which has not its comment, with both answers in it.
func (w *world) unfinished(ctx context.Context, sent *tally) []string {
	var missing []string
	tickets := w.tickets()
	sent.mu.Lock()
	accepted := maps.Clone(sent.accepted)
	sent.mu.Unlock()
	for marker, id := range accepted {
		if len(tickets[marker]) == 0 {
			missing = append(missing, marker+" has no ticket ("+id+")")
		}
	}
	for _, key := range w.told() {
		if text := w.comment(key); !strings.Contains(text, "jane doe") || !strings.Contains(text, "malicious") {
			missing = append(missing, key+" is not enriched")
		}
	}
	if len(missing) > 0 { // events are asked for only at the end: each is a call
		return missing
	}
	for marker, id := range accepted {
		if w.excused[id] {
			continue
		}
		err := w.done(ctx, id)
		if forgotten := w.mayForget && (errors.Is(err, errGone) || errors.Is(err, errDead)); err != nil && !forgotten {
			missing = append(missing, marker+": "+err.Error())
		}
	}
	return missing
}

// tickets are the keys of the tickets by the marker in them.
func (w *world) tickets() map[string][]string {
	tickets := map[string][]string{}
	for _, issue := range w.jira.Issues() {
		marker := markerPattern.FindString(issue.Description)
		tickets[marker] = append(tickets[marker], issue.Key)
	}
	return tickets
}

// told are the tickets of whose making the server has accepted Jira's webhook.
func (w *world) told() []string {
	if w.ticketsOnly {
		return nil
	}
	told, unread := map[string]bool{}, map[string]bool{}
	for marker, keys := range w.tickets() {
		for _, key := range keys {
			unread[key] = w.excused[marker]
		}
	}
	for _, delivery := range w.jira.Deliveries() {
		if delivery.Event == "jira:issue_created" && delivery.Status/100 == 2 && !w.excused[delivery.IssueKey] && !unread[delivery.IssueKey] {
			told[delivery.IssueKey] = true
		}
	}
	return slices.Sorted(maps.Keys(told))
}

func (w *world) comment(key string) string {
	var text strings.Builder
	for _, comment := range w.jira.Comments(key) {
		text.WriteString(wiki.Text(comment.Body))
	}
	return strings.ToLower(text.String())
}

// doubled lists what is in Jira more than once, whoever was told what.
func (w *world) doubled() []string {
	var twice []string
	for marker, keys := range w.tickets() {
		if len(keys) > 1 {
			twice = append(twice, fmt.Sprint(marker, " has tickets ", keys))
		}
	}
	for _, issue := range w.jira.Issues() {
		if comments := len(w.jira.Comments(issue.Key)); comments > 1 {
			twice = append(twice, fmt.Sprint(issue.Key, " has ", comments, " comments"))
		}
	}
	return twice
}

// explain tells of the latest events that are not done what the server says about them.
func (w *world) explain(ctx context.Context) string {
	token, err := w.operatorToken()
	if err != nil {
		return err.Error()
	}
	response, err := w.get(ctx, "/api/v1/events?limit=500", token)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var list struct {
		Events []framework.Event `json:"events"`
	}
	if err := json.UnmarshalRead(response.Body, &list, json.RejectUnknownMembers(false)); err != nil {
		return err.Error()
	}
	lines := []string{fmt.Sprintf("the server's last %d events:", len(list.Events))}
	for _, event := range list.Events {
		if err := w.done(ctx, event.ID); err != nil && len(lines) < 20 {
			lines = append(lines, fmt.Sprintf("%s: %v", event.ID, err))
		}
	}
	return strings.Join(lines, "\n")
}

var (
	errGone = errors.New("the event is gone")
	errDead = errors.New("a dead letter")
)

// done returns nil when the server still has the event and every run of it is done.
func (w *world) done(ctx context.Context, id string) error {
	token, err := w.operatorToken()
	if err != nil {
		return err
	}
	response, err := w.get(ctx, "/api/v1/events/"+id, token)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var status framework.EventStatus
	switch {
	case response.StatusCode == http.StatusNotFound:
		return errGone
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", response.StatusCode)
	}
	if err := json.UnmarshalRead(response.Body, &status); err != nil {
		return err
	}
	if len(status.Runs) == 0 {
		return errors.New("no runs")
	}
	for _, run := range status.Runs {
		if run.State == framework.RunDead {
			return fmt.Errorf("%w: %s", errDead, run.Reason)
		}
		if run.State != framework.RunDone {
			return fmt.Errorf("%s %s is %s since %s, %d attempts, next try %s: %s",
				run.Automation, run.Job, run.State, run.ChangedAt, run.Attempts, run.NextTry, run.Reason)
		}
	}
	return nil
}
