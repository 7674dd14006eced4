package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/endpoints/events"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// api is the endpoint as the server runs it, over an engine that a test fills.
type api struct {
	http.Handler
	activity *frameworktest.RecordingActivity
	log      *frameworktest.Log
}

func serve(t *testing.T) api {
	t.Helper()
	a := api{activity: new(frameworktest.RecordingActivity), log: new(frameworktest.Log)}
	deps := frameworktest.Deps(t)
	deps.Activity, deps.Log = a.activity, a.log.Logger()
	a.Handler = mount(t, deps)
	return a
}

func mount(t *testing.T, deps framework.Deps) http.Handler {
	t.Helper()
	routes, err := events.New(events.Defaults(), deps)
	if err != nil {
		t.Fatal(err)
	}
	return frameworktest.Mount(t, deps, routes)
}

func call(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	return recorder
}

// expect makes a call and compares the answer, as JSON, to want.
func expect(t *testing.T, handler http.Handler, method, path string, status int, want string) {
	t.Helper()
	answer := call(handler, method, path)
	var wanted, got any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", answer.Code, answer.Body, err)
	}
	if diff := cmp.Diff(wanted, got); answer.Code != status || diff != "" {
		t.Errorf("%s %s: status %d (-want +got):\n%s", method, path, answer.Code, diff)
	}
}

func alert(id string) framework.Event {
	return framework.Event{ID: id, Type: "splunk.alert", Time: frameworktest.Start(), RequestID: "r-" + id, Data: framework.JSON(`{"sid":"s1","n":1}`)}
}

func letter(id string) framework.DeadLetter {
	return framework.DeadLetter{
		ID: id, EventID: "splunk-a", EventType: "splunk.alert", Automation: "ticket-for-alert", Reason: "jira: create issue: no such project (status 400)",
		Attempts: 3, FirstTry: frameworktest.Start(), GivenUpAt: frameworktest.Start().Add(time.Hour),
	}
}

const letterJSON = `{"id":"dl-1","event_id":"splunk-a","event_type":"splunk.alert","automation":"ticket-for-alert",` +
	`"reason":"jira: create issue: no such project (status 400)","attempts":3,"first_try":"2026-11-20T12:00:00Z","given_up_at":"2026-11-20T13:00:00Z"}`

func TestEventsAreListedNewestFirstWithoutTheirData(t *testing.T) {
	a := serve(t)
	expect(t, a, http.MethodGet, "/api/v1/events", 200, `{"events":[]}`)
	a.activity.AddEvent(alert("splunk-a"))
	a.activity.AddEvent(alert("splunk-b"))
	expect(t, a, http.MethodGet, "/api/v1/events", 200, `{"events":[
		{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-b"},
		{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-a"}]}`)
	expect(t, a, http.MethodGet, "/api/v1/events?limit=1", 200, `{"events":[
		{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-b"}]}`)
}

func TestListsAreAtMostAsLongAsAskedAndNeverWithoutBound(t *testing.T) {
	a := serve(t)
	for i := range 60 {
		a.activity.AddEvent(alert(fmt.Sprintf("splunk-%d", i)))
		a.activity.AddDeadLetter(letter(fmt.Sprintf("dl-%d", i)), alert("splunk-a"))
	}
	for path, want := range map[string]int{"": 50, "?limit=7": 7, "?limit=500": 60} {
		for _, list := range []string{"events", "deadletters"} {
			var got map[string][]any
			answer := call(a, http.MethodGet, "/api/v1/"+list+path)
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || len(got[list]) != want {
				t.Errorf("%s%s: %d entries, %v", list, path, len(got[list]), err)
			}
		}
	}
	for _, limit := range []string{"0", "-1", "501", "ten", "1.5", "", "99999999999999999999"} {
		for _, list := range []string{"events", "deadletters"} {
			if answer := call(a, http.MethodGet, "/api/v1/"+list+"?limit="+limit); answer.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s?limit=%s: %d %s", list, limit, answer.Code, answer.Body)
			}
		}
	}
}

