package endpoints_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/endpoints"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// build makes an endpoint as the server does, from what is written under "with".
func build(t *testing.T, name, with string) (framework.Routes, error) {
	t.Helper()
	registry := framework.NewRegistry()
	endpoints.Register(registry)
	if err := registry.Err(); err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Load([]byte(with), &node); err != nil {
		t.Fatal(err)
	}
	return registry.Endpoint(name, node.Content[0], "endpoints[0].with", frameworktest.Deps(t))
}

func TestTogetherTheyServeTheDocumentedRoutes(t *testing.T) {
	var all framework.Routes
	var got []string
	for _, name := range []string{"status", "splunk", "jira", "archive", "events"} {
		routes, err := build(t, name, "{}")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, route := range routes {
			got = append(got, route.Method+" "+route.Path)
		}
		all = append(all, routes...)
	}
	want := []string{
		"GET /status", "GET /ready",
		"POST /api/v1/splunk/alert",
		"POST /api/v1/jira/webhook",
		"POST /api/v1/s3/alert", "GET /api/v1/s3/alert", "GET /api/v1/s3/alert/{id}", "GET /api/v1/s3/status",
		"GET /api/v1/events", "GET /api/v1/events/changes", "GET /api/v1/events/{id}",
		"GET /api/v1/deadletters", "GET /api/v1/deadletters/{id}",
		"POST /api/v1/deadletters/{id}/replay", "POST /api/v1/deadletters/{id}/drop",
		"POST /api/v1/deadletters/replay", "POST /api/v1/deadletters/drop",
		"GET /api/v1/queues", "POST /api/v1/queues/drop", "POST /api/v1/queues/handover",
		"GET /api/v1/audit",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	recorder := httptest.NewRecorder()
	frameworktest.Mount(t, frameworktest.Deps(t), all).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/status", nil))
	if recorder.Code != http.StatusOK {
		t.Errorf("mounted together, GET /status: %d %s", recorder.Code, recorder.Body)
	}
}

func TestAMistakeInAnEndpointsConfigurationNamesItsPlace(t *testing.T) {
	for name, test := range map[string]struct{ endpoint, with, want string }{
		"an unknown key":              {"splunk", "undeclard: drop", "line 1: endpoints[0].with: unknown key undeclard; known: undeclared"},
		"a key where there are none":  {"status", "\npublic: true", "line 2: endpoints[0].with: unknown key public; there are none"},
		"a word that is not known":    {"splunk", "undeclared: keep", "line 1: endpoints[0].with: undeclared is either reject or drop"},
		"a name that matches nobody":  {"jira", "ignore_users: [bot, '']", "line 1: endpoints[0].with.ignore_users: an empty name matches nobody"},
		"an endpoint that is unknown": {"slpunk", "{}", "line 1: endpoints[0].with: no such endpoint; there are …"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := build(t, test.endpoint, test.with)
			if err == nil {
				t.Fatal("built")
			}
			// The list of those that there are grows with each.
			got := regexp.MustCompile(`(no such endpoint; there are ).*splunk.*`).ReplaceAllString(err.Error(), "${1}…")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
