package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"funnelweb/framework"
)

const (
	readyTimeout = 3 * time.Second  // for one check
	readyFresh   = 20 * time.Second // how long an outside service is not asked again
)

// readiness asks what the server depends on. Its own engine is asked each time, outside services at most every
// readyFresh, however often the probe comes.
type readiness struct {
	now      func() time.Time
	log      *slog.Logger
	checks   []*readyCheck
	stopping atomic.Bool
}

type readyCheck struct {
	name  string
	vital bool
	ask   func(context.Context) error
	log   *slog.Logger

	mutex   sync.Mutex
	askedAt time.Time
	last    framework.Readiness
}

func newReadiness(now func() time.Time, log *slog.Logger) *readiness {
	return &readiness{now: now, log: log}
}

func (r *readiness) add(name string, vital bool, ask func(context.Context) error) {
	r.checks = append(r.checks, &readyCheck{name: name, vital: vital, ask: ask, log: r.log})
}

// stop makes the server itself unready: it drains.
func (r *readiness) stop() { r.stopping.Store(true) }

// all asks side by side and answers in the order of adding.
func (r *readiness) all(ctx context.Context) []framework.Readiness {
	states := make([]framework.Readiness, len(r.checks))
	var group sync.WaitGroup
	for i, check := range r.checks {
		group.Go(func() { states[i] = check.state(ctx, r.now) })
	}
	group.Wait()
	if r.stopping.Load() {
		stopping := framework.Readiness{Name: "server", Reason: "the server is stopping", Vital: true}
		states = append([]framework.Readiness{stopping}, states...)
	}
	return states
}

func (c *readyCheck) state(ctx context.Context, now func() time.Time) framework.Readiness {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.vital && !c.askedAt.IsZero() && now().Sub(c.askedAt) < readyFresh {
		return c.last
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := c.ask(ctx)
	c.note(err)
	c.askedAt = now()
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
