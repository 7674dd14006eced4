package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/internal/app"
)

// looking is an enricher whose service can be looked at in the way that its configuration names.
type looking struct {
	manner string
	deps   framework.Deps
}

func (*looking) Kinds() []framework.Kind { return []framework.Kind{framework.User} }

func (*looking) Enrich(context.Context, framework.Indicator) (framework.Finding, error) {
	return framework.Finding{}, errors.New("nobody is to be asked")
}

// checking can only be checked.
type checking struct{ looking }

func (c *checking) Check(ctx context.Context) error {
	return c.deps.Quota.Take(ctx, "checking", framework.Limit{Count: 1, Per: time.Minute})
}

func (l *looking) Probe(ctx context.Context) []framework.Probed {
	switch l.manner {
	case "panics":
		panic("c4nary-in-a-panic")
	case "hangs":
		<-ctx.Done()
		return []framework.Probed{{Name: "hung", Detail: "as long as it could"}}
	case "talks":
		return make([]framework.Probed, 1000)
	case "leaks":
		return []framework.Probed{{Name: "a\nb", OK: true, Detail: "\x1b[31m" + os.Getenv("LOOKING"), Advice: strings.Repeat("x", 1000)}}
	}
	address, ignores := strings.CutPrefix(l.manner, "ignores ")
	if ignores {
		ctx = context.WithoutCancel(ctx)
	}
	return []framework.Probed{framework.Try(l.deps.Now, "call", func() (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return "", err
		}
		_, err = framework.Fetch(l.deps, "looking", "call", request)
		return "called", err
	})}
}

type lookingConfig struct {
	Manner string           `yaml:"manner"`
	Secret framework.Secret `yaml:"secret"`
}

func lookingParts() *framework.Registry {
	registry := parts()
	none := func() lookingConfig { return lookingConfig{} }
	framework.AddEnricher(registry, "looking", none, func(c lookingConfig, d framework.Deps) (*looking, error) { return &looking{c.Manner, d}, nil })
	framework.AddEnricher(registry, "checking", none, func(c lookingConfig, d framework.Deps) (interface {
		framework.Enricher
		framework.Checker
	}, error,
	) {
		return onlyChecked{&checking{looking{c.Manner, d}}}, nil
	})
	return registry
}

// onlyChecked hides what else it can.
type onlyChecked struct{ inner *checking }

func (o onlyChecked) Kinds() []framework.Kind { return o.inner.Kinds() }

func (o onlyChecked) Enrich(ctx context.Context, i framework.Indicator) (framework.Finding, error) {
	return o.inner.Enrich(ctx, i)
}

func (o onlyChecked) Check(ctx context.Context) error { return o.inner.Check(ctx) }

// online checks a configuration with one enricher and returns its rows.
func online(t *testing.T, limit time.Duration, enricher string) []app.Checked {
	t.Helper()
	config, err := app.ParseConfig([]byte("data: " + filepath.Join(t.TempDir(), "data") + "\nenrichers: {" + enricher + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, nil)
	o.Online = true
	server, err := app.Build(t.Context(), config, lookingParts(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var rows []app.Checked
	for _, one := range server.CheckOnline(ctx) {
		if one.Took = 0; one.Service != "archive" {
			rows = append(rows, one)
		}
	}
	return rows
}

func TestPartsThatMisbehaveAreRowsThatFail(t *testing.T) {
	t.Setenv("LOOKING", "c4nary-of-looking")
	row := func(service, name string, ok bool, detail, advice string) app.Checked {
		return app.Checked{Service: service, Probed: framework.Probed{Name: name, OK: ok, Detail: detail, Advice: advice}}
	}
	cases := []struct {
		name, enricher string
		limit          time.Duration
		want           []app.Checked
	}{
		{"a panic", "looking: {manner: panics}", time.Minute, []app.Checked{row("looking", "look", false, "internal error: looking at it failed in itself", "")}},
		{"one that takes all the time and says so", "looking: {manner: hangs}", 20 * time.Millisecond, []app.Checked{row("looking", "hung", false, "as long as it could", "")}},
		{"a secret, a line end and an endless text", "looking: {manner: leaks, secret: \"env:LOOKING\"}", time.Minute, []app.Checked{
			row("looking", "a b", true, "\uFFFD[31m[secret]", strings.Repeat("x", 399)+"…"),
		}},
		{"one that can only be checked, and takes from a quota", "checking: {}", time.Minute, []app.Checked{row("checking", "check", true, "it answers", "")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, online(t, c.limit, c.enricher)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if rows := online(t, time.Minute, "looking: {manner: talks}"); len(rows) != 20 {
		t.Errorf("one that talks has %d rows", len(rows))
	}
}

func TestOneThatIgnoresTheTimeIsLeftBehind(t *testing.T) {
	leave := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }))
	defer server.Close()
	defer close(leave)
	want := []app.Checked{{Service: "looking", Probed: framework.Probed{
		Name: "answer", Detail: "it was still being tried when the time was up", Advice: "look whether it is slow, or give it longer with --timeout",
	}}}
	if diff := cmp.Diff(want, online(t, 10*time.Millisecond, `looking: {manner: "ignores `+server.URL+`"}`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClocksAreTakenFromAnyAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		date string
		want []string
	}{
		"agrees":        {time.Now().UTC().Format(http.TimeFormat), []string{"call true", "clock true"}},
		"a year behind": {time.Now().AddDate(-1, 0, 0).UTC().Format(http.TimeFormat), []string{"call true", "clock false"}},
		"no date":       {"yesterday", []string{"call true"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", c.date) }))
			defer server.Close()
			var got []string
			for _, one := range online(t, time.Minute, `looking: {manner: "`+server.URL+`"}`) {
				got = append(got, fmt.Sprintf("%s %t", one.Name, one.OK))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
