package app_test

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/jira"
	"funnelweb/internal/sandbox/splunk"
)

// behindTLS serves what is at an address with a certificate that the system does not know, and returns its authority.
func behindTLS(t *testing.T, address string) (base, authority string) {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	authority = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, authority
}

// A ca_file changes whom a part trusts and nothing else: its calls are measured and bounded as all are.
func TestCallsToAServiceWithAnAuthorityOfItsOwnAreMeasured(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	const secret = "a-token-of-both-services"
	t.Setenv("BOTH_TOKEN", secret)
	log := slog.New(slog.DiscardHandler)
	searches, err := splunk.Start(t.Context(), splunk.Options{Token: framework.NewSecret(secret), Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = searches.Close() })
	searches.Add(splunk.Job{SID: "b", Fields: []string{"a"}, Rows: []map[string]any{{"a": "1"}, {"a": "2"}}})
	tickets, err := jira.Start(t.Context(), jira.Options{
		Flavor: jira.DataCenter, User: "bot", Token: framework.NewSecret(secret), Projects: map[string][]string{"SEC": {"Task"}}, Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tickets.Close() })
	splunkURL, splunkCA := behindTLS(t, searches.URL())
	jiraURL, jiraCA := behindTLS(t, tickets.URL())
	base, _ := start(t, plain+"data: "+t.TempDir()+`
jira: {url: "`+jiraURL+`", flavor: datacenter, token: env:BOTH_TOKEN, ca_file: "`+jiraCA+`"}
endpoints: [{use: splunk, before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]}]
automations:
  - {name: ticket, on: splunk.alert, do: {ticket: {project: SEC}}}
  - {name: all-rows, on: splunk.alert, do: {rows: {ticket_of: ticket, url: "`+splunkURL+`", token: env:BOTH_TOKEN, ca_file: "`+splunkCA+`"}}}
`, nil)
	if status, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, `{"sid":"b","search_name":"s","result":{"a":"1"}}`); status != http.StatusAccepted {
		t.Fatalf("status %d: %s", status, body)
	}
	want := []string{
		`funnelweb_service_request_seconds_count{service="all-rows",status="200"} 2`,
		`funnelweb_service_request_seconds_count{service="jira",status="201"} 1`,
		`funnelweb_runs_total{automation="all-rows",job="",outcome="done"} 1`,
	}
	var metrics string
	eventually(t, func() bool {
		_, metrics = get(t, base+"/metrics", goodToken)
		return strings.Contains(metrics, want[2])
	})
	for _, line := range want {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
}