func TestAnEventIsShownWithItsAutomations(t *testing.T) {
	a := serve(t)
	a.activity.AddEvent(alert("splunk-a"),
		framework.Run{Automation: "ticket-for-alert", State: framework.RunDone, Attempts: 1, Result: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1", ChangedAt: frameworktest.Start()},
		framework.Run{Automation: "enrich", Job: "virustotal", State: framework.RunRetrying, Attempts: 2, Reason: "virustotal: no answer", NextTry: frameworktest.Start().Add(time.Minute)},
	)
	expect(t, a, http.MethodGet, "/api/v1/events/splunk-a", 200, `{
		"event":{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-a","data":{"sid":"s1","n":1}},
		"runs":[
			{"automation":"ticket-for-alert","state":"done","attempts":1,"result":"created SEC-1","link":"https://jira.example.com/browse/SEC-1","changed_at":"2026-11-20T12:00:00Z"},
			{"automation":"enrich","job":"virustotal","state":"retrying","attempts":2,"reason":"virustotal: no answer","next_try":"2026-11-20T12:01:00Z"}]}`)
	a.activity.AddEvent(alert("splunk-b"))
	expect(t, a, http.MethodGet, "/api/v1/events/splunk-b", 200, `{
		"event":{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-b","data":{"sid":"s1","n":1}},"runs":[]}`)
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	a := serve(t)
	expect(t, a, http.MethodGet, "/api/v1/deadletters", 200, `{"deadletters":[]}`)
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	expect(t, a, http.MethodGet, "/api/v1/deadletters", 200, `{"deadletters":[`+letterJSON+`]}`)
	expect(t, a, http.MethodGet, "/api/v1/deadletters/dl-1", 200, `{"deadletter":`+letterJSON+`,
		"event":{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-a","data":{"sid":"s1","n":1}}}`)
}

func TestADeadLetterIsReplayedOnceAndTheLogSaysSo(t *testing.T) {
	a := serve(t)
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	expect(t, a, http.MethodPost, "/api/v1/deadletters/dl-1/replay", 202, `{"event_id":"splunk-a"}`)
	if diff := cmp.Diff([]string{"dl-1"}, a.activity.Replayed()); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
	if answer := call(a, http.MethodPost, "/api/v1/deadletters/dl-1/replay"); answer.Code != http.StatusNotFound {
		t.Errorf("a second time: %d %s", answer.Code, answer.Body)
	}
	if got := strings.Count(a.log.String(), `msg="dead letter replayed"`); got != 1 || !strings.Contains(a.log.String(), "deadletter=dl-1 event=splunk-a automation=ticket-for-alert") {
		t.Errorf("log:\n%s", a.log)
	}
}

func TestADeadLetterIsDroppedAndTheAnswerIsTheLastOfIt(t *testing.T) {
	a := serve(t)
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	expect(t, a, http.MethodDelete, "/api/v1/deadletters/dl-1", 200, letterJSON)
	if diff := cmp.Diff([]string{"dl-1"}, a.activity.Dropped()); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	expect(t, a, http.MethodGet, "/api/v1/deadletters", 200, `{"deadletters":[]}`)
	if !strings.Contains(a.log.String(), `msg="dead letter dropped"`) {
		t.Errorf("log:\n%s", a.log)
	}
}

func TestAnIdThatIsNotStoredIsNotFound(t *testing.T) {
	a := serve(t)
	for _, request := range []string{
		"GET /api/v1/events/splunk-none", "GET /api/v1/deadletters/dl-none",
		"POST /api/v1/deadletters/dl-none/replay", "DELETE /api/v1/deadletters/dl-none",
	} {
		method, path, _ := strings.Cut(request, " ")
		answer := call(a, method, path)
		var problem framework.Problem
		if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil || answer.Code != http.StatusNotFound || problem.Detail == "" {
			t.Errorf("%s: %d %s", request, answer.Code, answer.Body)
		}
	}
	for _, id := range []string{"a%20b", "%3Cscript%3E", "a%00", strings.Repeat("a", 201)} {
		if answer := call(a, http.MethodGet, "/api/v1/events/"+id); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%.20s: %d %s", id, answer.Code, answer.Body)
		}
	}
}

