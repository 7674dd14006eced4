package frameworktest_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func newTicket(labels ...string) framework.NewTicket {
	return framework.NewTicket{Project: "SEC", Type: "Task", Summary: "Malware found on host", Labels: labels}
}

func TestTicketsAreLikeThoseOfATicketSystem(t *testing.T) {
	ctx := t.Context()
	var clock frameworktest.Clock
	tickets := frameworktest.RecordingTickets{Now: clock.Now, SearchLag: time.Minute}
	key := must(tickets.Create(ctx, newTicket("fw-a")))
	again := must(tickets.Create(ctx, newTicket("fw-a")))
	if key != "SEC-1" || again != "SEC-2" {
		t.Errorf("keys %s and %s: creating is not idempotent", key, again)
	}
	if got := must(tickets.FindByLabel(ctx, "SEC", "fw-a")); got != "" {
		t.Errorf("found %s at once: a search lags", got)
	}
	clock.Advance(time.Minute)
	if got := must(tickets.FindByLabel(ctx, "SEC", "fw-a")); got != "SEC-1" {
		t.Errorf("found %q, want the oldest", got)
	}
	id := must(tickets.AddComment(ctx, key, "mark", framework.Document{framework.Text("one")}))
	if found := must(tickets.FindComment(ctx, key, "mark")); found != id {
		t.Errorf("found comment %q, want %q", found, id)
	}
	if err := tickets.EditComment(ctx, key, id, "mark", framework.Document{framework.Text("two")}); err != nil {
		t.Error(err)
	}
	want := []frameworktest.TicketComment{{ID: "10001", Mark: "mark", Body: framework.Document{framework.Text("two")}, Edits: 1}}
	if diff := cmp.Diff(want, tickets.Tickets()[0].Comments); diff != "" {
		t.Error(diff)
	}
	tickets.DeleteComments(key)
	if err := tickets.EditComment(ctx, key, id, "mark", nil); !errors.Is(err, framework.ErrNoComment) {
		t.Errorf("edit of a deleted comment: %v", err)
	}
	wantCalls := []string{
		"Create SEC", "Create SEC", "FindByLabel SEC fw-a", "FindByLabel SEC fw-a",
		"AddComment SEC-1 mark", "FindComment SEC-1 mark", "EditComment SEC-1 10001", "EditComment SEC-1 10001",
	}
	if diff := cmp.Diff(wantCalls, tickets.Calls()); diff != "" {
		t.Error(diff)
	}
	file := framework.TicketFile{Name: "a.csv", Type: "text/csv", Body: []byte("x")}
	if id := must(tickets.AddFile(ctx, key, file)); id != must(tickets.FindFile(ctx, key, "a.csv")) || must(tickets.FindFile(ctx, key, "b.csv")) != "" {
		t.Errorf("the file has the id %q, and another one is found", id)
	}
	for _, title := range []string{"one", "two"} {
		if err := tickets.AddLink(ctx, key, framework.TicketLink{ID: "1", Title: title}); err != nil {
			t.Fatal(err)
		}
	}
	if now := must(tickets.Status(ctx, key)); now != "To Do" || must(tickets.Move(ctx, key, "Done")) != "Done" || must(tickets.Status(ctx, key)) != "Done" {
		t.Errorf("the status was %s", now)
	}
	if made := tickets.Tickets()[0]; len(made.Files) != 1 || len(made.Links) != 1 || made.Links[0].Title != "two" {
		t.Errorf("files %v, links %v", made.Files, made.Links)
	}
	if long := framework.Text(strings.Repeat("é", 32_767)); !tickets.Fits(framework.Document{long}) || tickets.Fits(framework.Document{long, framework.Heading{Text: "x"}}) {
		t.Error("what fits is not what is 32,767 characters long")
	}
	if got := tickets.Link(key); got != "https://jira.example.com/browse/SEC-1" {
		t.Errorf("link %s", got)
	}
}

func TestTicketsRefuseWhatATicketSystemRefuses(t *testing.T) {
	ctx := t.Context()
	var tickets frameworktest.RecordingTickets
	_, noSummary := tickets.Create(ctx, framework.NewTicket{Project: "SEC", Type: "Task"})
	_, badLabel := tickets.Create(ctx, newTicket("two words"))
	_, noTicket := tickets.AddComment(ctx, "SEC-9", "mark", nil)
	_, noTicketToRead := tickets.FindComment(ctx, "SEC-9", "mark")
	for _, err := range []error{noSummary, badLabel, noTicket, noTicketToRead} {
		if !framework.IsPermanent(err) || framework.MayHaveHappened(err) {
			t.Errorf("error = %v, want one that is permanent", err)
		}
	}
	if made := tickets.Tickets(); len(made) != 0 {
		t.Errorf("made %v", made)
	}
}

