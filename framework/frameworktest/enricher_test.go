package frameworktest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// reputation is an enricher over an HTTP service, as parts are.
type reputation struct {
	deps framework.Deps
	url  string
}

func (reputation) Kinds() []framework.Kind { return []framework.Kind{framework.IP} }

func (r reputation) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	var answer struct {
		Verdict framework.Verdict `json:"verdict"`
	}
	header := http.Header{"Key": {frameworktest.Canary}}
	if err := framework.GetJSON(ctx, r.deps, "reputation", r.url+"/"+indicator.Value, header, &answer); err != nil {
		return framework.Finding{}, err
	}
	now := r.deps.Now()
	return framework.Finding{
		Source: "reputation", Indicator: indicator, Verdict: answer.Verdict, Summary: "It is known.",
		Facts: []framework.Fact{{Key: "reports", Label: "Reports", Value: "3"}}, Link: "https://reputation.example/1",
		AskedAt: now, StaleAt: now.Add(time.Hour),
	}, nil
}

func ip(value string) framework.Indicator {
	return framework.Indicator{Kind: framework.IP, Value: value}
}

func cases() []frameworktest.EnricherCase {
	return []frameworktest.EnricherCase{
		{Indicator: ip("192.0.2.1")},
		{Indicator: ip("192.0.2.2"), Source: frameworktest.Unknown},
		{Indicator: ip("192.0.2.3"), Source: frameworktest.Fails},
		{Indicator: ip("192.0.2.4"), Source: frameworktest.Hangs},
	}
}

func newReputation(t *testing.T) reputation {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/192.0.2.1":
			_, _ = w.Write([]byte(`{"verdict":"malicious"}`))
		case "/192.0.2.2":
			_, _ = w.Write([]byte(`{"verdict":"unknown"}`))
		case "/192.0.2.3":
			http.Error(w, "key "+r.Header.Get("Key")+" is wrong", http.StatusForbidden)
		default:
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	return reputation{frameworktest.Deps(t), server.URL}
}

func TestTheSuiteAcceptsAnEnricherThatKeepsTheRules(t *testing.T) {
	frameworktest.RunEnricherSuite(t, newReputation(t), cases()...)
}

// enricher changes what another one gives.
type enricher struct {
	framework.Enricher
	kinds  []framework.Kind
	change func(context.Context, *framework.Finding, error) error
}

func (e enricher) Kinds() []framework.Kind {
	if e.kinds == nil {
		return e.Enricher.Kinds()
	}
	return e.kinds
}

func (e enricher) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	finding, err := e.Enricher.Enrich(ctx, indicator)
	if e.change != nil {
		err = e.change(ctx, &finding, err)
	}
	return finding, err
}

func TestTheSuiteRefusesEnrichersThatBreakTheRules(t *testing.T) {
	// onFinding and onError change one of the two and leave the other as it is.
	onFinding := func(change func(*framework.Finding)) func(context.Context, *framework.Finding, error) error {
		return func(_ context.Context, finding *framework.Finding, err error) error {
			if err == nil {
				change(finding)
			}
			return err
		}
	}
	onError := func(change func(error) error) func(context.Context, *framework.Finding, error) error {
		return func(_ context.Context, _ *framework.Finding, err error) error {
			if err == nil {
				return nil
			}
			return change(err)
		}
	}
	for name, c := range map[string]struct {
		kinds  []framework.Kind
		change func(context.Context, *framework.Finding, error) error
		want   string
	}{
		"has no kinds":           {[]framework.Kind{}, nil, "0 kinds"},
		"invents a kind":         {[]framework.Kind{framework.IP, "file"}, nil, `kind "file" is no kind`},
		"names a kind twice":     {[]framework.Kind{framework.IP, framework.IP}, nil, "given twice"},
		"is asked of other ones": {[]framework.Kind{framework.MD5}, nil, "of no kind in"},
		"does not say who it is": {nil, onFinding(func(f *framework.Finding) { f.Source = "" }), "source is empty"},
		"tells of another one":   {nil, onFinding(func(f *framework.Finding) { f.Indicator = ip("192.0.2.9") }), "not what was asked about"},
		"invents a verdict":      {nil, onFinding(func(f *framework.Finding) { f.Verdict = "bad" }), "verdict is none"},
		"calls the unknown clean": {nil, onFinding(func(f *framework.Finding) {
			if f.Verdict == framework.Unknown {
				f.Verdict = framework.Harmless
			}
		}), "never seen"},
		"sums up in two lines":     {nil, onFinding(func(f *framework.Finding) { f.Summary = "a\nb" }), "not one short line"},
		"writes a novel":           {nil, onFinding(func(f *framework.Finding) { f.Summary = strings.Repeat("a", 1001) }), "not one short line"},
		"says nothing":             {nil, onFinding(func(f *framework.Finding) { f.Summary = " " }), "not one short line"},
		"does not say when":        {nil, onFinding(func(f *framework.Finding) { f.AskedAt = time.Time{} }), "asked_at is missing"},
		"is stale at once":         {nil, onFinding(func(f *framework.Finding) { f.StaleAt = f.AskedAt }), "stale_at is not after"},
		"links to a script":        {nil, onFinding(func(f *framework.Finding) { f.Link = "javascript:alert(1)" }), "link is not"},
		"has a fact without words": {nil, onFinding(func(f *framework.Finding) { f.Facts = []framework.Fact{{Key: "k", Label: "L"}} }), "fact 1 lacks"},
		"shows its key":            {nil, onFinding(func(f *framework.Finding) { f.Summary = "asked with " + frameworktest.Canary }), "tells the secret"},
		"takes unknown for a failure": {nil, func(_ context.Context, f *framework.Finding, err error) error {
			if err == nil && f.Verdict == framework.Unknown {
				return &framework.ServiceError{Service: "s", Op: "look up", Reason: "never seen"}
			}
			return err
		}, "there is no finding: s: look up: never seen"},
		"takes a failure for an answer": {nil, func(ctx context.Context, _ *framework.Finding, err error) error {
			if ctx.Err() == nil {
				return nil
			}
			return err
		}, "the source failed, and there is a finding"},
		"answers callers who are gone": {nil, func(context.Context, *framework.Finding, error) error { return nil }, "nobody can have waited for"},
		"explains nothing":             {nil, onError(func(error) error { return errors.New("no") }), "neither a ServiceError nor a Wait"},
		"explains half":                {nil, onError(func(error) error { return &framework.ServiceError{Service: "s", Reason: "no"} }), "lacks its service, operation or reason"},
		"explains in two lines": {nil, onError(func(error) error {
			return &framework.ServiceError{Service: "s", Op: "o", Reason: "a\nb"}
		}), "not one line"},
		"quotes its key in errors": {nil, onError(func(err error) error {
			return &framework.ServiceError{Service: "s", Op: "o", Reason: "no", Err: errors.Join(err, errors.New(frameworktest.Canary))}
		}), "tells the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			test := &watched{TB: t}
			frameworktest.RunEnricherSuite(test, enricher{newReputation(t), c.kinds, c.change}, cases()...)
			if !strings.Contains(strings.Join(test.failures, "\n"), c.want) {
				t.Errorf("no failure has %q: %q", c.want, test.failures)
			}
		})
	}
	test := &watched{TB: t}
	frameworktest.RunEnricherSuite(test, newReputation(t))
	if len(test.failures) != 1 {
		t.Error("a suite without cases is no failure")
	}
}
