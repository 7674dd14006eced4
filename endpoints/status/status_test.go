package status_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
	down := framework.Readiness{Name: "jira", Reason: "jira: check: no answer"}
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

func TestManyCallersAskTheDependenciesOnce(t *testing.T) {
	deps := frameworktest.Deps(t)
	clock := new(frameworktest.Clock)
	deps.Now = clock.Now
	var asked atomic.Int32
	deps.Ready = func(context.Context) []framework.Readiness {
		asked.Add(1)
		return nil
	}
	handler := serve(t, deps)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if answer := get(t.Context(), handler, "/ready"); answer.Code != http.StatusOK {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
	callers.Wait()
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times", got)
	}
	clock.Advance(2 * time.Second)
	get(t.Context(), handler, "/ready")
	if got := asked.Load(); got != 2 {
		t.Errorf("asked %d times after the answer had become old", got)
	}
}

func TestASlowDependencyHoldsNobodyForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deps := frameworktest.Deps(t)
		began := make(chan struct{})
		deps.Ready = func(ctx context.Context) []framework.Readiness {
			close(began)
			<-ctx.Done()
			return []framework.Readiness{{Name: "jira", Reason: "no answer within the time limit"}}
		}
		handler := serve(t, deps)
		hungUp, hangUp := context.WithCancel(t.Context())
		first := make(chan *httptest.ResponseRecorder)
		go func() { first <- get(hungUp, handler, "/ready") }()
		<-began

		impatient, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if answer := get(impatient, handler, "/ready"); answer.Code != http.StatusServiceUnavailable {
			t.Errorf("a caller who gave up while another asks: %d %s", answer.Code, answer.Body)
		}
		hangUp() // the answer is everybody's: it is waited for and kept
		start := time.Now()
		if answer := <-first; answer.Code != http.StatusOK {
			t.Errorf("got %d %s", answer.Code, answer.Body)
		}
		if waited := time.Since(start); waited > 4*time.Second {
			t.Errorf("waited %s", waited)
		}
		if answer := get(t.Context(), handler, "/ready"); answer.Code != http.StatusOK {
			t.Errorf("the next caller: %d %s", answer.Code, answer.Body)
		}
	})
}
