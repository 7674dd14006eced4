package framework_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// limiter lets everybody in and limits them; nil limits nobody.
type limiter struct{ to []framework.Scope }

func (l limiter) Before(_ context.Context, r *framework.Request) error {
	if l.to != nil {
		r.Limit(l.to...)
	}
	return nil
}

func (limiter) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "http", Scheme: "bearer"}
}

func limiting(limits ...[]framework.Scope) framework.Chain {
	var chain framework.Chain
	for _, limit := range limits {
		chain.Before = append(chain.Before, framework.Named[framework.Before]{Name: "limiter", Part: limiter{limit}})
	}
	return chain
}

func TestARouteRefusesWhoLacksItsScopeAndNamesIt(t *testing.T) {
	type scopes = []framework.Scope
	const read, admin = framework.ScopeRead, framework.ScopeAdmin
	for name, c := range map[string]struct {
		asked  framework.Scope
		chain  framework.Chain
		status int
	}{
		"nothing is asked for, and the caller may do nothing": {"", limiting(scopes{}), 204},
		"the caller has it":                                             {admin, limiting(scopes{read, admin}), 204},
		"the caller has another":                                        {admin, limiting(scopes{read}), 403},
		"to act does not mean to read":                                  {read, limiting(scopes{admin}), 403},
		"the caller may do nothing":                                     {read, limiting(scopes{}), 403},
		"the plugin knows no limits":                                    {admin, limiting(nil), 204},
		"a second plugin that knows no limits takes none away":          {admin, limiting(scopes{read}, nil), 403},
		"a second plugin gives nothing back":                            {admin, limiting(scopes{read}, scopes{read, admin}), 403},
		"of two limits what is in both":                                 {read, limiting(scopes{read, admin}, scopes{read}), 204},
		"of two limits with nothing in common nothing":                  {read, limiting(scopes{admin}, scopes{read}), 403},
		"a limit that was reached once stays when a third plugin gives": {read, limiting(scopes{admin}, scopes{read}, scopes{read}), 403},
	} {
		t.Run(name, func(t *testing.T) {
			funnel, called := newFunnel(t, slog.New(slog.DiscardHandler)), false
			route := framework.Endpoint[nothing, nothing]{
				Method: http.MethodPost, Path: "/things", ID: "things", Scope: c.asked,
				Handle: func(context.Context, *nothing) (*nothing, error) { called = true; return new(nothing), nil },
			}.Route()
			if err := funnel.Mount(route, c.chain); err != nil {
				t.Fatal(err)
			}
			answer := httptest.NewRecorder()
			funnel.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/things", nil))
			if answer.Code != c.status || called != (c.status == 204) {
				t.Errorf("status %d, the handler was called: %t", answer.Code, called)
			}
			wanted := `"detail":"This needs the scope ` + string(c.asked) + `, which the caller does not have."`
			if c.status == 403 && !strings.Contains(answer.Body.String(), wanted) {
				t.Errorf("it says %s", answer.Body)
			}
		})
	}
}

func TestARouteWithAScopeThatCannotBeMeantIsAMistakeAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		scope framework.Scope
		chain framework.Chain
		want  string
	}{
		"open to anyone": {"admin", framework.Chain{Public: true}, "this is for those who may admin: remove public: true, and add an authenticating before plugin"},
		"unknown":        {"write", limiting(nil), "there is no scope write; there are [read admin]"},
	} {
		route := framework.Endpoint[nothing, nothing]{Method: http.MethodPost, Path: "/things", ID: "things", Scope: c.scope}.Route()
		err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(route, c.chain)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDocumentNamesTheScopeAndTheRefusal(t *testing.T) {
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	for id, scope := range map[string]framework.Scope{"acting": "admin", "all": ""} {
		route := framework.Endpoint[nothing, nothing]{Method: http.MethodPost, Path: "/" + id, ID: id, Scope: scope}.Route()
		if err := funnel.Mount(route, limiting(nil)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := funnel.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Security  []map[string][]string `json:"security"`
			Scope     string                `json:"x-required-scope"`
			Responses map[string]any        `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	acting, all := document.Paths["/acting"]["post"], document.Paths["/all"]["post"]
	if got := acting.Scope; got != "admin" || acting.Security[0]["http-bearer"] == nil || acting.Responses["403"] == nil {
		t.Errorf("scopes %v, answers %v", got, acting.Responses)
	}
	if got := all.Scope; got != "" || all.Security[0]["http-bearer"] == nil || all.Responses["403"] != nil {
		t.Errorf("without a scope: scopes %v, answers %v", got, all.Responses)
	}
}
