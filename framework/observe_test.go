package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// callWatcher notes every call that it is told of.
type callWatcher struct{ told []string }

func (w *callWatcher) Call(ctx context.Context, method, route, requestID string) (context.Context, func(int)) {
	return framework.WithTrace(ctx, "trace of "+route), func(status int) {
		if requestID != "" {
			requestID = "id"
		}
		w.told = append(w.told, fmt.Sprint(method, " ", route, " ", status, " ", requestID))
	}
}

// traced notes the trace that a plugin sees.
type traced struct{ saw *[]string }

func (p traced) Before(ctx context.Context, _ *framework.Request) error {
	*p.saw = append(*p.saw, framework.Trace(ctx))
	return nil
}

func TestTheObserverIsToldOfEveryCallOnce(t *testing.T) {
	var saw []string
	watch := new(callWatcher)
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	funnel.Observe(watch)
	type input struct {
		ID string `path:"id"`
	}
	route := framework.Endpoint[input, struct{}]{
		Method: http.MethodGet, Path: "/things/{id}", ID: "thing",
		Handle: func(ctx context.Context, in *input) (*struct{}, error) {
			saw = append(saw, framework.Trace(ctx))
			if in.ID == "panic" {
				panic("boom")
			}
			return &struct{}{}, nil
		},
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true, Before: []framework.Named[framework.Before]{{Name: "traced", Part: traced{&saw}}}}); err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	if err := funnel.Handle("/page", page, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"GET /things/secret-1", "GET /things/panic", "GET /page", "GET /nowhere", "POST /things/1", strings.Repeat("X", 100) + " /things/1"} {
		method, path, _ := strings.Cut(call, " ")
		funnel.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, nil))
	}
	want := []string{
		"GET /things/{id} 204 id", "GET /things/{id} 500 id", "GET /page 200 id", "GET none 404 id", "POST none 405 id", "other none 405 id",
	}
	if diff := cmp.Diff(want, watch.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"trace of /things/{id}", "trace of /things/{id}", "trace of /things/{id}", "trace of /things/{id}"}, saw); diff != "" {
		t.Errorf("the contexts of plugin and handler (-want +got):\n%s", diff)
	}
}

func TestWorkIsRelatedWhereSomebodyAsksForThat(t *testing.T) {
	event, err := framework.NewEvent("splunk.alert", "a", map[string]string{"host": "WS-042"})
	if err != nil {
		t.Fatal(err)
	}
	framework.Relate(t.Context(), event) // nobody asks
	var related []string
	framework.Relate(framework.WithRelation(t.Context(), func(origin framework.Event) { related = append(related, origin.ID) }), event)
	if diff := cmp.Diff([]string{event.ID}, related); diff != "" || framework.Trace(t.Context()) != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
