package main

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb"
	"funnelweb/configs"
	"funnelweb/internal/cli"
	"funnelweb/internal/sandbox"
	"funnelweb/internal/sandbox/authority"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/virustotal"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

// world is the sandbox, and a configuration for it that a case may spoil.
type world struct {
	*sandbox.Sandbox
	t      *testing.T
	dir    string
	config string
	args   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	var err error
	w.Sandbox, err = sandbox.Start(t.Context(), sandbox.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.WriteAccess(w.access("")); err != nil {
		t.Fatal(err)
	}
	w.config = strings.NewReplacer(
		"./funnelweb-data", filepath.Join(w.dir, "data"), "funnelweb-sandbox/", w.access("")+"/",
		"http://127.0.0.1:8081", w.Jira.URL(), "http://127.0.0.1:8082/api/v3", w.VirusTotal.URL(),
		"http://127.0.0.1:8083/api/v1", w.ThreatStack.URL(), "ldaps://127.0.0.1:8636", w.Directory.URL(),
		"per_day: 500}", "per_day: 500, user: "+virustotal.Owner+"}",
	).Replace(string(configs.Demo))
	return w
}

func (w *world) access(name string) string { return filepath.Join(w.dir, "access", name) }

func (w *world) replace(old, with string) {
	w.t.Helper()
	if !strings.Contains(w.config, old) {
		w.t.Fatalf("the configuration has no %q", old)
	}
	w.config = strings.ReplaceAll(w.config, old, with)
}

func (w *world) overwrite(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.access(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// front puts a server before Jira that changes what it answers.
func (w *world) front(change func(http.Header)) {
	w.t.Helper()
	target, err := url.Parse(w.Jira.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(response *http.Response) error { change(response.Header); return nil }
	server := httptest.NewServer(proxy)
	w.t.Cleanup(server.Close)
	w.replace(w.Jira.URL(), server.URL)
}

// run runs check --online and returns what was printed with all that differs from run to run masked.
func (w *world) run() (code int, stdout, stderr string) {
	w.t.Helper()
	file := filepath.Join(w.dir, "funnelweb.yaml")
	if err := os.WriteFile(file, []byte(w.config), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = cli.Main(append([]string{"check", "--online", "--config", file}, w.args...), &out, &errs, funnelweb.Parts)
	w.noSecrets(out.String() + errs.String())
	return code, w.masked(out.String()), w.masked(errs.String())
}

func (w *world) masked(text string) string {
	text = strings.ReplaceAll(text, w.dir, "DIR")
	for _, mask := range []struct{ pattern, with string }{
		{`127\.0\.0\.1:\d+`, "ADDRESS"},
		{`\d+ ms`, "N ms"},
		{` {2,}`, "  "},
		{`\d{4}-\d\d-\d\d \d\d:\d\d UTC`, "TIME"},
		{`"took_ms": \d+`, `"took_ms": N`},
		{`(7m0s|6m59s) (ahead|behind)`, "7m $2"},
	} {
		text = regexp.MustCompile(mask.pattern).ReplaceAllString(text, mask.with)
	}
	return text
}

// noSecrets looks for every secret of the sandbox, and for the ones that cases bring.
func (w *world) noSecrets(text string) {
	w.t.Helper()
	entries, err := os.ReadDir(w.access(""))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, entry := range entries {
		secret, err := os.ReadFile(w.access(entry.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		if entry.Name() != "ad-ca.pem" && strings.Contains(text, string(secret)) {
			w.t.Errorf("%s is in the output:\n%s", entry.Name(), text)
		}
	}
	if strings.ContainsAny(text, "\x1b\x07") {
		w.t.Errorf("it would command the terminal: %q", text)
	}
}

// failing are the cases, each with one service that is not as it should be.
func failing() []struct {
	name  string
	spoil func(*world)
} {
	lacks := func(permission string) fault.Fault {
		body := strings.ReplaceAll(`{"permissions":{"BROWSE_PROJECTS":{"havePermission":true},"CREATE_ISSUES":{"havePermission":true},"ADD_COMMENTS":{"havePermission":true},`+
			`"EDIT_OWN_COMMENTS":{"havePermission":true},"CREATE_ATTACHMENTS":{"havePermission":true}}}`, permission+`":{"havePermission":true`, permission+`":{"havePermission":false`)
		return fault.Fault{Match: "GET /rest/api/2/mypermissions", Status: http.StatusOK, Body: body}
	}
	return []struct {
		name  string
		spoil func(*world)
	}{
		{"Jira: an expired token", func(w *world) { w.overwrite("jira-token", "an-older-token") }},
		{"Jira: a CAPTCHA", func(w *world) {
			w.front(func(h http.Header) { h.Set("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE") })
		}},
		{"Jira: a log-in page", func(w *world) { w.Jira.Faults().Add(fault.Fault{Match: "GET /rest", HTML: true}) }},
		{"Jira: not there", func(w *world) { w.replace(w.Jira.URL(), "http://127.0.0.1:1") }},
		{"Jira: a certificate of nobody", func(w *world) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			w.t.Cleanup(server.Close)
			w.replace(w.Jira.URL(), server.URL)
		}},
		{"Jira: the other flavour", func(w *world) {
			w.Jira.Faults().Add(fault.Fault{Match: "GET /rest/api/2/serverInfo", Status: 200, Body: `{"deploymentType":"Server","version":"10.3.1"}`})
		}},
		{"Jira: a clock that is ahead", func(w *world) {
			w.front(func(h http.Header) { h.Set("Date", time.Now().Add(7*time.Minute).UTC().Format(http.TimeFormat)) })
		}},
		{"Jira: no such project", func(w *world) { w.replace("project: SEC", "project: NOPE") }},
		{"Jira: a missing permission", func(w *world) { w.Jira.Faults().Add(lacks("CREATE_ISSUES")) }},
		{"Jira: no such issue type", func(w *world) { w.replace("issue_type: Task", "issue_type: Story") }},
		{"Jira: no such field", func(w *world) { w.replace("search_lag: 1s", `search_lag: 1s, fields: {Colour: red}`) }},
		{"Jira: what a field does not take", func(w *world) {
			w.replace("search_lag: 1s", `search_lag: 1s, priority: Urgent, assignee: gone@lab.example, fields: {Severity: "{{.result.severity}}"}, transition: Start`)
		}},
		{"Jira: a hostile name and an echo of the token", func(w *world) {
			token, err := os.ReadFile(w.access("jira-token"))
			if err != nil {
				w.t.Fatal(err)
			}
			w.Jira.Faults().Add(fault.Fault{Match: "GET /rest/api/2/myself", Status: 200, Body: fmt.Sprintf(`{"accountId":"a","displayName":"\u001b[31mhostile\nSERVICE ok %s"}`, token)})
		}},
		{"Active Directory: a wrong password", func(w *world) { w.overwrite("ad-password", "an-older-password") }},
		{"Active Directory: a wrong CA", func(w *world) {
			other, err := authority.New(time.Now())
			if err != nil {
				w.t.Fatal(err)
			}
			w.overwrite("ad-ca.pem", string(other.PEM()))
		}},
		{"Active Directory: a base that is not there", func(w *world) { w.replace("base_dn: DC=lab,DC=example", "base_dn: DC=other,DC=example") }},
		{"Active Directory: not there", func(w *world) { w.replace(w.Directory.URL(), "ldaps://127.0.0.1:1") }},
		{"VirusTotal: a wrong key", func(w *world) { w.overwrite("vt-key", "an-older-key") }},
		{"VirusTotal: no quota left", func(w *world) {
			w.VirusTotal.Faults().Add(fault.Fault{Match: "GET /api/v3/files", Status: 429, Body: `{"error":{"code":"QuotaExceededError","message":"Quota exceeded"}}`})
		}},
		{"VirusTotal: down", func(w *world) { w.VirusTotal.Faults().Add(fault.Fault{Match: "GET /", Status: 503}) }},
		{"Threat Stack: a wrong key", func(w *world) { w.overwrite("threatstack-key", "an-older-key") }},
		{"S3: not there", func(w *world) {
			w.t.Setenv("AWS_MAX_ATTEMPTS", "1")
			w.t.Setenv("AWS_ACCESS_KEY_ID", "key")
			w.t.Setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key-of-aws")
			w.replace("archive: {dir: {}}", `archive: {s3: {bucket: evidence, endpoint: "http://127.0.0.1:1", path_style: true}}`)
		}},
		{"NATS: not there", func(w *world) {
			w.replace("engine: {embedded: {retry_first: 500ms, retry_max: 5s}}", `engine: {nats: {urls: ["nats://127.0.0.1:1"], replicas: 1}}`)
		}},
		{"a collector of traces that refuses", func(w *world) {
			server := httptest.NewServer(http.NotFoundHandler())
			w.t.Cleanup(server.Close)
			w.config += "traces: {endpoint: \"" + server.URL + "\"}\n"
		}},
		{"one that hangs is left behind when the time is up", func(w *world) {
			w.Jira.Faults().Add(fault.Fault{Match: "GET /rest/api/2/myself", Latency: time.Hour})
			w.args = []string{"--timeout", "1s"}
		}},
	}
}

// TestCheckOnlineTellsWhatToDo spoils one thing after the other. The golden file has the whole table for the world as it should be,
// and else the rows of what does not work.
func TestCheckOnlineTellsWhatToDo(t *testing.T) {
	var text strings.Builder
	code, stdout, stderr := newWorld(t).run()
	fmt.Fprintf(&text, "== all is well: exit %d\n%s%s\n", code, stdout, stderr)
	for _, c := range failing() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.spoil(w)
			code, stdout, stderr := w.run()
			fmt.Fprintf(&text, "== %s: exit %d\n", c.name, code)
			for line := range strings.Lines(stdout) {
				if strings.Contains(line, "FAILED") || strings.Contains(line, "  look  ") || strings.Contains(line, "→") || strings.Contains(line, "hostile") {
					text.WriteString(line)
				}
			}
			text.WriteString(stderr + "\n")
			if made := w.Jira.Issues(); len(made) != 0 || len(w.VirusTotal.Submissions()) != 0 {
				t.Errorf("looking left %d tickets and submitted %q", len(made), w.VirusTotal.Submissions())
			}
			if _, err := os.Stat(filepath.Join(w.dir, "data")); err == nil {
				t.Error("looking made the data directory")
			}
		})
	}
	compareGolden(t, "testdata/online.golden", text.String())
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
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
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestCheckOnlineAsJSON(t *testing.T) {
	w := newWorld(t)
	w.args = []string{"--json"}
	w.overwrite("threatstack-key", "an-older-key")
	code, stdout, stderr := w.run()
	compareGolden(t, "testdata/online.json.golden", fmt.Sprintf("exit %d\n%s%s", code, stdout, stderr))
}
