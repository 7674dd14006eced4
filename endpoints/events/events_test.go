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

// call makes a call; what follows a space in the path is its body.
func call(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	path, body, _ := strings.Cut(path, " ")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
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
		{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-b","runs":[]},
		{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-a","runs":[]}]}`)
	expect(t, a, http.MethodGet, "/api/v1/events?limit=1", 200, `{"next":"1","events":[
		{"id":"splunk-b","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-b","runs":[]}]}`)
	expect(t, a, http.MethodGet, "/api/v1/events?limit=1&cursor=1", 200, `{"events":[
		{"id":"splunk-a","type":"splunk.alert","time":"2026-11-20T12:00:00Z","request_id":"r-splunk-a","runs":[]}]}`)
}

func TestListsAreAtMostAsLongAsAskedAndNeverWithoutBound(t *testing.T) {
	a := serve(t)
	for i := range 60 {
		a.activity.AddEvent(alert(fmt.Sprintf("splunk-%d", i)))
		a.activity.AddDeadLetter(letter(fmt.Sprintf("dl-%d", i)), alert("splunk-a"))
	}
	for path, want := range map[string]int{"": 50, "?limit=7": 7, "?limit=500": 60} {
		for _, list := range []string{"events", "deadletters"} {
			var got map[string]any
			answer := call(a, http.MethodGet, "/api/v1/"+list+path)
			err := json.Unmarshal(answer.Body.Bytes(), &got)
			if entries, _ := got[list].([]any); err != nil || len(entries) != want || (got["next"] != nil) != (want < 60) {
				t.Errorf("%s%s: %d entries, next %v, %v", list, path, len(entries), got["next"], err)
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

func TestADeadLetterIsReplayedOnceAndTheAuditLogSaysSo(t *testing.T) {
	a := serve(t)
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	expect(t, a, http.MethodPost, "/api/v1/deadletters/dl-1/replay", 202, `{"event_id":"splunk-a"}`)
	if diff := cmp.Diff([]string{"dl-1"}, a.activity.Replayed()); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
	if answer := call(a, http.MethodPost, "/api/v1/deadletters/dl-1/replay"); answer.Code != http.StatusNotFound {
		t.Errorf("a second time: %d %s", answer.Code, answer.Body)
	}
	entries, _, err := a.activity.Audit(t.Context(), framework.Page{Limit: 9})
	if err != nil || len(entries) != 1 || entries[0].Caller != "tester" || entries[0].RequestID == "" {
		t.Errorf("audit log %+v, %v", entries, err)
	}
	answer := call(a, http.MethodGet, "/api/v1/audit")
	for _, want := range []string{`"caller":"tester"`, `"act":"replay"`, `"event_id":"splunk-a"`, `"count":1`, `"outcome":"done"`} {
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%d, without %s: %s", answer.Code, want, answer.Body)
		}
	}
}

func TestADeadLetterIsDroppedWithAReasonAndTheAnswerIsTheLastOfIt(t *testing.T) {
	a := serve(t)
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	for _, body := range []string{``, `{}`, `{"reason":""}`, `{"reason":"` + strings.Repeat("x", 501) + `"}`} {
		if answer := call(a, http.MethodPost, "/api/v1/deadletters/dl-1/drop "+body); answer.Code != http.StatusUnprocessableEntity && answer.Code != http.StatusBadRequest {
			t.Errorf("%.30s: %d %s", body, answer.Code, answer.Body)
		}
	}
	expect(t, a, http.MethodPost, `/api/v1/deadletters/dl-1/drop {"reason":"gone"}`, 200, letterJSON)
	if diff := cmp.Diff([]string{"dl-1"}, a.activity.Dropped()); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	expect(t, a, http.MethodGet, "/api/v1/deadletters", 200, `{"deadletters":[]}`)
	if entries, _, err := a.activity.Audit(t.Context(), framework.Page{Limit: 9}); err != nil || len(entries) != 1 || entries[0].Reason != "gone" {
		t.Errorf("audit log %+v, %v", entries, err)
	}
}

func TestAnIdThatIsNotStoredIsNotFound(t *testing.T) {
	a := serve(t)
	for _, request := range []string{
		"GET /api/v1/events/splunk-none", "GET /api/v1/deadletters/dl-none",
		"POST /api/v1/deadletters/dl-none/replay", `POST /api/v1/deadletters/dl-none/drop {"reason":"x"}`,
		`POST /api/v1/queues/drop {"queue":"none","reason":"x"}`, `POST /api/v1/queues/handover {"from":"none","to":"ticket"}`,
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

func (b broken) Events(context.Context, framework.EventFilter, framework.Page) ([]framework.EventSummary, string, error) {
	return nil, "", b.reading
}

func (b broken) Changes(context.Context, framework.EventFilter, string, time.Duration) ([]framework.EventChange, string, error) {
	return nil, "", b.reading
}

func (b broken) DeadLetters(context.Context, framework.LetterFilter, framework.Page) ([]framework.DeadLetter, string, error) {
	return nil, "", b.reading
}

func (b broken) DeadLetter(context.Context, string) (framework.DeadLetter, framework.Event, error) {
	return letter("dl-1"), alert("splunk-a"), b.reading
}
func (b broken) Replay(context.Context, framework.Act, string) error { return b.either() }
func (b broken) Drop(context.Context, framework.Act, string) error   { return b.either() }

func (b broken) ReplayAll(context.Context, framework.Act, framework.LetterFilter, framework.Page) (framework.Batch, error) {
	return framework.Batch{}, b.either()
}

func (b broken) DropAll(context.Context, framework.Act, framework.LetterFilter, framework.Page) (framework.Batch, error) {
	return framework.Batch{}, b.either()
}

func (b broken) Queues(context.Context) ([]framework.Queue, error) { return nil, b.reading }

func (b broken) CheckQueue(context.Context, framework.QueueName, framework.QueueName) (framework.Queue, error) {
	return framework.Queue{}, b.either()
}

func (b broken) DropQueue(context.Context, framework.Act, framework.QueueName) (framework.Batch, error) {
	return framework.Batch{}, b.either()
}

func (b broken) HandOver(context.Context, framework.Act, framework.QueueName, framework.QueueName) (framework.Batch, error) {
	return framework.Batch{}, b.either()
}

func (b broken) Audit(context.Context, framework.Page) ([]framework.AuditEntry, string, error) {
	return nil, "", b.reading
}

// either is for what needs both.
func (b broken) either() error { return errors.Join(b.reading, b.acting) }

func TestAFailingEngineIsMaskedAndNothingIsSaidToBeDone(t *testing.T) {
	down := errors.New("nats: no response from /var/lib/secret-place")
	requests := []string{
		"GET /api/v1/events", "GET /api/v1/events/changes", "GET /api/v1/events/splunk-a", "GET /api/v1/deadletters", "GET /api/v1/deadletters/dl-1",
		"GET /api/v1/queues", "GET /api/v1/audit",
		"POST /api/v1/deadletters/dl-1/replay", `POST /api/v1/deadletters/dl-1/drop {"reason":"x"}`,
		`POST /api/v1/deadletters/replay {"all":true}`, `POST /api/v1/deadletters/drop {"all":true,"reason":"x"}`,
		`POST /api/v1/queues/drop {"queue":"old","reason":"x"}`, `POST /api/v1/queues/handover {"from":"old","to":"new"}`,
		`POST /api/v1/queues/drop {"queue":"old","reason":"x","dry_run":true}`, `POST /api/v1/queues/handover {"from":"old","to":"new","dry_run":true}`,
	}
	acting := requests[7:]
	for name, test := range map[string]struct {
		engine   broken
		requests []string
		status   int
	}{
		"it cannot read":                        {broken{reading: down}, requests, 500},
		"it reads and cannot act":               {broken{acting: down}, acting, 500},
		"another operator was faster":           {broken{acting: framework.ErrNoEvent}, acting, 404},
		"it asks to come back later":            {broken{reading: framework.Unavailable("starting", time.Second, down)}, requests, 503},
		"it asks to come back later, on acting": {broken{acting: framework.Unavailable("starting", time.Second, down)}, acting, 503},
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
		})
	}
}

func TestReadingAndActingNeedDifferentScopes(t *testing.T) {
	for request, needed := range map[string]string{
		"GET /api/v1/events": "read", "GET /api/v1/events/changes": "read", "GET /api/v1/events/splunk-a": "read",
		"GET /api/v1/deadletters": "read", "GET /api/v1/deadletters/dl-1": "read", "GET /api/v1/queues": "read", "GET /api/v1/audit": "read",
		"POST /api/v1/deadletters/dl-1/replay": "admin", `POST /api/v1/deadletters/dl-1/drop {"reason":"x"}`: "admin",
		`POST /api/v1/deadletters/replay {"all":true}`: "admin", `POST /api/v1/deadletters/replay {"all":true,"dry_run":true}`: "admin",
		`POST /api/v1/deadletters/drop {"all":true,"reason":"x"}`: "admin",
		`POST /api/v1/queues/drop {"queue":"old","reason":"x"}`:   "admin", `POST /api/v1/queues/handover {"from":"old","to":"ticket"}`: "admin",
		`POST /api/v1/queues/drop {"queue":"old","reason":"x","dry_run":true}`: "admin", `POST /api/v1/queues/handover {"from":"old","to":"ticket","dry_run":true}`: "admin",
	} {
		method, path, _ := strings.Cut(request, " ")
		for _, has := range []string{"read", "admin"} {
			a := serve(t)
			a.activity.AddEvent(alert("splunk-a"))
			a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
			a.activity.AddQueue(framework.Queue{Name: "old", Source: "splunk", Waiting: 2})
			path, body, _ := strings.Cut(path, " ")
			made := httptest.NewRequest(method, path, strings.NewReader(body))
			made.Header.Set("X-Test-Scope", has)
			answer := httptest.NewRecorder()
			a.ServeHTTP(answer, made)
			if allowed := answer.Code < 300; allowed != (has == needed) || !allowed && !strings.Contains(answer.Body.String(), "the scope "+needed) {
				t.Errorf("%s with the scope %s: %d %s", request, has, answer.Code, answer.Body)
			}
		}
	}
}

func TestDeadLettersAreActedOnByAFilterInBatches(t *testing.T) {
	a := serve(t)
	for i := range 3 {
		one := letter(fmt.Sprintf("dl-%d", i))
		if i == 1 {
			one.Automation = "enrich"
		}
		a.activity.AddDeadLetter(one, alert("splunk-a"))
	}
	for _, body := range []string{`{}`, `{"filter":{}}`, `{"all":true,"filter":{"automation":"enrich"}}`, `{"all":true,"limit":101}`, `{"filter":{"automatoin":"enrich"}}`, `{"filter":{"since":"yesterday"}}`} {
		for _, verb := range []string{"replay", "drop"} {
			if verb == "drop" {
				body = strings.Replace(body, "{", `{"reason":"x",`, 1)
				body = strings.Replace(body, ",}", "}", 1)
			}
			if answer := call(a, http.MethodPost, "/api/v1/deadletters/"+verb+" "+body); answer.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s %s: %d %s", verb, body, answer.Code, answer.Body)
			}
		}
	}
	expect(t, a, http.MethodPost, `/api/v1/deadletters/replay {"filter":{"automation":"ticket-for-alert"},"dry_run":true}`, 200, `{"count":2}`)
	expect(t, a, http.MethodPost, `/api/v1/deadletters/replay {"filter":{"automation":"ticket-for-alert"},"limit":1}`, 200, `{"count":1,"next":"0"}`)
	expect(t, a, http.MethodPost, `/api/v1/deadletters/replay {"filter":{"automation":"ticket-for-alert"},"limit":1,"cursor":"0"}`, 200, `{"count":1}`)
	expect(t, a, http.MethodPost, `/api/v1/deadletters/drop {"all":true,"reason":"gone"}`, 200, `{"count":1}`)
	if diff := cmp.Diff([][]string{{"dl-0", "dl-2"}, {"dl-1"}}, [][]string{a.activity.Replayed(), a.activity.Dropped()}); diff != "" {
		t.Error(diff)
	}
}

func TestListsTakeFiltersAndRefuseStrangeOnes(t *testing.T) {
	a := serve(t)
	a.activity.AddEvent(alert("splunk-a"), framework.Run{Automation: "ticket", State: framework.RunDead})
	a.activity.AddDeadLetter(letter("dl-1"), alert("splunk-a"))
	for request, found := range map[string]bool{
		"events?source=splunk": true, "events?source=jira": false, "events?type=splunk.alert": true, "events?type=splunk": false,
		"events?state=dead": true, "events?state=done": false, "events?automation=ticket&state=dead": true, "events?automation=enrich": false,
		"events?since=2026-11-20T13:00:00%2B01:00": true, "events?since=2026-11-20T12:00:01Z": false, "events?until=2026-11-20T12:00:00Z": false,
		"deadletters?automation=ticket-for-alert": true, "deadletters?automation=enrich": false, "deadletters?reason=NO%20SUCH": true,
		"deadletters?reason=quota": false, "deadletters?service=jira": false, "deadletters?order=newest": true, "deadletters?since=2026-11-20T13:00:00Z": true,
	} {
		answer := call(a, http.MethodGet, "/api/v1/"+request)
		if got := strings.Contains(answer.Body.String(), "splunk-a"); answer.Code != http.StatusOK || got != found {
			t.Errorf("%s: %d %s", request, answer.Code, answer.Body)
		}
	}
	for _, request := range []string{
		"events?state=lost", "events?since=2026-11-20", "events?since=2026-11-20T12:00:00", "events?cursor=x", "events?cursor=" + strings.Repeat("a", 8193),
		"events/changes?after=x", "events/changes?wait=26", "events/changes?state=lost", "deadletters?order=random", "deadletters?until=now", "deadletters?cursor=x",
		"audit?limit=101", "audit?cursor=x",
	} {
		if answer := call(a, http.MethodGet, "/api/v1/"+request); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%.60s: %d %s", request, answer.Code, answer.Body)
		}
	}
}

func TestChangesGoOnWhereTheLastAnswerEnded(t *testing.T) {
	a := serve(t)
	a.activity.AddChange(framework.EventChange{Time: frameworktest.Start(), EventID: "splunk-old", Type: "splunk.alert"})
	expect(t, a, http.MethodGet, "/api/v1/events/changes", 200, `{"changes":[],"next":"1"}`)
	run := framework.Run{Automation: "ticket", State: framework.RunDone, Attempts: 1}
	a.activity.AddChange(framework.EventChange{Time: frameworktest.Start(), EventID: "splunk-a", Type: "splunk.alert"})
	a.activity.AddChange(framework.EventChange{Time: frameworktest.Start(), EventID: "splunk-a", Type: "splunk.alert", Run: &run})
	accepted := `{"time":"2026-11-20T12:00:00Z","event_id":"splunk-a","type":"splunk.alert"}`
	done := `{"time":"2026-11-20T12:00:00Z","event_id":"splunk-a","type":"splunk.alert","run":{"automation":"ticket","state":"done","attempts":1}}`
	expect(t, a, http.MethodGet, "/api/v1/events/changes?after=1&wait=0", 200, `{"next":"3","changes":[`+accepted+`,`+done+`]}`)
	expect(t, a, http.MethodGet, "/api/v1/events/changes?after=1&state=done", 200, `{"next":"3","changes":[`+done+`]}`)
	expect(t, a, http.MethodGet, "/api/v1/events/changes?after=3&wait=0", 200, `{"next":"3","changes":[]}`)
}

func TestQueuesAreListedDroppedAndHandedOverStepByStep(t *testing.T) {
	a := serve(t)
	a.activity.AddQueue(framework.Queue{Name: "ticket", Source: "splunk", Type: "splunk.alert", Configured: true, Waiting: 1, Oldest: frameworktest.Start()})
	a.activity.AddQueue(framework.Queue{Name: "old/virustotal", Source: "splunk", Type: "splunk.alert", Waiting: 2, LeftAt: frameworktest.Start()})
	expect(t, a, http.MethodGet, "/api/v1/queues", 200, `{"queues":[
		{"name":"ticket","source":"splunk","type":"splunk.alert","configured":true,"waiting":1,"oldest":"2026-11-20T12:00:00Z"},
		{"name":"old/virustotal","source":"splunk","type":"splunk.alert","configured":false,"waiting":2,"left_at":"2026-11-20T12:00:00Z"}]}`)
	for range 2 { // it changes nothing
		for _, request := range []string{`handover {"from":"old/virustotal","to":"ticket","dry_run":true}`, `drop {"queue":"old/virustotal","reason":"x","dry_run":true}`} {
			expect(t, a, http.MethodPost, "/api/v1/queues/"+request, 200, `{"count":2,"more":false,
				"queue":{"name":"old/virustotal","source":"splunk","type":"splunk.alert","configured":false,"waiting":2,"left_at":"2026-11-20T12:00:00Z"}}`)
		}
	}
	expect(t, a, http.MethodPost, `/api/v1/queues/handover {"from":"old/virustotal","to":"ticket","source":"splunk"}`, 200, `{"count":1,"more":true}`)
	expect(t, a, http.MethodPost, `/api/v1/queues/drop {"queue":"old/virustotal","reason":"x"}`, 200, `{"count":1,"more":false}`)
	for _, request := range []string{`drop {"queue":"old"}`, `drop {"queue":"","reason":"x"}`, `drop {"queue":"a/b/c","reason":"x"}`, `handover {"from":"old"}`, `handover {"from":"../x","to":"y"}`} {
		if answer := call(a, http.MethodPost, "/api/v1/queues/"+request); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", request, answer.Code, answer.Body)
		}
	}
}
