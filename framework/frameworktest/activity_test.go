package frameworktest_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func operator() framework.Act {
	return framework.Act{Caller: "token:ops", Address: "192.0.2.1", RequestID: "request-1", Reason: "the key was wrong"}
}

// withLetters holds three dead letters, of which two are of one automation.
func withLetters(t *testing.T) *frameworktest.RecordingActivity {
	t.Helper()
	a := new(frameworktest.RecordingActivity)
	for _, letter := range []framework.DeadLetter{
		{ID: "1", EventID: "e1", Automation: "ticket", Service: "jira"},
		{ID: "2", EventID: "e2", Automation: "enrich", Job: "virustotal", Service: "virustotal"},
		{ID: "3", EventID: "e3", Automation: "ticket", Service: "jira"},
	} {
		a.AddDeadLetter(letter, framework.Event{ID: letter.EventID})
	}
	return a
}

func ids(letters []framework.DeadLetter) (all []string) {
	for _, letter := range letters {
		all = append(all, letter.ID)
	}
	return all
}

func TestLettersAreTakenInBatchesUntilNoneIsLeft(t *testing.T) {
	ticket, one := framework.LetterFilter{Automation: "ticket"}, framework.Page{Limit: 1}
	for name, c := range map[string]struct {
		take  func(*frameworktest.RecordingActivity) (framework.Batch, error)
		taken func(*frameworktest.RecordingActivity) []string
		act   framework.AuditAct
	}{
		"dropped": {
			func(a *frameworktest.RecordingActivity) (framework.Batch, error) {
				return a.DropAll(t.Context(), operator(), ticket, one)
			},
			(*frameworktest.RecordingActivity).Dropped, framework.AuditDrop,
		},
		"replayed": {
			func(a *frameworktest.RecordingActivity) (framework.Batch, error) {
				return a.ReplayAll(t.Context(), operator(), ticket, one)
			},
			(*frameworktest.RecordingActivity).Replayed, framework.AuditReplay,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := withLetters(t)
			if count, err := a.CountLetters(t.Context(), ticket, framework.Page{Limit: 10}); err != nil || count.Count != 2 {
				t.Fatalf("%+v %v", count, err)
			}
			batches := 0
			for next := "first"; next != ""; batches++ {
				batch, err := c.take(a)
				if err != nil || batch.Count != 1 || batches > 1 {
					t.Fatalf("batch %d: %+v %v", batches, batch, err)
				}
				next = batch.Next
			}
			left, _, err := a.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 10})
			if diff := cmp.Diff([]string{"2"}, ids(left)); diff != "" || err != nil {
				t.Errorf("left: %v %s", err, diff)
			}
			if diff := cmp.Diff([]string{"1", "3"}, c.taken(a)); diff != "" {
				t.Errorf("taken (-want +got):\n%s", diff)
			}
			audit, _, err := a.Audit(t.Context(), framework.Page{Limit: 10})
			if err != nil || len(audit) != 2 || audit[0].Letters[0].ID != "3" || audit[0].Act != c.act || audit[0].Caller != "token:ops" {
				t.Errorf("%+v %v", audit, err)
			}
		})
	}
}

func TestOnlyQueuesThatNobodyConfiguredAreEmptied(t *testing.T) {
	a := new(frameworktest.RecordingActivity)
	a.AddQueue(framework.Queue{Name: "old", Source: "splunk", Waiting: 2})
	a.AddQueue(framework.Queue{Name: "new", Source: "splunk", Waiting: 2, Configured: true})
	for name, queue := range map[string]framework.QueueName{
		"that is configured": {Name: "new"}, "that is not there": {Name: "older"}, "of another source": {Name: "old", Source: "jira"},
	} {
		if _, err := a.DropQueue(t.Context(), operator(), queue); !errors.Is(err, framework.ErrNoEvent) {
			t.Errorf("a queue %s: %v", name, err)
		}
	}
	first, err := a.DropQueue(t.Context(), operator(), framework.QueueName{Name: "old", Source: "splunk"})
	if err != nil || first.Count != 1 || first.Next == "" {
		t.Fatalf("%+v %v", first, err)
	}
	last, err := a.HandOver(t.Context(), operator(), framework.QueueName{Name: "old"}, framework.QueueName{Name: "new"})
	if err != nil || last.Count != 1 || last.Next != "" {
		t.Fatalf("%+v %v", last, err)
	}
	queues, err := a.Queues(t.Context())
	if err != nil || len(queues) != 1 || queues[0].Name != "new" {
		t.Errorf("left: %+v %v", queues, err)
	}
	audit, _, err := a.Audit(t.Context(), framework.Page{Limit: 1})
	if err != nil || audit[0].Act != framework.AuditHandOver || audit[0].To != "new" || audit[0].Queue != "old" {
		t.Errorf("%+v %v", audit, err)
	}
}

