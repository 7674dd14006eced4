// Package status tells load balancers and people whether the server works.
package status

import (
	"context"
	"net/http"
	"slices"
	"time"

	"funnelweb/framework"
)

// Asking the dependencies takes at most probeTimeout, since load balancers give up after 5 to 10 seconds. The answer is
// given again for freshFor: anybody may ask, and must not be able to make the server ask others at their pace.
const (
	probeTimeout = 4 * time.Second
	freshFor     = 2 * time.Second
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
	prober := newProber(deps)
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
			"only automations need does not change it: their work waits. Answers are up to 2 seconds old.",
		Tag: tag, TagDescription: tagDescription,
		Answer: &Ready{Ready: true, Dependencies: []framework.Readiness{
			{Name: "events", Ready: true, Vital: true},
			{Name: "jira", Reason: "jira: check: no answer within the time limit"},
		}},
		Success: []int{http.StatusOK, http.StatusServiceUnavailable},
		Handle: func(ctx context.Context, _ *struct{}) (*Ready, error) {
			return prober.probe(ctx)
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

// prober asks the dependencies, one caller at a time, and remembers the answer for a moment.
type prober struct {
	ask  func(context.Context) []framework.Readiness
	now  func() time.Time
	turn chan struct{} // holds one token; who has it may use last and at

	last *Ready
	at   time.Time
}

func newProber(deps framework.Deps) *prober {
	p := &prober{ask: deps.Ready, now: deps.Now, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

func (p *prober) probe(ctx context.Context) (*Ready, error) {
	select {
	case <-p.turn:
	case <-ctx.Done():
		return nil, framework.Unavailable("The dependencies are still being asked.", time.Second, ctx.Err())
	}
	defer func() { p.turn <- struct{}{} }()
	if p.last != nil && p.now().Sub(p.at) < freshFor {
		return p.last, nil
	}
	// The answer is everybody's: a caller who hangs up must not make dependencies look unready to the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	states := p.ask(ctx)
	p.last = &Ready{
		Ready:        !slices.ContainsFunc(states, func(s framework.Readiness) bool { return s.Vital && !s.Ready }),
		Dependencies: states,
	}
	p.at = p.now()
	return p.last, nil
}
