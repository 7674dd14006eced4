package framework_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// counter is a plugin that may have to know who is calling.
type counter struct{ byIdentity bool }

func (counter) Before(context.Context, *framework.Request) error { return nil }

func (c counter) NeedsIdentity() bool { return c.byIdentity }

func TestAChainThatCannotBeMeantIsAMistakeAtTheStart(t *testing.T) {
	door := framework.Named[framework.Before]{Name: "door", Part: door{}}
	byIdentity := framework.Named[framework.Before]{Name: "ratelimit", Part: counter{byIdentity: true}}
	byAddress := framework.Named[framework.Before]{Name: "ratelimit", Part: counter{}}
	const (
		open     = "anyone could call this: add an authenticating before plugin (token, basic, hmac, jwt), or say public: true"
		twice    = "public: true contradicts the authenticating before plugin: remove one of them"
		tooEarly = "ratelimit needs to know who is calling, and no plugin before it finds out: put it after an authenticating one (token, basic, hmac, jwt)"
	)
	for _, c := range []struct {
		name  string
		chain framework.Chain
		want  string // nothing when the chain is fine
	}{
		{"nobody asks who is calling", framework.Chain{Before: list(byAddress)}, open},
		{"public, and yet somebody asks", framework.Chain{Public: true, Before: list(door)}, twice},
		{"counted by identity before anybody asks", framework.Chain{Before: list(byIdentity, door)}, tooEarly},
		{"counted by identity where nobody ever asks", framework.Chain{Public: true, Before: list(byIdentity)}, tooEarly},
		{"counted by identity after somebody asked", framework.Chain{Before: list(byAddress, door, byIdentity)}, ""},
		{"counted by address before anybody asks", framework.Chain{Before: list(byAddress, door)}, ""},
		{"public, counted by address", framework.Chain{Public: true, Before: list(byAddress)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			funnel := newFunnel(t, slog.New(slog.DiscardHandler))
			route := framework.Endpoint[nothing, nothing]{Method: http.MethodPost, Path: "/things", ID: "things"}.Route()
			page := funnel.Handle("/page", http.NotFoundHandler(), c.chain)
			for of, err := range map[string]error{"POST /things: ": funnel.Mount(route, c.chain), "GET /page: ": page} {
				got, want := "", ""
				if err != nil {
					got = err.Error()
				}
				if c.want != "" {
					want = of + c.want
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestASegmentOfThePathHasOneReader(t *testing.T) {
	guide := framework.Named[framework.Before]{Name: "guide", Part: guide{}}
	for path, c := range map[string]struct {
		plugins []framework.Named[framework.Before]
		want    string
	}{
		"/plain":    {list(guide), ""},
		"/twice":    {list(guide, guide), "POST /twice: the path /twice/{guest} has a parameter {guest} already, and guide adds another one: give the plugin's another name"},
		"/{guest}/": {list(guide), "POST /{guest}/: the path /{guest}/ has a parameter {guest} already, and guide adds another one: give the plugin's another name"},
	} {
		route := framework.Endpoint[struct{}, nothing]{Method: http.MethodPost, Path: path, ID: "things"}.Route()
		if strings.Contains(path, "{") {
			route = framework.Endpoint[struct {
				Guest string `path:"guest"`
			}, nothing]{Method: http.MethodPost, Path: path, ID: "things"}.Route()
		}
		got := ""
		if err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(route, framework.Chain{Before: c.plugins}); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func list[P any](plugins ...P) []P { return plugins }

// readsSegment is a plugin that reads the last segment of a path.
type readsSegment struct{ name string }

func (readsSegment) Before(_ context.Context, r *framework.Request) error {
	if r.PathParam("secret") != "open" {
		return framework.NewProblem(http.StatusUnauthorized, "")
	}
	return nil
}

func (p readsSegment) PathSegment() string { return p.name }

func TestAPageHasTheSegmentsThatItsPluginsRead(t *testing.T) {
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, new(frameworktest.Log).Logger(), frameworktest.Deps(t).Now)
	if err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	before := []framework.Named[framework.Before]{{Name: "segment", Part: readsSegment{"secret"}}}
	if err := funnel.Handle("/metrics", page, framework.Chain{Public: true, Before: before}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/metrics/open": 202, "/metrics/wrong": 401, "/metrics": 404} {
		answer := httptest.NewRecorder()
		funnel.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if answer.Code != want {
			t.Errorf("%s: status %d, want %d", path, answer.Code, want)
		}
	}
	twice := append(before, before...)
	if err := funnel.Handle("/other", page, framework.Chain{Public: true, Before: twice}); err == nil {
		t.Error("two plugins read the same segment")
	}
}
