package enrich

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// forgetful is a ledger that says that it lost records.
type forgetful struct{ *frameworktest.MemoryLedger }

func (forgetful) Forgets() bool { return true }

// lostBefore is when they were lost, before the test began.
const lostBefore = time.Hour

// Age says of what is not recorded how long ago records were lost.
func (f forgetful) Age(revision uint64) time.Duration {
	if revision == 0 {
		return lostBefore + f.Elapsed()
	}
	return f.MemoryLedger.Age(revision)
}

// countingActivity counts how many pages of events are read.
type countingActivity struct {
	*frameworktest.RecordingActivity

	pages int
}

func (a *countingActivity) Events(ctx context.Context, filter framework.EventFilter, page framework.Page) ([]framework.EventSummary, string, error) {
	a.pages++
	return a.RecordingActivity.Events(ctx, filter, page)
}

// newForgetfulStage is a stage whose ledger is empty and says so.
func newForgetfulStage(t *testing.T, adjust func(*Config)) (stage, *countingActivity) {
	t.Helper()
	s := newStage(t, adjust)
	s.ledger = &frameworktest.MemoryLedger{Elapsed: s.clock.Elapsed}
	activity := &countingActivity{RecordingActivity: s.activity}
	s.Action.ledger, s.Action.activity = forgetful{s.ledger}, activity
	return s, activity
}

// labelled is the event of a ticket that an automation made of an alert.
func labelled(made framework.Event) string {
	hash := framework.Job{Automation: "ticket-for-alert", Event: made}.Key()
	return strings.Replace(issue, origin, hash, 1)
}

func TestAnAlertWhoseEntryTheLedgerLostIsFoundAmongTheEvents(t *testing.T) {
	t.Parallel()
	s, activity := newForgetfulStage(t, nil)
	made := event(t, "splunk.alert", alert)
	s.activity.AddEvent(made, framework.Run{Automation: "archive"}, framework.Run{
		Automation: "ticket-for-alert", State: framework.RunDone, Result: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1",
	})
	for n := range 600 {
		s.activity.AddEvent(event(t, "splunk.alert", fmt.Sprintf(`{"n":%d}`, n)), framework.Run{Automation: "ticket-for-alert"})
	}
	s.do(t, job(t, "activedirectory", labelled(made)))
	s.do(t, job(t, "virustotal", labelled(made)))
	if diff := cmp.Diff([]string{"user:jdoe", "md5:" + md5}, append(s.ad.asked, s.vt.asked...)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if activity.pages != 2 {
		t.Errorf("%d pages were read for two jobs", activity.pages)
	}
}

func TestTheSearchForAnAlertIsBoundedAndNotRepeated(t *testing.T) {
	t.Parallel()
	s, activity := newForgetfulStage(t, nil)
	made := event(t, "splunk.alert", alert)
	s.activity.AddEvent(made, framework.Run{Automation: "ticket-for-alert", State: framework.RunDone})
	for n := range searchPage * searchPages {
		s.activity.AddEvent(framework.Event{ID: fmt.Sprint("splunk-", n), Type: "splunk.alert"}, framework.Run{Automation: "ticket-for-alert"})
	}
	for _, enricher := range []string{"activedirectory", "virustotal"} {
		result := s.do(t, job(t, enricher, labelled(made)))
		if want := enricher + ": nothing to ask about on SEC-1. The alert that this ticket was made for is not found: it is no longer kept, or many events came after it"; result.Summary != want {
			t.Errorf("got %q", result.Summary)
		}
	}
	if activity.pages != searchPages {
		t.Errorf("%d pages were read", activity.pages)
	}
}

func TestAnswersThatTheLedgerLostAreAskedForAgainByThoseWhoComeLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		directory framework.RunState // of its own job
		asked     int
	}{
		"its job is done, and would not be done again": {framework.RunDone, 2},
		"its job is still to come":                     {framework.RunWaiting, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.do(t, job(t, "activedirectory", issue))
			s.activity.AddEvent(job(t, "", issue).Event, framework.Run{Automation: "enrich-ticket", Job: "activedirectory", State: c.directory})
			lost := &frameworktest.MemoryLedger{Elapsed: s.clock.Elapsed}
			value, _, err := s.ledger.Get(t.Context(), "origin."+origin)
			if err == nil {
				_, err = lost.Put(t.Context(), "origin."+origin, value, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			stage{ledger: lost, clock: s.clock}.record(t, origin, "SEC-1", nil)
			s.Action.ledger = forgetful{lost}
			s.do(t, job(t, "virustotal", issue))
			if len(s.ad.asked) != c.asked || len(s.vt.asked) != 1 {
				t.Errorf("asked %v and %v", s.ad.asked, s.vt.asked)
			}
			if got := s.comment(t); strings.Contains(got, "Jane Doe") != (c.asked == 2) || !strings.Contains(got, "virustotal: malicious") {
				t.Errorf("comment: %s", got)
			}
		})
	}
}

func TestATicketThatTheLedgerForgotIsKnownFromTheRunThatMadeIt(t *testing.T) {
	t.Parallel()
	done := framework.Run{Automation: "ticket-for-alert", State: framework.RunDone, Result: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1"}
	elsewhere, waiting := done, done
	elsewhere.Link = "https://elsewhere.example.com/SEC-1"
	waiting.State = framework.RunWaiting
	for name, c := range map[string]struct {
		run   framework.Run
		found bool
	}{
		"it is done":                       {done, true},
		"what it made is no ticket":        {elsewhere, false},
		"it is not done":                   {waiting, false},
		"it is that of another automation": {framework.Run{Automation: "other", State: framework.RunDone, Result: done.Result, Link: done.Link}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newForgetfulStage(t, func(c *Config) { c.TicketOf = "ticket-for-alert" })
			of := job(t, "activedirectory", alert)
			s.activity.AddEvent(of.Event, c.run)
			_, err := s.Do(t.Context(), of)
			if found := err == nil; found != c.found || len(s.comments()) > 0 != c.found {
				t.Errorf("got %v, comments %q", err, s.comments())
			}
		})
	}
}
