package archive_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	action "funnelweb/actions/archive"
	endpoint "funnelweb/endpoints/archive"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// TestWhatTheActionArchivesTheEndpointShows holds the two parts to the same keys, which each of them knows by itself.
func TestWhatTheActionArchivesTheEndpointShows(t *testing.T) {
	threatStack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"id":%q,"detail":true}`, path.Base(r.URL.Path))
	}))
	t.Cleanup(threatStack.Close)
	deps := frameworktest.Deps(t)
	events, archive := new(frameworktest.MemoryPublisher), new(frameworktest.MemoryArchive)
	deps.Events, deps.Archive = events, archive
	funnel := mount(t, deps)

	webhook := `{"alerts":[{"id":"589b1aa1","created_at":1795176000000},{"id":"589b1aa2","created_at":1795176059999}]}`
	call(t, funnel, http.MethodPost, "/api/v1/s3/alert", webhook, `{"success":true}`)
	archiver, err := action.New(action.Config{ThreatStack: action.ThreatStack{URL: threatStack.URL, Key: framework.NewSecret("key")}}, deps)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events.Events() {
		if _, err := archiver.Do(t.Context(), framework.Job{Automation: "archive", Event: event, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}

	want := []string{
		"alerts/58/9b/589b1aa1", "alerts/58/9b/589b1aa2",
		"webhooks/2026/11/20/12/00/589b1aa1", "webhooks/2026/11/20/12/00/589b1aa2",
	}
	if diff := cmp.Diff(want, archive.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	call(t, funnel, http.MethodGet, "/api/v1/s3/alert/589b1aa2", "", `{"success":true,"alert":{"id":"589b1aa2","detail":true}}`)
	call(t, funnel, http.MethodGet, "/api/v1/s3/alert?start=2026-11-20T12:00&end=2026-11-20T12:00:59.999", "",
		`{"success":true,"alerts":[{"id":"589b1aa1","detail":true}]}`)
}

func mount(t *testing.T, deps framework.Deps) http.Handler {
	t.Helper()
	routes, err := endpoint.New(endpoint.Defaults(), deps)
	if err != nil {
		t.Fatal(err)
	}
	funnel, err := framework.NewFunnel(framework.Info{Title: "test", Version: "0"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
			t.Fatal(err)
		}
	}
	return funnel
}

func call(t *testing.T, handler http.Handler, method, target, body, want string) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, target, strings.NewReader(body)))
	if diff := cmp.Diff(want, answer.Body.String()); answer.Code != http.StatusOK || diff != "" {
		t.Errorf("%s %s: status %d (-want +got):\n%s", method, target, answer.Code, diff)
	}
}

// TestBothPartsTakeTheSameAlerts is about the bounds of what makes keys, which each of the two knows by itself.
func TestBothPartsTakeTheSameAlerts(t *testing.T) {
	for _, c := range []struct {
		id      string
		created int64
		taken   bool
	}{
		{"abcd", 1, true},
		{"abc", 1, false},
		{strings.Repeat("a", 128), 253402300799999, true},
		{strings.Repeat("a", 129), 253402300799999, false},
		{"A-b_9", 253402300799999, true},
		{"A-b_9", 253402300800000, false},
		{"ab.cd", 1, false},
		{"abcd", 0, false},
	} {
		deps := frameworktest.Deps(t)
		events := new(frameworktest.MemoryPublisher)
		deps.Events, deps.Archive = events, new(frameworktest.MemoryArchive)
		item := fmt.Sprintf(`{"id":%q,"created_at":%d}`, c.id, c.created)
		request := httptest.NewRequest(http.MethodPost, "/api/v1/s3/alert", strings.NewReader(`{"alerts":[`+item+`]}`))
		answer := httptest.NewRecorder()
		mount(t, deps).ServeHTTP(answer, request)
		archiver, err := action.New(action.Defaults(), deps)
		if err != nil {
			t.Fatal(err)
		}
		event, err := framework.NewEvent(endpoint.EventType, item, framework.JSON(item))
		if err != nil {
			t.Fatal(err)
		}
		_, err = archiver.Do(t.Context(), framework.Job{Automation: "archive", Event: event, Attempt: 1})
		if (answer.Code == http.StatusOK) != c.taken || (err == nil) != c.taken {
			t.Errorf("%.40s: the endpoint answers %d, the action says %v", item, answer.Code, err)
		}
	}
}
