package app

import (
	"context"
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
	checks   []*readyCheck
	stopping atomic.Bool
}

type readyCheck struct {
	name  string
	vital bool
	ask   func(context.Context) error

	mutex   sync.Mutex
	askedAt time.Time
	last    framework.Readiness
}

func newReadiness(now func() time.Time) *readiness { return &readiness{now: now} }

func (r *readiness) add(name string, vital bool, ask func(context.Context) error) {
	r.checks = append(r.checks, &readyCheck{name: name, vital: vital, ask: ask})
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
	c.askedAt = now()
	c.last = framework.Readiness{Name: c.name, Ready: err == nil, Reason: framework.Reason(err), Vital: c.vital}
	return c.last
}
