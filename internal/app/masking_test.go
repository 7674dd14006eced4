package app_test

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"funnelweb/configs"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox"
	"funnelweb/internal/sandbox/fault"
)

// The canary of the careless part, one that callers send and nobody configured, and one that is in the configuration and
// that callers send too.
const (
	carelessCanary = "canary-careless-81f0a3c2"
	headerCanary   = "canary-header-4c7d19e6"
	tracesCanary   = "canary-traces-0be4d7a1"
)

// masked is a running server beside a sandbox whose services repeat the credentials that they are sent.
type masked struct {
	*sandbox.Sandbox
	base, data string
	log        frameworktest.Log
	secrets    map[string]string // that must be seen nowhere, by name
	answers    []string
	traces     collector
	drain      func() error
}

// collector takes traces, and answers every second time with the credential that it was sent.
type collector struct {
	mutex sync.Mutex
	taken []string
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	body := io.Reader(r.Body)
	if unzipped, err := gzip.NewReader(r.Body); err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		body = unzipped
	}
	text, _ := io.ReadAll(body)
	c.taken = append(c.taken, string(text))
	if len(c.taken)%2 == 0 {
		http.Error(w, "not with "+r.Header.Get("Authorization"), http.StatusForbidden)
	}
}

func startMasked(t *testing.T) *masked {
	t.Helper()
	m := &masked{data: t.TempDir(), secrets: map[string]string{"careless": carelessCanary, "header": headerCanary, "operator": goodToken}}
	var err error
	if m.Sandbox, err = sandbox.Start(context.Background(), sandbox.Options{Now: time.Now, Log: new(frameworktest.Log).Logger()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	traces := httptest.NewServer(&m.traces)
	t.Cleanup(traces.Close)
	t.Setenv("TRACES_VALUE", tracesCanary)
	m.secrets["traces"] = tracesCanary
	access := t.TempDir()
	if err := m.WriteAccess(access); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jira-token", "jira-webhook-secret", "ad-password", "vt-key", "threatstack-key", "splunk-token", "archive-token"} {
		value, err := os.ReadFile(filepath.Join(access, name))
		if err != nil {
			t.Fatal(err)
		}
		m.secrets[name] = string(value)
	}
	t.Setenv("CARELESS_SECRET", carelessCanary)
	text := strings.NewReplacer(
		"127.0.0.1:8080", "127.0.0.1:0", "./funnelweb-data", m.data, "funnelweb-sandbox/", access+"/",
		"http://127.0.0.1:8081", m.Jira.URL(), "http://127.0.0.1:8082/api/v3", m.VirusTotal.URL(),
		"http://127.0.0.1:8083/api/v1", m.ThreatStack.URL(), "ldaps://127.0.0.1:8636", m.Directory.URL(),
		"retry_first: 500ms", "retry_first: 50ms", "\nendpoints:\n", `
traces: {endpoint: "`+traces.URL+`", header: Authorization, value: "env:TRACES_VALUE"}
endpoints:
  - {use: careless, public: true, with: {path: /careless, secret: "env:CARELESS_SECRET"}}
  - {use: careless, with: {path: /inpath, secret: "env:CARELESS_SECRET"}, before: [{token: {in: path, secrets: ["env:CARELESS_SECRET"]}}]}
  - {use: careless, with: {path: /bybasic, secret: "env:CARELESS_SECRET"}, before: [{basic: {users: [{name: app, password: "env:CARELESS_SECRET"}]}}]}
  - {use: careless, public: true, with: {path: /before, secret: "env:CARELESS_SECRET"}, before: [{careless: {times: before, secret: "env:CARELESS_SECRET"}}]}
  - {use: careless, public: true, with: {path: /after, secret: "env:CARELESS_SECRET"}, after: [{careless: {times: after, secret: "env:CARELESS_SECRET"}}]}
`,
	).Replace(string(configs.Demo))
	base, stop, ended := serve(t, text, &m.log, registerCareless)
	m.base = base
	m.drain = func() error { stop(); return <-ended }
	m.Jira.SetWebhook(base+"/api/v1/jira/webhook", framework.NewSecret(m.secrets["jira-webhook-secret"]))
	return m
}

// repeat makes every service answer with the credentials that it was sent, a few times, before it works.
func (m *masked) repeat() {
	page := "<html>Authorization: " + m.secrets["vt-key"] + " " + m.secrets["threatstack-key"] + "</html>"
	for _, one := range []struct {
		faults *fault.Faults
		secret string
		match  string
		bodies map[int]string // by status; each of these is tried again soon
	}{
		{m.Jira.Faults(), "jira-token", "/rest/api/2/", map[int]string{
			http.StatusUnauthorized:    `{"errorMessages":["bad token %s"],"errors":{"summary":"%s"}}`,
			http.StatusTooManyRequests: `{"message":"slow down, %s"}`,
		}},
		{m.VirusTotal.Faults(), "vt-key", "/api/v3/", map[int]string{
			http.StatusInternalServerError: `{"error":{"code":"WrongCredentialsError","message":"Wrong API key %s"}}`,
			http.StatusServiceUnavailable:  `{"error":{"code":"%s","message":"%s"}}`,
		}},
		{m.ThreatStack.Faults(), "threatstack-key", "/api/v1/", map[int]string{
			http.StatusInternalServerError: `{"message":"Unauthorized %s"}`,
			http.StatusBadGateway:          "%s",
		}},
		{m.Directory.Faults(), "ad-password", "", map[int]string{51: "80090308: LdapErr: data 52e, %s"}}, // busy (RFC 4511 section 4.1.9)
	} {
		for status, body := range one.bodies {
			one.faults.Add(fault.Fault{Match: one.match, Times: 1, Status: status, Body: strings.ReplaceAll(body, "%s", m.secrets[one.secret])})
		}
	}
	m.VirusTotal.Faults().Add(fault.Fault{Match: "/api/v3/", Times: 1, HTML: true, Body: page})
	m.ThreatStack.Faults().Add(fault.Fault{Match: "/api/v1/", Times: 1, HTML: true, Body: page})
}

// call makes a call with canaries wherever a caller can put them, and keeps the answer.
func (m *masked) call(t *testing.T, method, path, authorization, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, m.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "Authorization": {authorization}, "Cookie": {"session=" + headerCanary}, "User-Agent": {headerCanary},
		"X-Forwarded-For": {headerCanary}, "X-Request-Id": {headerCanary}, "Referer": {"https://x.example/" + headerCanary}, "X-" + headerCanary: {headerCanary},
	}
	response, text := do(t, request)
	var head strings.Builder
	if err := response.Header.Write(&head); err != nil {
		t.Fatal(err)
	}
	m.answers = append(m.answers, head.String(), text)
	return response.StatusCode, text
}

