package status_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/endpoints/status"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func serve(t *testing.T, deps framework.Deps) http.Handler {
	t.Helper()
	routes, err := status.New(status.Defaults(), deps)
	if err != nil {
		t.Fatal(err)
	}
	return frameworktest.Mount(t, deps, routes)
}

func get(ctx context.Context, handler http.Handler, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx))
	return recorder
}

func TestStatusTellsTheVersionWhateverTheDependencies(t *testing.T) {
	deps := frameworktest.Deps(t)
	deps.Ready = func(context.Context) []framework.Readiness { panic("must not be asked") }
	answer := get(t.Context(), serve(t, deps), "/status")
	if want := `{"status":"ok","version":"test"}`; answer.Code != http.StatusOK || answer.Body.String() != want {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
}

func TestReadyNamesEachDependency(t *testing.T) {
	events := framework.Readiness{Name: "events", Ready: true, Vital: true}
	full := framework.Readiness{Name: "events", Reason: "the disk is full", Vital: true}
	jira := framework.Readiness{Name: "jira", Ready: true}
	down := framework.Readiness{Name: "jira", Reason: "jira: check: no answer", AgeSeconds: 7}
	for name, test := range map[string]struct {
		states []framework.Readiness
		status int
		ready  bool
	}{
		"all ready": {[]framework.Readiness{events, jira}, 200, true},
		"a service that only automations need is down": {[]framework.Readiness{events, down}, 200, true},
		"events cannot be stored":                      {[]framework.Readiness{full, jira}, 503, false},
		"nothing to depend on":                         {nil, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			deps := frameworktest.Deps(t)
			deps.Ready = func(context.Context) []framework.Readiness { return test.states }
			answer := get(t.Context(), serve(t, deps), "/ready")
			var got status.Ready
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
				t.Fatalf("%s: %v", answer.Body, err)
			}
			want := status.Ready{Ready: test.ready, Dependencies: test.states}
			if test.states == nil {
				want.Dependencies = []framework.Readiness{}
			}
			if diff := cmp.Diff(want, got); answer.Code != test.status || diff != "" {
				t.Errorf("status %d (-want +got):\n%s", answer.Code, diff)
			}
		})
	}
}
