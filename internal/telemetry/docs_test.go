package telemetry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

func TestTheMetricsThatTheDocumentationNamesExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMetrics(time.Now)
	_, ended := m.Call(t.Context(), http.MethodGet, "/", "")
	ended(http.StatusOK)
	m.Stored("splunk", false)
	m.Stored("splunk", true)
	m.Settled("ticket", "", framework.RunDone)
	_, done := m.Attempt(t.Context(), framework.Job{})
	done(framework.Result{}, nil)
	service := httptest.NewServer(http.NotFoundHandler())
	defer service.Close()
	client := m.Client(service.Client(), "jira")
	defer client.CloseIdleConnections()
	get(t, client, service.URL)
	m.Watch(func(context.Context) (engine.Stats, error) {
		return engine.Stats{
			Queues: []engine.QueueStats{{}}, Left: []framework.Queue{{}}, Services: []framework.Circuit{{}},
			Quotas: []framework.QuotaState{{Limits: []framework.LimitState{{}}}},
		}, nil
	}, time.Hour)
	exposed := strings.Join(scrape(t, m, ""), "\n")
	named := regexp.MustCompile(`funnelweb_[a-z_]+`).FindAllString(string(page), -1)
	if len(named) < 10 {
		t.Fatalf("the page names only %v", named)
	}
	for _, name := range named {
		if !strings.Contains(exposed, name+"{") && !strings.Contains(exposed, name+"_count{") && !strings.Contains(exposed, name+" ") {
			t.Errorf("%s is no metric", name)
		}
	}
}
