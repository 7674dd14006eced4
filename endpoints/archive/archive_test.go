package archive

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is the key for Threat Stack in all tests.
const canary = "ts-canary-9f86d081884c7d65"

// served is the endpoint behind a funnel without plugins.
type served struct {
	*framework.Funnel
	events  *frameworktest.MemoryPublisher
	archive *frameworktest.MemoryArchive
}

func serve(t *testing.T, config Config) served {
	t.Helper()
	deps := frameworktest.Deps(t)
	s := served{events: new(frameworktest.MemoryPublisher), archive: new(frameworktest.MemoryArchive)}
	deps.Events, deps.Archive = s.events, s.archive
	routes, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.Funnel, err = framework.NewFunnel(framework.Info{Title: "test", Version: "0"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		if err := s.Mount(route, framework.Chain{Public: true}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s served) call(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	s.ServeHTTP(answer, request)
	return answer
}

// put archives an object for the endpoint to find.
func (s served) put(t *testing.T, key, body string) {
	t.Helper()
	if err := s.archive.Put(t.Context(), key, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// wantAnswer compares status and body; want is JSON in any layout.
func wantAnswer(t *testing.T, answer *httptest.ResponseRecorder, status int, want string) {
	t.Helper()
	if answer.Code != status {
		t.Errorf("status: got %d, want %d", answer.Code, status)
	}
	if diff := cmp.Diff(decode(t, want), decode(t, answer.Body.String())); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// wantProblem compares what of a problem is the endpoint's own.
func wantProblem(t *testing.T, answer *httptest.ResponseRecorder, status int, fields ...framework.Field) {
	t.Helper()
	var problem framework.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		t.Fatalf("%v in %s", err, answer.Body)
	}
	if answer.Code != status || problem.Status != status || answer.Header().Get("Content-Type") != framework.ProblemType {
		t.Errorf("got status %d and %s, want a problem with %d", answer.Code, answer.Body, status)
	}
	for i := range problem.Errors {
		problem.Errors[i].Message = ""
	}
	if diff := cmp.Diff(fields, problem.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Setenv("TS_KEY", canary)
	t.Setenv("TS_BROKEN_KEY", "two\nlines")
	cases := []struct{ name, yaml, want string }{
		{"nothing is needed", "{}", ""},
		{"a key alone takes the address of Threat Stack", `threatstack: {key: "env:TS_KEY"}`, ""},
		{"a stand-in on this machine needs no TLS", `threatstack: {url: "http://127.0.0.1:8081/api/v1/", key: "env:TS_KEY"}`, ""},
		{"the key goes to no other machine in the clear", `threatstack: {url: "http://ts.lab.example/api/v1", key: "env:TS_KEY"}`, "in the clear"},
		{"an address without a host", `threatstack: {url: "https:///api", key: "env:TS_KEY"}`, "not an absolute https address"},
		{"a password in the address", `threatstack: {url: "https://a:b@ts.lab.example", key: "env:TS_KEY"}`, "user or password"},
		{"an address with a query", `threatstack: {url: "https://ts.lab.example?x=1", key: "env:TS_KEY"}`, "query or fragment"},
		{"an address without a key", `threatstack: {url: "https://ts.lab.example"}`, "threatstack.key is missing"},
		{"a key of two lines", `threatstack: {key: "env:TS_BROKEN_KEY"}`, "visible ASCII"},
		{"a key that is written in place", `threatstack: {key: ` + canary + `}`, "never in place"},
		{"a key of another name", `threatstack: {token: "env:TS_KEY"}`, "token"},
	}
	registry := framework.NewRegistry()
	framework.AddEndpoint(registry, "archive", Defaults, New)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var document yaml.Node
			if err := yaml.Unmarshal([]byte(c.yaml), &document); err != nil {
				t.Fatal(err)
			}
			routes, err := registry.Endpoint("archive", document.Content[0], "endpoints[0].with", frameworktest.Deps(t))
			if c.want == "" {
				if err != nil || len(routes) != 4 {
					t.Errorf("got %d routes, %v", len(routes), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", err, c.want)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
}

func TestRoutesAreThoseOfThreatstackToS3(t *testing.T) {
	var got []string
	for _, route := range serve(t, Defaults()).Routes() {
		got = append(got, route.Method+" "+route.Path)
	}
	want := []string{"POST /api/v1/s3/alert", "GET /api/v1/s3/alert", "GET /api/v1/s3/alert/{id}", "GET /api/v1/s3/status"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func TestAnAlertIsShownById(t *testing.T) {
	s := serve(t, Defaults())
	s.put(t, "alerts/58/9b/589b1aa1", `{"id": "589b1aa1", "title": "root used", "n": 12345678901234567890}`)
	answer := s.call(t, http.MethodGet, "/api/v1/s3/alert/589b1aa1", "")
	wantAnswer(t, answer, http.StatusOK, `{"success":true,"alert":{"id":"589b1aa1","title":"root used","n":12345678901234567890}}`)
	if !strings.Contains(answer.Body.String(), "12345678901234567890") {
		t.Errorf("a number lost digits: %s", answer.Body)
	}
	wantAnswer(t, s.call(t, http.MethodGet, "/api/v1/s3/alert/589b1aa1/", ""), http.StatusOK, answer.Body.String())
}

func TestAnAlertThatCannotBeShownIsAProblem(t *testing.T) {
	s := serve(t, Defaults())
	s.put(t, "alerts/no/tj/notjson", "<html>")
	s.put(t, "alerts/tw/ic/twice", `{"id":"twice","id":"twice"}`)
	s.archive.Fail = func(call, key string) error {
		if key == "alerts/br/ok/broken" {
			return &framework.ServiceError{Service: "s3", Op: call, Reason: "access denied"}
		}
		if key == "alerts/hu/ge/huge" {
			return &framework.ServiceError{Service: "s3", Op: call, Permanent: true, Reason: "denied for its size"}
		}
		return nil
	}
	id := framework.Field{In: "path", Pointer: "id"}
	tooShort, tooLong, pattern := id, id, id
	tooShort.Rule, tooLong.Rule, pattern.Rule = "minLength", "maxLength", "pattern"
	cases := []struct {
		name, id string
		status   int
		fields   []framework.Field
	}{
		{"no alert of this id", "missing1", http.StatusNotFound, nil},
		{"an id too short for a key", "abc", http.StatusUnprocessableEntity, []framework.Field{tooShort, pattern}},
		{"an id too long", strings.Repeat("a", 129), http.StatusUnprocessableEntity, []framework.Field{tooLong}},
		{"an id that climbs", "..%2f..%2fetc", http.StatusUnprocessableEntity, []framework.Field{pattern}},
		{"an id with dots", "....", http.StatusUnprocessableEntity, []framework.Field{pattern}},
		{"an object that is not JSON", "notjson", http.StatusInternalServerError, nil},
		{"an object with a name given twice", "twice", http.StatusInternalServerError, nil},
		{"an object that is none", "huge", http.StatusInternalServerError, nil}, // asking again would not help
		{"an archive that fails", "broken", http.StatusServiceUnavailable, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := s.call(t, http.MethodGet, "/api/v1/s3/alert/"+c.id, "")
			wantProblem(t, answer, c.status, c.fields...)
			if strings.Contains(answer.Body.String(), "denied") {
				t.Errorf("the archive's error is in the answer: %s", answer.Body)
			}
		})
	}
}

func into(t *testing.T, body []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(body, value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}
