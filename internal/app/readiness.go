package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"funnelweb/framework"
)

// Anybody may ask whether the server is ready, and must not be able to make it ask others at their pace: an answer is given
// again until it is old. Our own store is looked at more often than services elsewhere, since senders are led by it.
const (
	ownFresh     = 2 * time.Second
	outsideFresh = 20 * time.Second
	readyTimeout = 3 * time.Second // for one check; load balancers give up after 5 to 10 seconds
)

// readiness knows the state of what the server depends on.
type readiness struct {
	now      func() time.Time
	log      *slog.Logger
	checks   []*readyCheck
	stopping atomic.Bool
}

// readyCheck asks one dependency, for one caller at a time, and remembers the answer.
type readyCheck struct {
	name  string
	vital bool
	fresh time.Duration
	ask   func(context.Context) error
	now   func() time.Time
	log   *slog.Logger
	turn  chan struct{} // holds one token; who has it may use last and askedAt

	last    framework.Readiness
	askedAt time.Time // zero before the first time
}

func newReadiness(now func() time.Time, log *slog.Logger) *readiness {
	return &readiness{now: now, log: log}
}

func (r *readiness) add(name string, vital bool, ask func(context.Context) error) {
	check := &readyCheck{name: name, vital: vital, fresh: outsideFresh, ask: ask, now: r.now, log: r.log, turn: make(chan struct{}, 1)}
	if vital {
		check.fresh = ownFresh
	}
	check.turn <- struct{}{}
	r.checks = append(r.checks, check)
}

// stop makes the server itself unready: it drains.
func (r *readiness) stop() { r.stopping.Store(true) }

// all asks side by side and answers in the order of adding.
func (r *readiness) all(ctx context.Context) []framework.Readiness {
	states := make([]framework.Readiness, len(r.checks))
	var group sync.WaitGroup
	for i, check := range r.checks {
		group.Go(func() { states[i] = check.state(ctx) })
	}
	group.Wait()
	if r.stopping.Load() {
		stopping := framework.Readiness{Name: "server", Reason: "the server is stopping", Vital: true}
		states = append([]framework.Readiness{stopping}, states...)
	}
	return states
}

// state is the last answer while that is fresh, else a new one. A caller who hangs up while another one asks is told just
// that: nobody reads it.
func (c *readyCheck) state(ctx context.Context) framework.Readiness {
	select {
	case <-c.turn:
	case <-ctx.Done():
		return framework.Readiness{Name: c.name, Reason: "it is still being asked", Vital: c.vital}
	}
	defer func() { c.turn <- struct{}{} }()
	if age := c.now().Sub(c.askedAt); !c.askedAt.IsZero() && age >= 0 && age < c.fresh {
		known := c.last
		known.AgeSeconds = int(age / time.Second)
		return known
	}
	// The answer is everybody's: a caller who hangs up must not make a dependency look unready to the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	err := c.ask(ctx)
	c.note(err)
	c.askedAt = c.now()
	c.last = framework.Readiness{Name: c.name, Ready: err == nil, Reason: framework.Reason(err), Vital: c.vital}
	return c.last
}

// note logs when a dependency fails, with the cause that the answer leaves out, and when it is back.
func (c *readyCheck) note(err error) {
	wasReady := c.askedAt.IsZero() || c.last.Ready
	switch {
	case err != nil && wasReady:
		c.log.Warn("a dependency is not ready", "dependency", c.name, "err", err)
	case err == nil && !wasReady:
		c.log.Info("a dependency is ready again", "dependency", c.name)
	}
}
