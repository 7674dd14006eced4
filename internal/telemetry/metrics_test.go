package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/engine"
)

// scrape returns the lines about one metric of ours, without those about types.
func scrape(t *testing.T, m *Metrics, name string) []string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if answer.Code != http.StatusOK {
		t.Fatalf("metrics answer %d: %s", answer.Code, answer.Body)
	}
	var lines []string
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "funnelweb_"+name) && !strings.Contains(line, "_bucket{") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestCallsAreMeasuredByRouteAndStatus(t *testing.T) {
	clock := new(frameworktest.Clock)
	m := NewMetrics(clock.Now)
	_, ended := m.Call(t.Context(), http.MethodPost, "/api/v1/splunk/alert", "id")
	clock.Advance(20 * time.Millisecond)
	ended(http.StatusAccepted)
	_, ended = m.Call(t.Context(), "PROPFIND", "none", "id")
	ended(http.StatusNotFound)
	want := []string{
		`funnelweb_http_request_seconds_sum{method="POST",route="/api/v1/splunk/alert",status="202"} 0.02`,
		`funnelweb_http_request_seconds_count{method="POST",route="/api/v1/splunk/alert",status="202"} 1`,
		`funnelweb_http_request_seconds_sum{method="other",route="none",status="404"} 0`,
		`funnelweb_http_request_seconds_count{method="other",route="none",status="404"} 1`,
	}
	if diff := cmp.Diff(want, scrape(t, m, "http_request_seconds")); diff != "" {
		t.Error(diff)
	}
}

func TestEventsAndRunsAreCounted(t *testing.T) {
	clock := new(frameworktest.Clock)
	m := NewMetrics(clock.Now)
	m.Stored("splunk", false)
	m.Stored("splunk", true)
	m.Stored("splunk", true)
	m.Settled("ticket", "", framework.RunRetrying)
	m.Settled("ticket", "", framework.RunDone)
	m.Settled("enrich", "virustotal", framework.RunWaiting)
	_, ended := m.Attempt(t.Context(), framework.Job{Automation: "ticket"})
	clock.Advance(3 * time.Second)
	ended(framework.Result{}, errors.New("no"))
	for name, want := range map[string][]string{
		"events_accepted_total":     {`funnelweb_events_accepted_total{source="splunk"} 1`},
		"events_deduplicated_total": {`funnelweb_events_deduplicated_total{source="splunk"} 2`},
		"runs_total": {
			`funnelweb_runs_total{automation="enrich",job="virustotal",outcome="waiting"} 1`,
			`funnelweb_runs_total{automation="ticket",job="",outcome="done"} 1`,
			`funnelweb_runs_total{automation="ticket",job="",outcome="retrying"} 1`,
		},
		"attempt_seconds_sum": {`funnelweb_attempt_seconds_sum{automation="ticket",job="",ok="false"} 3`},
	} {
		if diff := cmp.Diff(want, scrape(t, m, name)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCallsToServicesAreMeasured(t *testing.T) {
	m := NewMetrics(new(frameworktest.Clock).Now)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer service.Close()
	client := m.Client(service.Client(), "jira")
	defer client.CloseIdleConnections()
	get(t, client, service.URL)
	service.Close()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, service.URL, http.NoBody)
	if answer, err := client.Do(request); err == nil {
		answer.Body.Close()
		t.Fatal("a closed service answered")
	}
	want := []string{
		`funnelweb_service_request_seconds_count{service="jira",status="0"} 1`,
		`funnelweb_service_request_seconds_count{service="jira",status="418"} 1`,
	}
	if diff := cmp.Diff(want, scrape(t, m, "service_request_seconds_count")); diff != "" {
		t.Error(diff)
	}
}

func get(t *testing.T, client *http.Client, address string) {
	t.Helper()
	getWith(t.Context(), t, client, address)
}

func getWith(ctx context.Context, t *testing.T, client *http.Client, address string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
}

func TestTheStateIsReadAtEachScrape(t *testing.T) {
	m := NewMetrics(new(frameworktest.Clock).Now)
	state := engine.Stats{
		DeadLetters: 3, StoreBytes: 1 << 20, StoreLimit: 8 << 30, DamagedBytes: 4096,
		Queues: []engine.QueueStats{
			{Automation: "ticket", Waiting: 2, Oldest: 2 * time.Hour},
			{Automation: "enrich", Job: "virustotal"},
		},
		Left:     []framework.Queue{{Name: "old/virustotal", Source: "jira", Waiting: 7}},
		Services: []framework.Circuit{{Service: "jira", State: framework.CircuitOpen}, {Service: "virustotal", State: framework.CircuitRecovering}},
		Quotas: []framework.QuotaState{{Name: "virustotal", Limits: []framework.LimitState{
			{Limit: framework.Limit{Count: 4, Per: time.Minute}, Left: 3}, {Limit: framework.Limit{Count: 500, Per: 24 * time.Hour}, Left: 120},
		}}},
	}
	m.Watch(func(context.Context) (engine.Stats, error) { return state, nil }, time.Hour)
	for name, want := range map[string][]string{
		"dead_letters":        {`funnelweb_dead_letters 3`},
		"store_bytes":         {`funnelweb_store_bytes 1.048576e+06`},
		"store_limit_bytes":   {`funnelweb_store_limit_bytes 8.589934592e+09`},
		"store_damaged_bytes": {`funnelweb_store_damaged_bytes 4096`},
		"service_down":        {`funnelweb_service_down{service="jira"} 1`, `funnelweb_service_down{service="virustotal"} 0`},
		"events_left":         {`funnelweb_events_left{queue="old/virustotal",source="jira"} 7`},
		"quota_left":          {`funnelweb_quota_left{per="1m0s",quota="virustotal"} 3`, `funnelweb_quota_left{per="24h0m0s",quota="virustotal"} 120`},
		"events_waiting": {
			`funnelweb_events_waiting{automation="enrich",job="virustotal"} 0`, `funnelweb_events_waiting{automation="ticket",job=""} 2`,
		},
		"oldest_waiting_seconds": {
			`funnelweb_oldest_waiting_seconds{automation="enrich",job="virustotal"} 0`,
			`funnelweb_oldest_waiting_seconds{automation="ticket",job=""} 7200`,
		},
		"backlog_alarm": {
			`funnelweb_backlog_alarm{automation="enrich",job="virustotal"} 0`, `funnelweb_backlog_alarm{automation="ticket",job=""} 1`,
		},
	} {
		if diff := cmp.Diff(want, scrape(t, m, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	state.DeadLetters = 4
	if diff := cmp.Diff([]string{`funnelweb_dead_letters 4`}, scrape(t, m, "dead_letters")); diff != "" {
		t.Error(diff)
	}
}

func TestAStoreThatDoesNotAnswerHidesNoOtherMetric(t *testing.T) {
	m := NewMetrics(new(frameworktest.Clock).Now)
	m.Watch(func(context.Context) (engine.Stats, error) { return engine.Stats{}, errors.New("disk gone") }, time.Hour)
	m.Stored("jira", false)
	if diff := cmp.Diff([]string{`funnelweb_events_accepted_total{source="jira"} 1`}, scrape(t, m, "events_accepted_total")); diff != "" {
		t.Error(diff)
	}
	if lines := scrape(t, m, "dead_letters"); lines != nil {
		t.Errorf("a state that nobody knows was told: %v", lines)
	}
}
