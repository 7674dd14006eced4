package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/wiki"
)

// flight is a clock of which a minute flies by each time that Jira misbehaves, which is longer than the time after which
// an attempt with no answer is looked into (framework.DefaultLimit, and the lag of Jira's search): nobody waits for it.
type flight struct{ jira atomic.Pointer[fault.Faults] }

func (f *flight) now() time.Time {
	now := time.Now()
	if faults := f.jira.Load(); faults != nil {
		now = now.Add(time.Duration(faults.Hits()) * time.Minute)
	}
	return now
}

// enough is how long a test waits for what must come; when it does, the test does not depend on how long it took.
const enough = time.Minute

// setTestStage starts sandbox and server for a test.
func setTestStage(t *testing.T) *story {
	t.Helper()
	var out output
	var clock flight
	chosen := options(&out)
	chosen.Now = clock.now
	stage, err := setStage(t.Context(), chosen)
	if err != nil {
		t.Fatal(err)
	}
	clock.jira.Store(stage.sandbox.Jira.Faults())
	t.Cleanup(func() {
		if err := stage.close(); err != nil {
			t.Error(err)
		}
	})
	return &story{stage: stage, narrator: &narrator{out: &out, now: time.Now}, patience: func(string) time.Duration { return enough }}
}

// play runs steps of the story that must succeed.
func (s *story) must(t *testing.T, steps ...func(*story, context.Context) (string, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	for _, step := range steps {
		if _, err := step(s, ctx); err != nil {
			t.Fatalf("%v\n%s", err, s.log.tail())
		}
	}
}

// awaitRunState waits until a run of an event is in a state, and returns it.
func (s *story) awaitRunState(t *testing.T, event, job string, state framework.RunState) framework.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	var found framework.Run
	err := until(ctx, func() error {
		status, err := s.event(ctx, event)
		if err != nil {
			return err
		}
		for _, run := range status.Runs {
			if run.Job == job && run.State == state {
				found = run
				return nil
			}
		}
		return fmt.Errorf("runs %+v", status.Runs)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log.tail())
	}
	return found
}

func TestAnAlertIsAcceptedAndCompletedWhateverJiraDoesMeanwhile(t *testing.T) {
	const create = "POST /rest/api/2/issue"
	for _, c := range []struct {
		name   string
		fault  fault.Fault
		reason string // shown while it waits
	}{
		{"it is down", fault.Fault{Status: http.StatusServiceUnavailable}, "Jira is not available"},
		{"it asks to slow down", fault.Fault{Status: http.StatusTooManyRequests, RetryAfter: time.Second}, "Jira asks to slow down"},
		{"a login page answers in its place", fault.Fault{HTML: true, CutBefore: false}, "not Jira's"},
		{"it cuts the connection before it acts", fault.Fault{CutBefore: true}, "jira"},
		{"it refuses the token", fault.Fault{Status: http.StatusUnauthorized}, "check jira.user and jira.token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := setTestStage(t)
			c.fault.Match = create
			s.sandbox.Jira.Faults().Add(c.fault)
			s.must(t, (*story).postAlert) // the sender gets its 202 all the same
			run := s.awaitRunState(t, s.alertID, "", framework.RunRetrying)
			if !strings.Contains(run.Reason, c.reason) || run.NextTry.IsZero() {
				t.Errorf("while it waits the event shows %+v, want the reason %q and a next try", run, c.reason)
			}
			s.sandbox.Jira.Faults().Clear()
			s.must(t, (*story).awaitTicket, (*story).awaitWebhook, (*story).awaitDirectory, (*story).awaitVirusTotal, (*story).awaitComment, (*story).repeatAlert)
		})
	}
}

func TestATicketIsMadeOnceThoughJirasAnswerIsLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fault.Fault
	}{
		{"the connection is cut after the ticket was made", fault.Fault{CutAfter: true}},
		{"and again when the comment was made", fault.Fault{CutAfter: true, Match: "POST /rest/api/2/issue/SEC-1/comment"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := setTestStage(t)
			if c.fault.Match == "" {
				c.fault.Match = "POST /rest/api/2/issue"
			}
			c.fault.Times = 1
			s.sandbox.Jira.Faults().Add(c.fault)
			s.must(t, (*story).postAlert, (*story).awaitTicket, (*story).awaitWebhook, (*story).awaitDirectory, (*story).awaitVirusTotal, (*story).awaitComment)
			s.awaitRunState(t, s.alertID, "", framework.RunDone)
			if s.sandbox.Jira.Faults().Hits() == 0 {
				t.Error("the fault did not happen")
			}
			if tickets, comments := len(s.sandbox.Jira.Issues()), len(s.sandbox.Jira.Comments(s.ticket)); tickets != 1 || comments != 1 {
				t.Errorf("%d tickets and %d comments, want one of each", tickets, comments)
			}
		})
	}
}

func TestAnEnricherThatFailsDelaysNoOtherAndIsShownOnTheTicket(t *testing.T) {
	down := func(s *story, enricher string) {
		if enricher == "virustotal" {
			s.sandbox.VirusTotal.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable})
			return
		}
		s.sandbox.Directory.Faults().Add(fault.Fault{CutBefore: true})
	}
	for _, c := range []struct{ fails, works, shows, missing string }{
		{"virustotal", "activedirectory", "Jane Doe", "engines call it malicious"},
		{"activedirectory", "virustotal", "engines call it malicious", "Jane Doe"},
	} {
		t.Run(c.fails+" is down", func(t *testing.T) {
			t.Parallel()
			s := setTestStage(t)
			down(s, c.fails)
			s.must(t, (*story).postAlert, (*story).awaitTicket, (*story).awaitWebhook)
			s.awaitRunState(t, s.issueID, c.works, framework.RunDone)
			s.awaitRunState(t, s.issueID, c.fails, framework.RunRetrying)
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			err := until(ctx, func() error {
				comments := s.sandbox.Jira.Comments(s.ticket)
				if len(comments) != 1 {
					return fmt.Errorf("%d comments", len(comments))
				}
				text := wiki.Text(comments[0].Body)
				if !strings.Contains(text, c.shows) || strings.Contains(text, c.missing) || !strings.Contains(text, "again at") {
					return fmt.Errorf("the comment reads:\n%s", text)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s.sandbox.VirusTotal.Faults().Clear()
			s.sandbox.Directory.Faults().Clear()
			s.must(t, (*story).awaitComment)
		})
	}
}

func TestAThreatStackOutageOnlyDelaysTheEvidence(t *testing.T) {
	s := setTestStage(t)
	s.sandbox.ThreatStack.Faults().Add(fault.Fault{Status: http.StatusBadGateway})
	s.must(t, (*story).postThreatStack)
	s.sandbox.ThreatStack.Faults().Clear()
	s.must(t, (*story).awaitArchive, (*story).readObject)
}
