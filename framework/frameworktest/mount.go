package frameworktest

import (
	"net/http"
	"testing"

	"funnelweb/framework"
)

// Mount serves the routes of an endpoint as the server does, to anyone and without plugins.
func Mount(tb testing.TB, deps framework.Deps, routes framework.Routes) http.Handler {
	tb.Helper()
	funnel, err := framework.NewFunnel(framework.Info{Title: "test", Version: deps.Version}, deps.Log, deps.Now)
	if err != nil {
		tb.Fatal(err)
	}
	for _, route := range routes {
		if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
			tb.Fatal(err)
		}
	}
	return funnel
}
