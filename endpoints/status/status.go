// Package status tells load balancers and people whether the server works.
package status

import (
	"context"
	"net/http"
	"slices"

	"funnelweb/framework"
)

// Config is empty: there is nothing to choose.
type Config struct{}

// Defaults returns the empty configuration.
func Defaults() Config { return Config{} }

const (
	tag            = "Status"
	tagDescription = "For load balancers, monitoring and people."
)

// New returns the two routes, alive and ready.
func New(_ Config, deps framework.Deps) (framework.Routes, error) {
	alive := framework.Endpoint[struct{}, Alive]{
		Method:  http.MethodGet,
		Path:    "/status",
		ID:      "status",
		Summary: "Tell that the process serves",
		Description: "It asks nothing else, so that a dependency which is down does not get the process restarted. GET /ready tells " +
			"of the dependencies.",
		Tag: tag, TagDescription: tagDescription,
		Answer: &Alive{Status: "ok", Version: "1.0.0"},
		Handle: func(context.Context, *struct{}) (*Alive, error) {
			return &Alive{Status: "ok", Version: deps.Version}, nil
		},
	}
	ready := framework.Endpoint[struct{}, Ready]{
		Method:  http.MethodGet,
		Path:    "/ready",
		ID:      "ready",
		Summary: "Tell the state of each dependency",
		Description: "The answer is 503 while events cannot be stored, so that no sender is led here. A service that " +
			"only automations need does not change it: their work waits. age_seconds tells how old an answer is: the event store is " +
			"asked at most every 2 seconds, services at most every 20.",
		Tag: tag, TagDescription: tagDescription,
		Answer: &Ready{Ready: true, Dependencies: []framework.Readiness{
			{Name: "events", Ready: true, Vital: true},
			{Name: "jira", Reason: "jira: check: no answer within the time limit", AgeSeconds: 12},
		}},
		Success: []int{http.StatusOK, http.StatusServiceUnavailable},
		Handle: func(ctx context.Context, _ *struct{}) (*Ready, error) {
			states := deps.Ready(ctx)
			unready := func(s framework.Readiness) bool { return s.Vital && !s.Ready }
			return &Ready{Ready: !slices.ContainsFunc(states, unready), Dependencies: states}, nil
		},
	}
	return framework.Routes{alive.Route(), ready.Route()}, nil
}

// Alive says that the process can serve.
type Alive struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version" doc:"Version of the program"`
}

// Ready is the state of every dependency.
type Ready struct {
	Ready        bool                  `json:"ready" doc:"Whether events can be stored"`
	Dependencies []framework.Readiness `json:"dependencies"`
}

// HTTPStatus is 503 while something vital is not ready, else 200.
func (r *Ready) HTTPStatus() int {
	if !r.Ready {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
