package enrich

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	md5    = "44d88612fea8a8f36de82e1278abb02f"
	origin = "abcdefghijklmnopqrstuvwxyz"
	alert  = `{"search_name":"Malware found on host","result":{"user":"jdoe","host":"WS-042","md5":"` + md5 + `"}}`
	issue  = `{"issue":{"key":"SEC-1","fields":{"labels":["funnelweb","fw-` + origin + `"]}}}`
)

// source is an enricher that answers what a test tells it to.
type source struct {
	kinds  []framework.Kind
	answer func(framework.Indicator) (framework.Finding, error)

	mu    sync.Mutex
	asked []string
}

func (s *source) Kinds() []framework.Kind { return s.kinds }

func (s *source) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	if _, ok := ctx.Deadline(); !ok {
		return framework.Finding{}, fmt.Errorf("no deadline")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, indicator.String())
	return s.answer(indicator)
}

func directory(clock *frameworktest.Clock) *source {
	return &source{kinds: []framework.Kind{framework.User, framework.Host}, answer: func(i framework.Indicator) (framework.Finding, error) {
		return framework.Finding{
			Indicator: i, Summary: "Jane Doe, an enabled account", AskedAt: clock.Now(), StaleAt: clock.Now().Add(time.Hour),
			Facts: []framework.Fact{{Key: "mail", Label: "Mail", Value: "jdoe@lab.example"}, {Key: "groups", Label: "Groups", Value: "Domain Users; [~admin]"}},
		}, nil
	}}
}

func engines(clock *frameworktest.Clock) *source {
	return &source{kinds: []framework.Kind{framework.MD5, framework.SHA256}, answer: func(i framework.Indicator) (framework.Finding, error) {
		return framework.Finding{
			Indicator: i, Verdict: framework.Malicious, Summary: "61 of 67 engines call it malicious",
			Facts:   []framework.Fact{{Key: "label", Label: "Threat", Value: "virus.eicar/test"}},
			AskedAt: clock.Now(), StaleAt: clock.Now().Add(24 * time.Hour), Link: "https://www.virustotal.com/gui/file/" + i.Value,
		}, nil
	}}
}

// stage is an action with recorders around it, a ticket SEC-1 and the alert that it was made of.
type stage struct {
	*Action
	deps     framework.Deps
	clock    *frameworktest.Clock
	ledger   *frameworktest.MemoryLedger
	tickets  *frameworktest.RecordingTickets
	activity *frameworktest.RecordingActivity
	ad, vt   *source
}

func newStage(t *testing.T, adjust func(*Config)) stage {
	t.Helper()
	clock := new(frameworktest.Clock)
	s := stage{
		clock: clock, ledger: &frameworktest.MemoryLedger{Elapsed: clock.Elapsed},
		tickets: new(frameworktest.RecordingTickets), activity: new(frameworktest.RecordingActivity),
	}
	s.ad, s.vt = directory(s.clock), engines(s.clock)
	s.deps = frameworktest.Deps(t)
	s.deps.Now, s.deps.Ledger, s.deps.Tickets, s.deps.Activity = s.clock.Now, s.ledger, s.tickets, s.activity
	s.deps.Enrichers = map[string]framework.Enricher{"activedirectory": s.ad, "virustotal": s.vt}
	config := Config{
		Indicators: map[framework.Kind]Paths{framework.User: {"result.user"}, framework.MD5: {"result.md5"}},
		With:       []string{"activedirectory", "virustotal"},
	}
	if adjust != nil {
		adjust(&config)
	}
	action, err := New(config, s.deps)
	if err != nil {
		t.Fatal(err)
	}
	s.Action = action
	s.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	if _, err := s.tickets.Create(t.Context(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "x"}); err != nil {
		t.Fatal(err)
	}
	made := event(t, "splunk.alert", alert)
	s.activity.AddEvent(made)
	if _, err := s.ledger.Put(t.Context(), "origin."+origin, []byte(made.ID), 0); err != nil {
		t.Fatal(err)
	}
	s.record(t, origin, "SEC-1", nil)
	return s
}

func event(t *testing.T, kind, data string) framework.Event {
	t.Helper()
	made, err := framework.NewEvent(kind, data, framework.JSON(data))
	if err != nil {
		t.Fatal(err)
	}
	made.Time = frameworktest.Start()
	return made
}

func job(t *testing.T, enricher, data string) framework.Job {
	t.Helper()
	return framework.Job{Automation: "enrich-ticket", Name: enricher, Event: event(t, "jira.issue_created", data), Attempt: 1}
}

// do does a job that must succeed.
func (s stage) do(t *testing.T, job framework.Job) framework.Result {
	t.Helper()
	result, err := s.Do(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// comments are the ticket's comments as a person would compare them.
func (s stage) comments() []string {
	var shown []string
	for _, comment := range s.tickets.Tickets()[0].Comments {
		shown = append(shown, show(comment.Body))
	}
	return shown
}

// comment is the one comment of the ticket.
func (s stage) comment(t *testing.T) string {
	t.Helper()
	all := s.comments()
	if len(all) != 1 {
		t.Fatalf("%d comments: %q", len(all), all)
	}
	return all[0]
}

// show writes a document down: markup as a reader would see it, with * around bold text.
func show(document framework.Document) string {
	var out strings.Builder
	spans := func(all framework.Paragraph) string {
		text := ""
		for _, span := range all {
			if span.Bold {
				span.Text = "*" + span.Text + "*"
			}
			if span.Link != "" {
				span.Text = "[" + span.Text + "|" + span.Link + "]"
			}
			text += span.Text
		}
		return text
	}
	for _, block := range document {
		switch b := block.(type) {
		case framework.Heading:
			_, _ = fmt.Fprintf(&out, "%s %s\n", strings.Repeat("#", b.Level), b.Text)
		case framework.Paragraph:
			_, _ = fmt.Fprintln(&out, spans(b))
		case framework.Table:
			for _, row := range b.Rows {
				_, _ = fmt.Fprintf(&out, "| %s | %s |\n", spans(row[0]), spans(row[1]))
			}
		}
	}
	return out.String()
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *golden {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
