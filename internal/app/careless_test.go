package app_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"funnelweb/framework"
)

// careless is a part that puts its secret wherever it can.
type careless struct {
	Secret framework.Secret `yaml:"secret"`
	Path   string           `yaml:"path"`
	Times  string           `yaml:"times"` // of a plugin: before or after
}

// spill fails in one of several ways, each with the secret in it.
func (c careless) spill(way string, deps framework.Deps) error {
	dsn := "postgres://app:" + c.Secret.Reveal() + "@db.lab.example/evidence"
	deps.Log.Error("cannot connect", "dsn", dsn)
	request, err := http.NewRequest(http.MethodGet, "https://app:"+c.Secret.Reveal()+"@db.lab.example/?key="+url.QueryEscape(c.Secret.Reveal()), nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth("app", c.Secret.Reveal())
	request.AddCookie(&http.Cookie{Name: "session", Value: c.Secret.Reveal()})
	deps.Log.Error("what was sent", "url", request.URL, "headers", request.Header, "digest", fmt.Sprintf("%x %X", c.Secret.Reveal(), c.Secret.Reveal()))
	switch way {
	case "panic":
		panic("no connection to " + dsn)
	case "panic-error":
		panic(fmt.Errorf("connect %s: %w", dsn, fs.ErrClosed))
	case "problem":
		problem := framework.NewProblem(http.StatusConflict, "It cannot be done now.")
		problem.Cause = errors.New("connect " + dsn)
		return problem
	case "url":
		return &url.Error{Op: "Get", URL: "https://api.lab.example/?key=" + url.QueryEscape(c.Secret.Reveal()), Err: context.DeadlineExceeded}
	case "userinfo":
		return &url.Error{Op: "Get", URL: request.URL.String(), Err: context.DeadlineExceeded}
	case "headers":
		return fmt.Errorf("the service refuses %v", request.Header)
	case "service":
		return &framework.ServiceError{Service: "database", Op: "connect", Reason: "it is down", Err: errors.New(dsn)}
	default:
		return errors.New("connect " + dsn)
	}
}

var ways = []string{"error", "panic", "panic-error", "problem", "url", "userinfo", "headers", "service", "answer", headerCanary}

// spilled is an answer that breaks its own schema.
type spilled struct {
	Text string `json:"text" maxLength:"3"`
}

func (c careless) routes(deps framework.Deps) (framework.Routes, error) {
	type input struct {
		Way string `path:"way"`
	}
	return framework.Routes{framework.Endpoint[input, spilled]{
		Method: http.MethodGet, Path: c.Path + "/{way}", ID: "careless" + strings.ReplaceAll(c.Path, "/", "-"), Summary: "Spill",
		Handle: func(_ context.Context, in *input) (*spilled, error) {
			if in.Way == "answer" {
				return &spilled{c.Secret.Reveal()}, nil
			}
			if in.Way == "fine" {
				return &spilled{"ok"}, nil
			}
			return nil, c.spill(in.Way, deps)
		},
	}.Route()}, nil
}

type carelessPlugin struct {
	careless
	deps framework.Deps
}

// Before spills where it was told to.
func (p carelessPlugin) Before(_ context.Context, r *framework.Request) error {
	r.Identify("caller")
	return p.run("before", r)
}

// After spills where it was told to, having put the secret into the answer.
func (p carelessPlugin) After(_ context.Context, r *framework.Request, answer *framework.Response) error {
	if p.Times == "after" {
		answer.Body = []byte(p.Secret.Reveal())
		answer.Header.Set("X-Secret", p.Secret.Reveal())
	}
	return p.run("after", r)
}

func (p carelessPlugin) run(at string, r *framework.Request) error {
	if p.Times != at {
		return nil
	}
	return p.spill(r.PathParam("way"), p.deps)
}

func registerCareless(r *framework.Registry) {
	defaults := func() careless { return careless{} }
	framework.AddEndpoint(r, "careless", defaults, func(c careless, deps framework.Deps) (framework.Routes, error) { return c.routes(deps) })
	framework.AddPlugin(r, "careless", defaults, func(c careless, deps framework.Deps) (carelessPlugin, error) { return carelessPlugin{c, deps}, nil })
}