func TestNobodyWhoIsGoneChangesAnything(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	a := withLetters(t)
	a.AddQueue(framework.Queue{Name: "old", Waiting: 1})
	for name, do := range map[string]func() error{
		"drop":   func() error { return a.Drop(gone, operator(), "1") },
		"replay": func() error { return a.Replay(gone, operator(), "1") },
		"drop all": func() error {
			_, err := a.DropAll(gone, operator(), framework.LetterFilter{}, framework.Page{Limit: 9})
			return err
		},
		"drop queue": func() error { _, err := a.DropQueue(gone, operator(), framework.QueueName{Name: "old"}); return err },
		"hand over": func() error {
			_, err := a.HandOver(gone, operator(), framework.QueueName{Name: "old"}, framework.QueueName{Name: "x"})
			return err
		},
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	letters, _, err := a.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 9, Newest: true})
	if diff := cmp.Diff([]string{"3", "2", "1"}, ids(letters)); diff != "" || err != nil {
		t.Errorf("letters: %v %s", err, diff)
	}
	queues, err := a.Queues(t.Context())
	if err != nil || len(queues) != 1 {
		t.Errorf("queues: %+v %v", queues, err)
	}
}

func TestChangesAreThoseSinceTheCursor(t *testing.T) {
	a := new(frameworktest.RecordingActivity)
	add := func(eventType string, run *framework.Run) {
		a.AddChange(framework.EventChange{Type: eventType, Time: frameworktest.Start(), Run: run})
	}
	add("splunk.alert", nil)
	none, cursor, err := a.Changes(t.Context(), framework.EventFilter{}, "", 0)
	if err != nil || len(none) != 0 {
		t.Fatalf("%+v %v", none, err)
	}
	add("splunk.alert", &framework.Run{Automation: "ticket", State: framework.RunDone})
	add("jira.issue_created", nil)
	for _, c := range []struct {
		filter framework.EventFilter
		want   []string
	}{
		{framework.EventFilter{}, []string{"splunk.alert", "jira.issue_created"}},
		{framework.EventFilter{Source: "jira"}, []string{"jira.issue_created"}},
		{framework.EventFilter{Automation: "ticket"}, []string{"splunk.alert"}},
		{framework.EventFilter{Automation: "ticket", State: framework.RunDead}, nil},
	} {
		found, next, err := a.Changes(t.Context(), c.filter, cursor, 0)
		var got []string
		for _, change := range found {
			got = append(got, change.Type)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil || next == cursor {
			t.Errorf("%+v: %v %s", c.filter, err, diff)
		}
	}
	if _, _, err := a.Changes(t.Context(), framework.EventFilter{}, "nonsense", 0); !errors.Is(err, framework.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func TestAClockThatIsSetLetsNoTimePass(t *testing.T) {
	var clock frameworktest.Clock
	clock.Advance(time.Minute)
	clock.Set(-time.Hour)
	if now, passed := clock.Now(), clock.Elapsed(); !now.Equal(frameworktest.Start().Add(time.Minute-time.Hour)) || passed != time.Minute {
		t.Errorf("%s, and %s have passed", now, passed)
	}
	ledger := &frameworktest.MemoryLedger{Elapsed: clock.Elapsed}
	revision, err := ledger.Put(t.Context(), "key", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	if ages := []time.Duration{ledger.Age(revision), ledger.Age(revision + 1), ledger.Age(0)}; !slices.Equal(ages, []time.Duration{time.Second, 0, math.MaxInt64}) {
		t.Errorf("ages %v", ages)
	}
}

func TestMountedRoutesAreCalledAsTheServerCallsThem(t *testing.T) {
	route := func(path string, scope framework.Scope) framework.Route {
		return framework.Endpoint[struct{ Request *framework.Request }, struct {
			Who string `json:"who"`
		}]{
			Method: http.MethodGet, Path: path, ID: path[1:], Scope: scope,
			Handle: func(_ context.Context, in *struct{ Request *framework.Request }) (*struct {
				Who string `json:"who"`
			}, error,
			) {
				return &struct {
					Who string `json:"who"`
				}{in.Request.Identity()}, nil
			},
		}.Route()
	}
	server := frameworktest.Mount(t, frameworktest.Deps(t), framework.Routes{route("/open", ""), route("/read", framework.ScopeRead)})
	for _, c := range []struct {
		path, scope, body string
		status            int
	}{
		{"/open", "", `{"who":""}`, http.StatusOK},
		{"/read", "", `{"who":"tester"}`, http.StatusOK},
		{"/read", string(framework.ScopeRead), `{"who":"tester"}`, http.StatusOK},
		{"/read", "another", "", http.StatusForbidden},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		request.Header.Set("X-Test-Scope", c.scope)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		if answer.Code != c.status || c.body != "" && answer.Body.String() != c.body {
			t.Errorf("%s with %q: %d %s", c.path, c.scope, answer.Code, answer.Body)
		}
	}
}
