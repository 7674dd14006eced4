package jira_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
)

func diffFailure(want *framework.ServiceError, err error) string {
	var got *framework.ServiceError
	if !errors.As(err, &got) {
		return fmt.Sprintf("%v is no ServiceError", err)
	}
	return cmp.Diff(want, got, cmpopts.IgnoreFields(framework.ServiceError{}, "Err"))
}

func isGone(err error) bool {
	return errors.Is(err, framework.ErrNoComment) && framework.IsPermanent(err)
}

// serve starts an HTTP server and returns a client of it.
func serve(t *testing.T, config jira.Config, handler http.HandlerFunc) *jira.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	config.URL, config.Token = server.URL, framework.NewSecret(canary)
	if config.Flavor != jira.DataCenter {
		config.User = "bot@example.com"
	}
	return must(jira.New(config, frameworktest.Deps(t)))(t)
}

func answers(status int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestEveryAnswerOfACreateSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	type header = map[string]string
	const page = "<html><title>Log in</title></html>"
	for name, test := range map[string]struct {
		status int
		header header
		body   string
		want   framework.ServiceError
	}{
		"a field is not on the screen": {
			400, nil, `{"errorMessages":[],"errors":{"priority":"Field 'priority' cannot be set.","assignee":"No such user."}}`,
			framework.ServiceError{Permanent: true, Reason: "Jira refuses the request: assignee: No such user.; priority: Field 'priority' cannot be set."},
		},
		"both kinds of messages, of several lines and odd types": {
			400, nil, `{"errorMessages":["one\n two\u0000",3],"errors":{"labels":["a","b"]}}`,
			framework.ServiceError{Permanent: true, Reason: "Jira refuses the request: one two\ufffd; 3; labels: [a b]"},
		},
		"a refusal without a word":    {400, nil, ``, framework.ServiceError{Permanent: true, Reason: "Jira refuses the request"}},
		"a refusal by something else": {400, nil, page, framework.ServiceError{Permanent: true, Reason: "Jira refuses the request"}},
		"the token expired": {401, nil, `{"message":"Client must be authenticated","status-code":401}`, framework.ServiceError{
			Reason: "the user or token is not accepted: check jira.user and jira.token (tokens expire): Client must be authenticated",
		}},
		"no permission": {403, nil, `{"errorMessages":["No permission."]}`, framework.ServiceError{
			Permanent: true, Reason: "the user of the token may not do this: it needs the permission Create Issues in the project: No permission.",
		}},
		"a CAPTCHA": {403, header{"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://x"}, page, framework.ServiceError{
			Reason: "Jira wants a CAPTCHA solved after failed logins: log in once in a browser as the user of the token",
		}},
		"an anonymous session after a refused login": {404, header{"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, `{}`, framework.ServiceError{
			Reason: "the user or token is not accepted: check jira.user and jira.token (tokens expire)",
		}},
		"no such project": {404, nil, `{}`, framework.ServiceError{
			Permanent: true, Reason: "no such project, ticket or address, or the user of the token may not see it",
		}},
		"timed out on the way":  {408, nil, ``, framework.ServiceError{Ambiguous: true, Reason: "Jira refuses the request"}},
		"a conflict":            {409, nil, ``, framework.ServiceError{Reason: "Jira refuses the request"}},
		"the call was removed":  {410, nil, `{"errorMessages":["Please migrate."]}`, framework.ServiceError{Permanent: true, Reason: "this Jira no longer has this call: check jira.flavor: Please migrate."}},
		"too large for a proxy": {413, nil, page, framework.ServiceError{Permanent: true, Reason: "the request is too large for Jira or for a proxy before it"}},
		"too fast, in seconds": {429, header{"Retry-After": "30", "RateLimit-Reason": "jira-burst-based"}, ``, framework.ServiceError{
			RetryAfter: 30 * time.Second, Reason: "Jira asks to slow down (jira-burst-based)",
		}},
		"too fast, as a date": {429, header{"Retry-After": frameworktest.Start().Add(90 * time.Second).Format(http.TimeFormat)}, ``, framework.ServiceError{
			RetryAfter: 90 * time.Second, Reason: "Jira asks to slow down",
		}},
		"too fast, as a minute": {429, header{"X-RateLimit-Reset": "2026-11-20T12:03Z"}, ``, framework.ServiceError{
			RetryAfter: 3 * time.Minute, Reason: "Jira asks to slow down",
		}},
		"too fast, for ever": {429, header{"Retry-After": "99999999999999999999", "RateLimit-Reason": "<script>"}, ``, framework.ServiceError{
			Reason: "Jira asks to slow down",
		}},
		"too fast, for a year": {429, header{"Retry-After": "31536000"}, ``, framework.ServiceError{
			RetryAfter: 24 * time.Hour, Reason: "Jira asks to slow down",
		}},
		"a wait in the past": {429, header{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, ``, framework.ServiceError{Reason: "Jira asks to slow down"}},
		"an internal error": {500, nil, `{"errorMessages":["Internal server error"]}`, framework.ServiceError{
			Ambiguous: true, Reason: "Jira has an internal error, or a proxy before it cannot reach it: Internal server error",
		}},
		"down for maintenance": {503, header{"Retry-After": "120"}, page, framework.ServiceError{
			Ambiguous: true, RetryAfter: 2 * time.Minute, Reason: "Jira is not available",
		}},
		"a redirect to a login page": {302, header{"Location": "https://sso.example.com/login"}, ``, framework.ServiceError{
			Ambiguous: true, Reason: "redirected elsewhere: jira.url is not the base address, or a login page stands before it",
		}},
		"a page with 200":                   {200, header{"Content-Type": "text/html"}, page, framework.ServiceError{Ambiguous: true, Reason: "the answer is not Jira's (a login or proxy page?)"}},
		"nothing with 204":                  {204, nil, ``, framework.ServiceError{Ambiguous: true, Reason: "the answer is not Jira's (a login or proxy page?)"}},
		"JSON of something else with 200":   {200, nil, `{"status":"ok"}`, framework.ServiceError{Ambiguous: true, Reason: "the answer is not Jira's (a login or proxy page?)"}},
		"a list with 200":                   {200, nil, `[]`, framework.ServiceError{Ambiguous: true, Reason: "the answer is not Jira's (a login or proxy page?)"}},
		"a key that would lead into a path": {201, nil, `{"key":"SEC-1/../../x"}`, framework.ServiceError{Ambiguous: true, Reason: "the answer is not Jira's (a login or proxy page?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, jira.Config{}, answers(test.status, test.header, test.body))
			_, err := client.Create(t.Context(), alert())
			test.want.Service, test.want.Op, test.want.Status = "jira", "create issue", test.status
			if diff := diffFailure(&test.want, err); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailuresThatLeaveNoDoubtAreNotAmbiguous(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	hanging := serve(t, jira.Config{}, func(http.ResponseWriter, *http.Request) { close(started); <-release })
	t.Cleanup(func() { close(release) })
	cancelled, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, hangs := hanging.Create(cancelled, alert())

	tooLong := serve(t, jira.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		for range 17 << 10 {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1024)); err != nil {
				return
			}
		}
	})
	_, long := tooLong.Create(t.Context(), alert())

	config := jira.Config{URL: "http://127.0.0.1:1", User: "bot@example.com", Token: framework.NewSecret(canary)}
	nowhere := must(jira.New(config, frameworktest.Deps(t)))(t)
	_, refused := nowhere.Create(t.Context(), alert())
	config.URL = "https://jira.invalid"
	unknown := must(jira.New(config, frameworktest.Deps(t)))(t)
	_, notFound := unknown.Create(t.Context(), alert())
	secure := httptest.NewTLSServer(answers(200, nil, "{}"))
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	config.URL = secure.URL
	_, untrusted := must(jira.New(config, frameworktest.Deps(t)))(t).Create(t.Context(), alert())
	_, label := nowhere.Create(t.Context(), alert("two words"))

	for name, test := range map[string]struct {
		err       error
		reason    string
		ambiguous bool
		permanent bool
	}{
		"given up while Jira works": {hangs, "the call was broken off", true, false},
		"an endless answer":         {long, "the answer is longer than 16 MiB", true, false},
		"nothing listens":           {refused, "nothing answers at jira.url", false, false},
		"the name does not resolve": {notFound, "the host of jira.url is not found", false, false},
		"an untrusted certificate":  {untrusted, "the certificate of jira.url is not trusted: set jira.ca_file to its authority", false, false},
		"a label that Jira refuses": {label, "a label is empty, too long or has a space", false, true},
	} {
		want := &framework.ServiceError{Service: "jira", Op: "create issue", Reason: test.reason, Ambiguous: test.ambiguous, Permanent: test.permanent}
		if diff := diffFailure(want, test.err); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !errors.Is(hangs, context.Canceled) {
		t.Errorf("%v does not tell that it was cancelled", hangs)
	}
}

func TestReadsAreNeverAmbiguous(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 302, 500, 503} {
		client := serve(t, jira.Config{}, answers(status, nil, "<html>"))
		_, search := client.FindByLabel(t.Context(), "SEC", "fw-a")
		_, comments := client.FindComment(t.Context(), "SEC-1", "mark")
		for _, err := range []error{search, comments, client.Check(t.Context())} {
			if err == nil || framework.MayHaveHappened(err) || framework.IsPermanent(err) {
				t.Errorf("status %d: %v", status, err)
			}
		}
	}
}

func TestAnAnonymousAnswerIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	header := map[string]string{"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
	client := serve(t, jira.Config{}, answers(200, header, `{"issues":[],"comments":[],"total":0,"name":"anonymous"}`))
	_, search := client.FindByLabel(t.Context(), "SEC", "fw-a")
	_, comments := client.FindComment(t.Context(), "SEC-1", "mark")
	for _, err := range []error{search, comments, client.Check(t.Context())} {
		if framework.Reason(err) == "" || !strings.Contains(framework.Reason(err), "check jira.user and jira.token") {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheSearchOfTheOtherFlavourIsSaidToBeThat(t *testing.T) {
	t.Parallel()
	client := serve(t, jira.Config{Flavor: jira.DataCenter}, answers(410, nil, `{"errorMessages":["The requested API has been removed."],"errors":{}}`))
	_, err := client.FindByLabel(t.Context(), "SEC", "fw-a")
	want := "jira: search issues: this Jira no longer has this call: check jira.flavor: The requested API has been removed. (status 410)"
	if diff := cmp.Diff(want, framework.Reason(err)); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
}

func TestNoSecretComesBackOutOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, flavor := range []string{jira.Cloud, jira.DataCenter} {
		client := serve(t, jira.Config{Flavor: flavor}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"errorMessages":["you sent %s","and %s"],"errors":{"x":"%s"}}`, r.Header.Get("Authorization"), canary, canary)
		})
		_, err := client.Create(t.Context(), alert())
		frameworktest.LeaksNoSecret(t, canary, err.Error(), framework.Reason(err), fmt.Sprintf("%+v %#v", err, client))
	}
}

func TestJirasOwnWordsAreBounded(t *testing.T) {
	t.Parallel()
	client := serve(t, jira.Config{}, answers(400, nil, `{"errorMessages":["`+strings.Repeat("é", 100_000)+`"]}`))
	_, err := client.Create(t.Context(), alert())
	if got := len([]rune(framework.Reason(err))); got > 600 {
		t.Errorf("the reason has %d characters", got)
	}
}

func TestKeysAndIdsDoNotLeadElsewhere(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := serve(t, jira.Config{}, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	for _, key := range []string{"", "SEC", "sec-1", "SEC-1/../../x", "SEC-1?x", "../SEC-1", "SEC-1\n", "SEC-" + strings.Repeat("1", 30)} {
		_, find := client.FindComment(t.Context(), key, "mark")
		_, add := client.AddComment(t.Context(), key, "mark", nil)
		for _, err := range []error{find, add, client.EditComment(t.Context(), key, "1", "mark", nil)} {
			if !framework.IsPermanent(err) {
				t.Errorf("key %q: %v", key, err)
			}
		}
	}
	for _, id := range []string{"", "x", "1/../2", "1?x", strings.Repeat("1", 30)} {
		if err := client.EditComment(t.Context(), "SEC-1", id, "mark", nil); !framework.IsPermanent(err) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("%d calls were made", got)
	}
}

// counting counts bodies that were opened and not closed.
type counting struct {
	http.RoundTripper
	open atomic.Int32
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.open.Add(1)
		response.Body = &countedBody{ReadCloser: response.Body, open: &c.open}
	}
	return response, err
}

type countedBody struct {
	io.ReadCloser
	open   *atomic.Int32
	closed bool
}

func (b *countedBody) Close() error {
	if !b.closed {
		b.open.Add(-1)
	}
	b.closed = true
	return b.ReadCloser.Close()
}

func TestEveryBodyIsClosedWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 204, 302, 400, 401, 404, 429, 500} {
		server := httptest.NewServer(answers(status, nil, `{"key":"SEC-1","id":"1","comments":[],"issues":[]}`))
		t.Cleanup(server.Close)
		deps := frameworktest.Deps(t)
		transport := &counting{RoundTripper: deps.HTTP.Transport}
		deps.HTTP.Transport = transport
		client := must(jira.New(jira.Config{URL: server.URL, User: "u", Token: framework.NewSecret(canary)}, deps))(t)
		_, _ = client.Create(t.Context(), alert())
		_, _ = client.FindByLabel(t.Context(), "SEC", "x")
		_, _ = client.AddComment(t.Context(), "SEC-1", "m", nil)
		_, _ = client.FindComment(t.Context(), "SEC-1", "m")
		_ = client.EditComment(t.Context(), "SEC-1", "1", "m", nil)
		_ = client.Check(t.Context())
		if got := transport.open.Load(); got != 0 {
			t.Errorf("status %d: %d bodies are open", status, got)
		}
	}
}

func TestRequestsCarryWhatJiraWantsAndNothingElse(t *testing.T) {
	t.Parallel()
	type seen struct{ Method, Path, Authorization, Accept, ContentType, Agent, Body string }
	var got []seen
	record := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, seen{
			r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Accept"),
			r.Header.Get("Content-Type"), r.Header.Get("User-Agent"), strings.TrimSpace(string(body)),
		})
		answers(200, nil, `{"key":"SEC-1","id":"1","comments":[],"issues":[]}`)(w, r)
	}
	client := serve(t, jira.Config{Flavor: jira.DataCenter}, record)
	must(client.Create(t.Context(), alert("fw-a")))(t)
	must(client.FindByLabel(t.Context(), "SEC", `a"b`))(t)
	must(client.AddComment(t.Context(), "SEC-1", "m", framework.Document{framework.Text("<hi>")}))(t)
	cloud := serve(t, jira.Config{}, record)
	must(cloud.FindByLabel(t.Context(), "SEC", "fw-a"))(t)
	const bearer, basic, media, agent = "Bearer " + canary, "Basic Ym90QGV4YW1wbGUuY29tOkFUQVRUM3hDYW5hcnktMDEyMzQ1Njc4OQ==", "application/json", "funnelweb/test"
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("%q", fmt.Sprint("SEC-", i+1)))
	}
	want := []seen{
		{"POST", "/rest/api/2/issue", bearer, media, media, agent, `{"fields":{"description":"user jdoe on WS-042","issuetype":{"name":"Task"},"labels":["fw-a"],"project":{"key":"SEC"},"summary":"Malware found on host"}}`},
		{"GET", "/rest/api/2/search?fields=key&jql=project+%3D+%22SEC%22+AND+labels+%3D+%22a%5C%22b%22+ORDER+BY+created+ASC&maxResults=1", bearer, media, media, agent, ""},
		{"POST", "/rest/api/2/issue/SEC-1/comment", bearer, media, media, agent, `{"body":"\u003chi\u003e","properties":[{"key":"funnelweb","value":{"mark":"m"}},{"key":"sd.public.comment","value":{"internal":true}}]}`},
		{"GET", "/rest/api/2/search/jql?fields=key&jql=project+%3D+%22SEC%22+AND+labels+%3D+%22fw-a%22+ORDER+BY+created+ASC&maxResults=1", basic, media, media, agent, ""},
		{"GET", "/rest/api/2/search/jql?fields=key&jql=project+%3D+%22SEC%22+ORDER+BY+key+DESC&maxResults=1", basic, media, media, agent, ""},
		{"POST", "/rest/api/2/issue/bulkfetch", basic, media, media, agent, `{"issueIdsOrKeys":[` + strings.Join(keys, ",") + `],"fields":["labels"]}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestForeignCommentPropertiesAreSkipped(t *testing.T) {
	t.Parallel()
	client := serve(t, jira.Config{}, answers(200, nil, `{"total":3,"accountId":"us","comments":[
		{"id":"1","properties":[{"key":"funnelweb","value":"a text"},{"key":"sd.public.comment","value":{"internal":true}}]},
		{"id":"2","properties":[{"key":"other","value":{"mark":"m"}}]},
		{"id":"3","updated":1,"author":{"accountId":"us"},"properties":[{"key":"funnelweb","value":{"mark":"m"}}]}]}`))
	if got := must(client.FindComment(t.Context(), "SEC-1", "m"))(t); got != "3" {
		t.Errorf("found %q, want 3", got)
	}
}

func TestAListOfCommentsThatNeverEndsIsLeft(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answers(200, nil, `{"total":1000000,"comments":[`+strings.TrimSuffix(strings.Repeat(`{"id":"1"},`, 100), ",")+`]}`)(w, r)
	})
	if got := must(client.FindComment(t.Context(), "SEC-1", "m"))(t); got != "" || calls.Load() != 100 {
		t.Errorf("found %q after %d calls", got, calls.Load())
	}
}