// broken is an engine that fails, also between the two steps of a replay.
type broken struct {
	framework.Activity
	reading, acting error
}

func (b broken) Event(context.Context, string) (framework.EventStatus, error) {
	return framework.EventStatus{}, b.reading
}
func (b broken) Recent(context.Context, int) ([]framework.Event, error) { return nil, b.reading }
func (b broken) DeadLetters(context.Context, int) ([]framework.DeadLetter, error) {
	return nil, b.reading
}

func (b broken) DeadLetter(context.Context, string) (framework.DeadLetter, framework.Event, error) {
	return letter("dl-1"), alert("splunk-a"), b.reading
}
func (b broken) Replay(context.Context, string) error { return b.acting }
func (b broken) Drop(context.Context, string) error   { return b.acting }

func TestAFailingEngineIsMaskedAndNothingIsSaidToBeDone(t *testing.T) {
	down := errors.New("nats: no response from /var/lib/secret-place")
	requests := []string{
		"GET /api/v1/events", "GET /api/v1/events/splunk-a", "GET /api/v1/deadletters", "GET /api/v1/deadletters/dl-1",
		"POST /api/v1/deadletters/dl-1/replay", "DELETE /api/v1/deadletters/dl-1",
	}
	for name, test := range map[string]struct {
		engine   broken
		requests []string
		status   int
	}{
		"it cannot read":                        {broken{reading: down}, requests, 500},
		"it reads and cannot act":               {broken{acting: down}, requests[4:], 500},
		"another operator was faster":           {broken{acting: framework.ErrNoEvent}, requests[4:], 404},
		"it asks to come back later":            {broken{reading: framework.Unavailable("starting", time.Second, down)}, requests, 503},
		"it asks to come back later, on acting": {broken{acting: framework.Unavailable("starting", time.Second, down)}, requests[4:], 503},
	} {
		t.Run(name, func(t *testing.T) {
			deps, log := frameworktest.Deps(t), new(frameworktest.Log)
			deps.Activity, deps.Log = test.engine, log.Logger()
			handler := mount(t, deps)
			for _, request := range test.requests {
				method, path, _ := strings.Cut(request, " ")
				answer := call(handler, method, path)
				if answer.Code != test.status || strings.Contains(answer.Body.String(), "secret-place") {
					t.Errorf("%s: %d %s", request, answer.Code, answer.Body)
				}
			}
			if strings.Contains(log.String(), "dead letter replayed") || strings.Contains(log.String(), "dead letter dropped") {
				t.Errorf("the log tells what did not happen:\n%s", log)
			}
		})
	}
}

func TestReadingAndActingNeedDifferentScopes(t *testing.T) {
	for request, needed := range map[string]string{
		"GET /api/v1/events": "read", "GET /api/v1/events/splunk-a": "read", "GET /api/v1/deadletters": "read", "GET /api/v1/deadletters/dl-1": "read",
		"POST /api/v1/deadletters/dl-1/replay": "admin", "DELETE /api/v1/deadletters/dl-1": "admin",
	} {
		method, path, _ := strings.Cut(request, " ")
		for _, has := range []string{"read", "admin"} {
			a := serve(t)
			a.activity.AddEvent(alert("splunk-a"))
			a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
			made := httptest.NewRequest(method, path, nil)
			made.Header.Set("X-Test-Scope", has)
			answer := httptest.NewRecorder()
			a.ServeHTTP(answer, made)
			if allowed := answer.Code < 300; allowed != (has == needed) || !allowed && !strings.Contains(answer.Body.String(), "the scope "+needed) {
				t.Errorf("%s with the scope %s: %d %s", request, has, answer.Code, answer.Body)
			}
		}
	}
}
