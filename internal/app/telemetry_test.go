package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"funnelweb/framework/frameworktest"
)

func TestMetricsTellOfAnAlertFromTheCallToTheJob(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	base, _ := start(t, small(t.TempDir()), nil)
	for range 2 {
		send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, smallAlert)
	}
	send(t, http.MethodPost, base+"/api/v1/splunk/alert", "forged-"+goodToken, smallAlert)
	get(t, base+"/nowhere", "")
	want := []string{
		`funnelweb_http_request_seconds_count{method="POST",route="/api/v1/splunk/alert",status="202"} 1`,
		`funnelweb_http_request_seconds_count{method="POST",route="/api/v1/splunk/alert",status="200"} 1`,
		`funnelweb_http_request_seconds_count{method="POST",route="/api/v1/splunk/alert",status="401"} 1`,
		`funnelweb_http_request_seconds_count{method="GET",route="none",status="404"} 1`,
		`funnelweb_events_accepted_total{source="splunk"} 1`,
		`funnelweb_events_deduplicated_total{source="splunk"} 1`,
		`funnelweb_runs_total{automation="archive-splunk",job="",outcome="done"} 1`,
		`funnelweb_attempt_seconds_count{automation="archive-splunk",job="",ok="true"} 1`,
		`funnelweb_events_waiting{automation="archive-splunk",job=""} 0`,
		`funnelweb_backlog_alarm{automation="archive-splunk",job=""} 0`,
		`funnelweb_dead_letters 0`,
	}
	var metrics string
	eventually(t, func() bool { // the job may still be under way
		_, metrics = get(t, base+"/metrics", goodToken)
		return strings.Contains(metrics, want[6]) && strings.Contains(metrics, want[8])
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

func TestAnEventThatWaitsForLongIsAnAlarm(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	waiting := stuck{make(chan struct{}, 1)}
	text := plain + "data: " + t.TempDir() + `
alarm: {oldest_waiting: 1ns}
server: {drain: 100ms}
endpoints: [{use: splunk, before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]}]
automations: [{name: stuck, on: splunk.alert, do: {stuck: {}}}]
`
	base, _, _ := serve(t, text, nil, waiting.register)
	if status, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, smallAlert); status != http.StatusAccepted {
		t.Fatalf("status %d: %s", status, body)
	}
	eventually(t, func() bool {
		_, body := get(t, base+"/metrics", goodToken)
		return strings.Contains(body, `funnelweb_backlog_alarm{automation="stuck",job=""} 1`)
	})
	status, body := get(t, base+"/ready", "")
	if status != http.StatusOK || !strings.Contains(body, `"backlog"`) {
		t.Errorf("an alarm must not send senders away: %d %s", status, body)
	}
	if !strings.Contains(body, "automation stuck: 1 events wait, the oldest for") {
		t.Errorf("the alarm is not told: %s", body)
	}
}

func TestTracesGoToTheCollectorWithItsCredential(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	const canary = "Bearer canary-of-the-collector"
	t.Setenv("COLLECTOR", canary)
	var calls atomic.Int32
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" && r.Header.Get("Authorization") == canary {
			calls.Add(1)
		}
	}))
	defer collector.Close()
	var log frameworktest.Log
	base, drain := start(t, small(t.TempDir())+"traces: {endpoint: "+collector.URL+", header: Authorization, value: env:COLLECTOR}\n", &log)
	_, body := send(t, http.MethodPost, base+"/api/v1/splunk/alert", goodToken, smallAlert)
	id := strings.Split(body, `"`)[3]
	_, event := get(t, base+"/api/v1/events/"+id, goodToken)
	if !strings.Contains(event, `"trace":"00-`) {
		t.Errorf("the event is of no trace: %s", event)
	}
	if err := drain(); err != nil {
		t.Fatal(err)
	}
	if calls.Load() == 0 {
		t.Error("the collector was sent nothing")
	}
	frameworktest.LeaksNoSecret(t, canary, log.String(), event)
}

func TestUnusableTelemetrySettingsAreMistakes(t *testing.T) {
	got := mistakes(t, "alarm: {oldest_waiting: 0s}\ntraces: {endpoint: \"ftp://x\"}\n")
	want := []string{
		"line 1: alarm.oldest_waiting: must be above 0",
		"line 2: traces: endpoint: must be a URL such as https://collector.example:4318, without a user",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("got %q, want %q", got, want)
			break
		}
	}
}
