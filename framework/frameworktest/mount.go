package frameworktest

import (
	"context"
	"net/http"
	"testing"

	"funnelweb/framework"
)

// Mount serves the routes of an endpoint as the server does, to anyone and without plugins. Who calls one that asks for a
// scope is known as "tester", and is limited to the scope in the header X-Test-Scope if there is one.
func Mount(tb testing.TB, deps framework.Deps, routes framework.Routes) http.Handler {
	tb.Helper()
	funnel, err := framework.NewFunnel(framework.Info{Title: "test", Version: deps.Version}, deps.Log, deps.Now)
	if err != nil {
		tb.Fatal(err)
	}
	for _, route := range routes {
		chain := framework.Chain{Public: true}
		if route.Scope != "" {
			chain = framework.Chain{Before: []framework.Named[framework.Before]{{Name: "tester", Part: tester{}}}}
		}
		if err := funnel.Mount(route, chain); err != nil {
			tb.Fatal(err)
		}
	}
	return funnel
}

// tester knows everybody.
type tester struct{}

func (tester) Before(_ context.Context, r *framework.Request) error {
	r.Identify("tester")
	if scope := r.Header.Get("X-Test-Scope"); scope != "" {
		r.Limit(framework.Scope(scope))
	}
	return nil
}

func (tester) Security() framework.SecurityScheme { return framework.SecurityScheme{} }
