package frameworktest_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// header lets calls with X-Good through.
type header struct{}

func (header) Before(_ context.Context, r *framework.Request) error {
	if len(r.Header.Values("X-Good")) != 1 {
		return framework.Unauthorized("", "The header X-Good is needed.")
	}
	r.Identify("good")
	return nil
}

func (header) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: "X-Good"}
}

// stamp adds a header.
type stamp struct{}

func (stamp) After(_ context.Context, r *framework.Request, response *framework.Response) error {
	if r.ID == "" {
		return errors.New("no id")
	}
	response.Header.Set("X-Stamp", "1")
	return nil
}

func TestSuitesAcceptPluginsThatKeepTheRules(t *testing.T) {
	good := frameworktest.Request("POST", "/", "{}", http.Header{"X-Good": {"1"}})
	bad := frameworktest.Request("POST", "/", "{}", http.Header{"X-Other": {"something long"}})
	twice := frameworktest.Request("POST", "/", "{}", http.Header{"X-Good": {"1", "1"}})
	frameworktest.RunBeforeSuite(t, header{}, []*framework.Request{good}, []*framework.Request{bad, twice})
	frameworktest.RunAfterSuite(t, stamp{}, framework.Response{Status: 200, Header: http.Header{}, Body: []byte(`{"a":1}`)})
}

// plugin makes a Before, or an After, of a function.
type plugin func(r *framework.Request) error

func (p plugin) Before(_ context.Context, r *framework.Request) error { return p(r) }

func (p plugin) After(_ context.Context, r *framework.Request, response *framework.Response) error {
	if bytes.Contains(response.Body, []byte("in place")) {
		response.Body[0]++
	}
	if bytes.Contains(response.Body, []byte("break")) {
		response.Body = []byte("broken")
	}
	return p(r)
}

// gate is an authenticator made of a function.
type gate struct {
	plugin
	scheme string
}

func (g gate) Security() framework.SecurityScheme { return framework.SecurityScheme{Type: g.scheme} }

// light says that it works on the headers alone.
type light struct{ plugin }

func (light) HeadersOnly() bool { return true }

func TestSuitesRefusePluginsThatBreakTheRules(t *testing.T) {
	refusal := framework.Unauthorized("", "The header X-Good is needed.")
	good := []*framework.Request{frameworktest.Request("POST", "/", "good", http.Header{"X-Good": {"1"}})}
	bad := []*framework.Request{
		frameworktest.Request("POST", "/", "first body", nil),
		frameworktest.Request("POST", "/", "second body", nil),
	}
	isGood := func(r *framework.Request) bool { return string(r.Raw()) == "good" }
	for name, broken := range map[string]framework.Before{
		"says it needs no body, and looks at it": light{func(r *framework.Request) error {
			if isGood(r) {
				return nil
			}
			return refusal
		}},
		"lets bad requests through": plugin(func(*framework.Request) error { return nil }),
		"refuses good requests":     plugin(func(*framework.Request) error { return refusal }),
		"refuses with an error that is no problem": plugin(func(r *framework.Request) error {
			if isGood(r) {
				return nil
			}
			return errors.New("no")
		}),
		"refuses with a 500": plugin(func(r *framework.Request) error {
			if isGood(r) {
				return nil
			}
			return framework.NewProblem(500, "Down.")
		}),
		"quotes what was sent": plugin(func(r *framework.Request) error {
			if isGood(r) {
				return nil
			}
			return framework.NewProblem(400, "Not good: "+string(r.Raw()))
		}),
		"changes headers": plugin(func(r *framework.Request) error {
			r.Header.Set("X-New", "1")
			if isGood(r) {
				return nil
			}
			return refusal
		}),
		"authenticates and identifies nobody": gate{func(r *framework.Request) error {
			if isGood(r) {
				return nil
			}
			return refusal
		}, "http"},
		"authenticates in an unknown way": gate{func(r *framework.Request) error {
			r.Identify("x")
			if isGood(r) {
				return nil
			}
			return refusal
		}, ""},
		"authenticates with 403": gate{func(r *framework.Request) error {
			r.Identify("x")
			if isGood(r) {
				return nil
			}
			return framework.NewProblem(403, "No.")
		}, "http"},
		"tells what was wrong": gate{func(r *framework.Request) error {
			r.Identify("x")
			if isGood(r) {
				return nil
			}
			return framework.Unauthorized("", string(r.Raw()[:3]))
		}, "http"},
	} {
		test := &watched{TB: t}
		frameworktest.RunBeforeSuite(test, broken, good, bad)
		if len(test.failures) == 0 {
			t.Errorf("a plugin that %s was accepted", name)
		}
	}
	pass := plugin(func(*framework.Request) error { return nil })
	for _, body := range []string{`"in place"`, `"break"`} {
		test := &watched{TB: t}
		frameworktest.RunAfterSuite(test, pass, framework.Response{Body: []byte(body)})
		if len(test.failures) == 0 {
			t.Errorf("a plugin that does %s was accepted", body)
		}
	}
	test := &watched{TB: t}
	frameworktest.RunAfterSuite(test, plugin(func(*framework.Request) error { return errors.New("no") }))
	if len(test.failures) == 0 {
		t.Error("a plugin that stops every answer was accepted")
	}
}