func TestTicketCallsFailAsPlanned(t *testing.T) {
	ctx := t.Context()
	var tickets frameworktest.RecordingTickets
	tickets.FailNext(frameworktest.Create, errPlanned, nil)
	tickets.CommitThenFailNext(frameworktest.Create, errPlanned)
	for i, want := range []struct {
		err   error
		count int
	}{{errPlanned, 0}, {nil, 1}, {errPlanned, 2}, {nil, 3}} {
		if _, err := tickets.Create(ctx, newTicket()); !errors.Is(err, want.err) {
			t.Errorf("call %d: %v", i+1, err)
		}
		if got := len(tickets.Tickets()); got != want.count {
			t.Errorf("after call %d there are %d tickets, want %d", i+1, got, want.count)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := tickets.Create(gone, newTicket()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
}

func TestActivity(t *testing.T) {
	ctx := t.Context()
	var activity frameworktest.RecordingActivity
	one, two := framework.Event{ID: "splunk-1", Type: "splunk.alert"}, framework.Event{ID: "splunk-2", Type: "splunk.alert"}
	activity.AddEvent(one)
	activity.AddEvent(two)
	activity.AddEvent(one, framework.Run{Automation: "ticket", State: framework.RunDone})
	status := must(activity.Event(ctx, "splunk-1"))
	want := framework.EventStatus{Event: one, Runs: []framework.Run{{Automation: "ticket", State: framework.RunDone}}}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Error(diff)
	}
	if got, next, err := activity.Events(ctx, framework.EventFilter{}, framework.Page{Limit: 1}); err != nil || len(got) != 1 || got[0].ID != "splunk-1" || next != "1" {
		t.Errorf("Events = %v, %q, %v", got, next, err)
	}
	if got, next, err := activity.Events(ctx, framework.EventFilter{}, framework.Page{Limit: 1, Cursor: "1"}); err != nil || len(got) != 1 || got[0].ID != "splunk-2" || next != "" {
		t.Errorf("the second page of Events = %v, %q, %v", got, next, err)
	}
	if got, _, err := activity.Events(ctx, framework.EventFilter{State: framework.RunDone}, framework.Page{Limit: 9}); err != nil || len(got) != 1 {
		t.Errorf("Events that are done = %v, %v", got, err)
	}
	for _, id := range []string{"d1", "d2", "d3"} {
		activity.AddDeadLetter(framework.DeadLetter{ID: id, Service: "jira"}, one)
	}
	if got, _, err := activity.DeadLetters(ctx, framework.LetterFilter{}, framework.Page{Limit: 2, Newest: true}); err != nil || len(got) != 2 || got[0].ID != "d3" {
		t.Errorf("DeadLetters = %v, %v", got, err)
	}
	if letter, event, err := activity.DeadLetter(ctx, "d2"); err != nil || letter.ID != "d2" || event.ID != one.ID {
		t.Errorf("DeadLetter = %v, %v, %v", letter, event, err)
	}
	act := framework.Act{Caller: "tester", Reason: "a test"}
	if err := errors.Join(activity.Replay(ctx, act, "d1"), activity.Drop(ctx, act, "d2")); err != nil {
		t.Error(err)
	}
	if batch, err := activity.ReplayAll(ctx, act, framework.LetterFilter{Service: "jira"}, framework.Page{Limit: 9}); err != nil || batch.Count != 1 || batch.Next != "" {
		t.Errorf("ReplayAll = %v, %v", batch, err)
	}
	if diff := cmp.Diff([][]string{{"d1", "d3"}, {"d2"}}, [][]string{activity.Replayed(), activity.Dropped()}); diff != "" {
		t.Error(diff)
	}
	if entries, _, err := activity.Audit(ctx, framework.Page{Limit: 9}); err != nil || len(entries) != 3 || entries[2].Caller != "tester" {
		t.Errorf("Audit = %v, %v", entries, err)
	}
	_, noEvent := activity.Event(ctx, "x")
	_, _, noLetter := activity.DeadLetter(ctx, "d1")
	_, noQueue := activity.DropQueue(ctx, act, framework.QueueName{Name: "x"})
	for _, err := range []error{noEvent, noLetter, noQueue, activity.Replay(ctx, act, "d1"), activity.Drop(ctx, act, "d2")} {
		if !errors.Is(err, framework.ErrNoEvent) {
			t.Errorf("error = %v", err)
		}
	}
}

func TestLogKeepsEveryLevel(t *testing.T) {
	var log frameworktest.Log
	log.Logger().With("part", "x").DebugContext(t.Context(), "small thing", "n", 1)
	if got := log.String(); !strings.Contains(got, `level=DEBUG msg="small thing" part=x n=1`) {
		t.Errorf("log holds %q", got)
	}
}

func TestDepsAreComplete(t *testing.T) {
	deps := frameworktest.Deps(t)
	if deps.Log == nil || deps.HTTP.Timeout == 0 || deps.Events == nil || deps.Activity == nil || deps.Ledger == nil ||
		deps.Quota == nil || deps.Archive == nil || deps.Enrichers == nil || deps.Ready == nil || deps.Version == "" {
		t.Errorf("incomplete: %+v", deps)
	}
	if deps.Tickets != nil {
		t.Error("there is a ticket system although none is configured")
	}
	if got := deps.Now(); !got.Equal(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("the clock shows %s", got)
	}
	if got := deps.Ready(t.Context()); got != nil {
		t.Errorf("Ready = %v", got)
	}
}

func TestClientFollowsNoRedirectToAnotherHost(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("/away", http.RedirectHandler(other.URL, http.StatusFound))
	mux.Handle("/here", http.RedirectHandler("/end", http.StatusFound))
	mux.HandleFunc("/end", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	server := httptest.NewServer(mux)
	defer server.Close()
	client := frameworktest.Deps(t).HTTP
	for path, want := range map[string]int{"/away": http.StatusFound, "/here": http.StatusTeapot} {
		response, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
	}
	if reached {
		t.Error("the redirect to another host was followed")
	}
}

func TestRequestIsAsPluginsGetIt(t *testing.T) {
	r := frameworktest.Request("POST", "/alerts/abc?token=x", "body", http.Header{"x-small": {"1", "2"}}, "id", "abc", "odd")
	if string(r.Raw()) != "body" || r.ID != frameworktest.RequestID || r.Method != http.MethodPost || r.URL.Query().Get("token") != "x" {
		t.Errorf("request %+v", r)
	}
	if diff := cmp.Diff([]string{"1", "2"}, r.Header.Values("X-Small")); diff != "" {
		t.Error(diff)
	}
	if r.PathParam("id") != "abc" || r.PathParam("odd") != "" || r.PathParam("none") != "" {
		t.Error("path parameters are wrong")
	}
}

// watched stands in for a test, to see whether it fails.
type watched struct {
	testing.TB
	failures []string
}

func (*watched) Helper() {}

func (w *watched) Errorf(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

func (w *watched) Fatalf(format string, args ...any) { w.Errorf(format, args...) }

func TestLeaksNoSecretFindsEveryForm(t *testing.T) {
	const canary = "Kan\"rie+vogel/0815%"
	forms := map[string]string{
		"as it is":             "error: " + canary,
		"hex":                  hex.EncodeToString([]byte("x" + canary)),
		"HEX":                  strings.ToUpper(hex.EncodeToString([]byte(canary))),
		"query":                url.QueryEscape("a=" + canary),
		"path":                 "https://host/" + url.PathEscape(canary),
		"quoted":               fmt.Sprintf("%q", canary),
		"basic authentication": "Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+canary)),
	}
	for length := range 7 {
		around := strings.Repeat("\xff", length)
		forms[fmt.Sprintf("base64 after %d bytes", length)] = base64.StdEncoding.EncodeToString([]byte(around + canary + "~~"))
		forms[fmt.Sprintf("URL base64 before %d bytes", length)] = base64.RawURLEncoding.EncodeToString([]byte("u:" + canary + around))
	}
	for name, text := range forms {
		test := &watched{TB: t}
		frameworktest.LeaksNoSecret(test, canary, "harmless", text)
		if len(test.failures) == 0 {
			t.Errorf("%s was not found", name)
		}
		for _, failure := range test.failures {
			if strings.Contains(failure, canary) {
				t.Errorf("the failure tells the canary: %s", failure)
			}
		}
	}
}

func TestLeaksNoSecretAcceptsHarmlessTexts(t *testing.T) {
	test := &watched{TB: t}
	frameworktest.LeaksNoSecret(test, "canary-0123456789", "", "canary", "[secret]", "Y2FuYXJ5", "canary-012345678")
	if len(test.failures) > 0 {
		t.Error(test.failures)
	}
	frameworktest.LeaksNoSecret(test, "short", "x")
	if len(test.failures) != 1 {
		t.Errorf("a canary of five bytes was accepted")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
