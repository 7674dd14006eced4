package framework_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// watcher writes down how the calls that it lets through were answered.
type watcher struct {
	name string
	seen *[]string
}

func (w watcher) Before(_ context.Context, r *framework.Request) error {
	r.OnAnswer(func(status int) { *w.seen = append(*w.seen, w.name+" "+http.StatusText(status)) })
	if r.Header.Get("X-Broken") == w.name {
		r.OnAnswer(func(int) { panic("broken") })
	}
	return nil
}

type nothing struct{}

func TestBeforePluginsLearnHowTheCallWasAnswered(t *testing.T) {
	var seen []string
	var log frameworktest.Log
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, log.Logger(), frameworktest.Deps(t).Now)
	if err != nil {
		t.Fatal(err)
	}
	chain := framework.Chain{Public: true, Before: []framework.Named[framework.Before]{
		{Name: "first", Part: watcher{"first", &seen}}, {Name: "second", Part: watcher{"second", &seen}},
	}}
	for path, status := range map[string]int{"/good": 0, "/bad": http.StatusConflict} {
		route := framework.Endpoint[nothing, nothing]{
			Method: http.MethodPost, Path: path, ID: strings.Trim(path, "/"), Summary: "Try",
			Handle: func(context.Context, *nothing) (*nothing, error) {
				if status != 0 {
					return nil, framework.NewProblem(status, "No.")
				}
				return &nothing{}, nil
			},
		}.Route()
		if err := funnel.Mount(route, chain); err != nil {
			t.Fatal(err)
		}
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	if err := funnel.Handle("/page", page, chain); err != nil {
		t.Fatal(err)
	}
	call := func(method, path, broken string) int {
		request := httptest.NewRequest(method, path, nil)
		request.Header.Set("X-Broken", broken)
		recorder := httptest.NewRecorder()
		funnel.ServeHTTP(recorder, request)
		return recorder.Code
	}
	for _, c := range []struct {
		method, path, broken string
		status               int
		want                 []string
	}{
		{"POST", "/good", "", 204, []string{"second No Content", "first No Content"}},
		{"POST", "/bad", "", 409, []string{"second Conflict", "first Conflict"}},
		{"GET", "/page", "", 418, []string{"second I'm a teapot", "first I'm a teapot"}},
		{"POST", "/good", "first", 204, []string{"second No Content", "first No Content"}},
		{"GET", "/page", "second", 418, []string{"second I'm a teapot", "first I'm a teapot"}},
	} {
		seen = nil
		if status := call(c.method, c.path, c.broken); status != c.status {
			t.Errorf("%s %s: status %d", c.method, c.path, status)
		}
		if diff := cmp.Diff(c.want, seen); diff != "" {
			t.Errorf("%s %s: %s", c.method, c.path, diff)
		}
	}
	if got := strings.Count(log.String(), "on answer: panic: broken"); got != 2 {
		t.Errorf("%d panics are in the log: %s", got, log.String())
	}
}