func TestNoSecretIsSeenAnywhereWhateverFails(t *testing.T) {
	m := startMasked(t)
	m.repeat()

	// Calls that fail in every way, with canaries in headers, path, query and body.
	for _, path := range []string{"/careless/", "/before/", "/after/"} {
		for _, way := range ways {
			if status, body := m.call(t, http.MethodGet, path+way, "Bearer "+headerCanary, ""); status < 400 || !strings.Contains(body, `"request_id"`) {
				t.Errorf("%s%s: %d %s", path, way, status, body)
			}
		}
	}
	splunk := "/api/v1/splunk/alert?token="
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+carelessCanary))
	for _, way := range ways { // callers who prove who they are, and whose proof must not be seen either
		for path, authorization := range map[string]string{"/inpath/" + way + "/" + carelessCanary: "", "/bybasic/" + way: basic} {
			if status, body := m.call(t, http.MethodGet, path, authorization, ""); status < 400 || status == http.StatusUnauthorized {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
	}
	for _, refused := range [][4]string{
		{http.MethodGet, "/inpath/error/" + headerCanary, "", ""},
		{http.MethodGet, "/inpath/error/" + carelessCanary + "/" + headerCanary, "", ""},
		{http.MethodGet, "/bybasic/error", "Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+headerCanary)), ""},
		{http.MethodGet, "/bybasic/error", "Basic " + base64.StdEncoding.EncodeToString([]byte(headerCanary+":x")), ""},
		{http.MethodGet, "/api/v1/events/" + headerCanary, "Bearer " + goodToken, ""},
		{http.MethodGet, "/api/v1/deadletters/" + headerCanary, "Bearer " + goodToken, ""},
		{http.MethodPost, "/api/v1/deadletters/" + headerCanary + "/replay", "Bearer " + goodToken, ""},
		{http.MethodGet, "/api/v1/s3/alert/" + headerCanary, "Bearer " + m.secrets["archive-token"], ""},
		{http.MethodGet, "/api/v1/events?limit=" + headerCanary + "&" + headerCanary + "=1", "Bearer " + goodToken, ""},
		{http.MethodGet, "/docs/" + headerCanary, "", ""},
		{headerCanary, "/status", "", ""},
		{http.MethodPost, splunk + headerCanary, "", smallAlert},
		{http.MethodPost, splunk + m.secrets["splunk-token"] + "&token=" + headerCanary, "", smallAlert},
		{http.MethodPost, splunk + m.secrets["splunk-token"], "", `{"sid":"` + headerCanary},
		{http.MethodPost, splunk + m.secrets["splunk-token"], "", `{"sid":["` + headerCanary + `"],"app":{"a":"` + headerCanary + `"}}`},
		{http.MethodPost, "/api/v1/jira/webhook", "", `{"issue":"` + headerCanary + `"}`},
		{http.MethodPost, "/api/v1/s3/alert", "Bearer " + headerCanary, "{}"},
		{http.MethodGet, "/api/v1/s3/alert?start=" + headerCanary + "&end=x", "Bearer " + m.secrets["archive-token"], ""},
		{http.MethodGet, "/" + headerCanary, "Bearer " + goodToken, ""},
		{http.MethodGet, "/api/v1/events/none?x=" + headerCanary, "Bearer " + goodToken, ""},
		{"BREW", "/status?" + headerCanary, "", ""},
	} {
		status, body := m.call(t, refused[0], refused[1], refused[2], refused[3])
		if status < 400 {
			t.Errorf("%s %s: %d %s", refused[0], refused[1], status, body)
		}
	}

	m.rawCalls(t)

	// The whole loop, with services that repeat their credentials until they have run out of ways.
	if status, body := m.call(t, http.MethodPost, splunk+m.secrets["splunk-token"], "", loopAlert); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := m.call(t, http.MethodPost, "/api/v1/s3/alert", "Bearer "+m.secrets["archive-token"], string(m.ThreatStack.Webhook())); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	m.await(t)

	// A job that is given up at once, with a reason in the words of a service that repeats its credentials.
	m.Jira.Faults().Add(fault.Fault{
		Match: "POST /rest/api/2/issue$", Times: 1, Status: http.StatusBadRequest, Body: `{"errorMessages":["` + m.secrets["jira-token"] + ` may not"],"errors":{}}`,
	})
	other := strings.Replace(loopAlert, "masking-1", "masking-2", 1)
	if status, body := m.call(t, http.MethodPost, splunk+m.secrets["splunk-token"], "", other); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	eventually(t, func() bool {
		_, body := m.call(t, http.MethodGet, "/api/v1/deadletters", "Bearer "+goodToken, "")
		return strings.Contains(body, "Jira refuses the request")
	})
	for _, path := range []string{"/ready", "/metrics", "/openapi.json", "/api/v1/deadletters", "/docs/"} {
		if status, body := m.call(t, http.MethodGet, path, "Bearer "+goodToken, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := m.call(t, http.MethodGet, "/api/v1/s3/alert?start=2020-01-01&end=2030-01-01", "Bearer "+m.secrets["archive-token"], ""); status != http.StatusOK {
		t.Errorf("the archive: %d %s", status, body)
	}
	if err := m.drain(); err != nil {
		t.Fatal(err)
	}
	m.checkAll(t)
}

// rawCalls are calls that net/http's client would not make: with a password in the address, and such that no handler gets.
func (m *masked) rawCalls(t *testing.T) {
	t.Helper()
	for _, head := range []string{
		"GET http://" + headerCanary + ":" + headerCanary + "@a/nowhere HTTP/1.1\r\nHost: a\r\n",
		"CONNECT " + headerCanary + ":443 HTTP/1.1\r\nHost: " + headerCanary + "\r\n",
		"GET /status HTTP/1.1\r\nHost: a\r\nExpect: " + headerCanary + "\r\n",
		"GET /status HTTP/1.1\r\nHost: a\r\n" + headerCanary + "\r\n",
		"GET /status HTTP/9.9 " + headerCanary + "\r\nHost: a\r\n",
		"POST /status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + headerCanary + "\r\n",
		"GET /status HTTP/1.1\r\nHost: a\r\nCookie: a=" + headerCanary + "\r\nX-A: " + strings.Repeat(headerCanary, 2000) + "\r\n",
	} {
		response, body := say(t, dial(t, m.base, nil), head+"Cookie: session="+headerCanary+"\r\n\r\n")
		if response.StatusCode < 400 {
			t.Errorf("%.80q: %d", head, response.StatusCode)
		}
		m.answers = append(m.answers, fmt.Sprint(response.Header), body)
	}
}

const loopAlert = `{"sid":"masking-1","search_name":"Malware found on host","app":"search","owner":"admin",` +
	`"result":{"user":"jdoe","dest":"WS-042","md5":"44d88612fea8a8f36de82e1278abb02f"}}`

// await waits until the ticket is enriched and the alerts are archived, looking at every event each time.
func (m *masked) await(t *testing.T) {
	t.Helper()
	want := []string{"splunk.alert", "jira.issue_created", "threatstack.alert"}
	eventually(t, func() bool {
		_, list := m.call(t, http.MethodGet, "/api/v1/events?limit=50", "Bearer "+goodToken, "")
		var events struct {
			Events []framework.Event `json:"events"`
		}
		decode(t, list, &events)
		done := map[string]bool{}
		for _, event := range events.Events {
			_, body := m.call(t, http.MethodGet, "/api/v1/events/"+url.PathEscape(event.ID), "Bearer "+goodToken, "")
			var status framework.EventStatus
			decode(t, body, &status)
			done[event.Type] = len(status.Runs) > 0 && !slices.ContainsFunc(status.Runs, func(run framework.Run) bool {
				return run.State != framework.RunDone && run.State != framework.RunSkipped
			})
		}
		for _, kind := range want {
			if !done[kind] {
				return false
			}
		}
		return true
	})
}

// checkAll looks for every secret in what came out: answers, the log, the ticket and its comments, and every file.
func (m *masked) checkAll(t *testing.T) {
	t.Helper()
	seen := map[string]string{"answers": strings.Join(m.answers, "\n"), "the log": m.log.String(), "traces": strings.Join(m.traces.taken, "\n")}
	if !strings.Contains(seen["traces"], "/api/v1/splunk/alert") || !strings.Contains(seen["answers"], "funnelweb_") {
		t.Error("no traces or no metrics were looked at")
	}
	for _, issue := range m.Jira.Issues() {
		seen["ticket "+issue.Key] = fmt.Sprintf("%+v", issue)
		for _, comment := range m.Jira.Comments(issue.Key) {
			seen["comment "+comment.ID] = comment.Body
		}
	}
	err := filepath.WalkDir(m.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		seen[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range seen {
		for name, secret := range m.secrets {
			if !t.Run(name+" in "+filepath.Base(where), func(t *testing.T) { frameworktest.LeaksNoSecret(t, secret, text) }) {
				t.Logf("seen in %s:\n%s", where, around(text, secret))
			}
		}
	}
	for _, must := range []string{"cannot connect", "panic", "[secret]", "Basic [secret]", "https://[secret]@db.lab.example/?key=[secret]", "session=[secret]"} {
		if !strings.Contains(seen["the log"], must) {
			t.Errorf("the log does not hold %q: nothing was tried", must)
		}
	}
}

// around is the line of a text that holds a secret.
func around(text, secret string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, secret) {
			return line
		}
	}
	return "(encoded)"
}
