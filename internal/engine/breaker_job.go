package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
)

const (
	// The takePause is between two events that a queue takes while a service that it needs is down: most are put off.
	takePause = 20 * time.Millisecond
	// The maxTurn bounds how long a job waits in place for its turn, by a clock that may stand still.
	maxTurn = rampFor
)

// passes are the probes that a job was let through as, by service.
type passes map[string]string

// told notes which services the action needs to show failures.
type told struct {
	mu    sync.Mutex
	needs map[string]bool
}

func (t *told) need(service string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.needs == nil {
		t.needs = map[string]bool{}
	}
	t.needs[service] = true
}

// canTell reports whether all that showing a failure needs is up, as far as is known.
func (q *queue) canTell() bool {
	q.told.mu.Lock()
	defer q.told.mu.Unlock()
	for service := range q.told.needs {
		if q.engine.breakers.isDown(service) {
			return false
		}
	}
	return true
}

// admit asks whether the services that the queue needs are up. When one is down the job is put off, which is no attempt,
// unless it is the probe or its time is up: the last try is always made.
func (d *delivery) admit(jobs context.Context) (passed passes, putOff bool, err error) {
	now := d.engine.now().UTC()
	needed, err := d.engine.breakers.needed(jobs, d.name)
	if err != nil || !d.record.GiveUpAt.IsZero() && !now.Before(d.record.GiveUpAt) {
		return nil, false, err
	}
	for _, circuit := range needed {
		if circuit.State == framework.CircuitClosed {
			continue
		}
		told, reason, err := d.engine.breakers.admitOne(jobs, circuit.Service, d.record.Attempts > 0)
		if err == nil && told.until.IsZero() {
			if told.pass != "" {
				passed = passed.with(circuit.Service, told.pass)
			}
			pause(jobs, min(maxTurn, told.turn.Sub(now)))
			continue
		}
		d.giveBack(jobs, passed, true)
		if err != nil {
			return nil, false, err
		}
		return nil, true, d.putOff(jobs, told.until, reason)
	}
	return passed, false, nil
}

func (p passes) with(service, pass string) passes {
	if p == nil {
		p = passes{}
	}
	p[service] = pass
	return p
}

// putOff puts an event back without an attempt. The time counts towards giving up.
func (d *delivery) putOff(jobs context.Context, until time.Time, reason string) error {
	now := d.engine.now().UTC()
	if d.record.GiveUpAt.IsZero() {
		d.record.GiveUpAt = now.Add(d.engine.opts.Retry.GiveUpAfter)
	}
	if until.After(d.record.GiveUpAt) {
		until = d.record.GiveUpAt
	}
	// People are told now and then: a comment for each event and each probe would be a flood of its own.
	tell := now.Sub(d.record.ToldAt).Abs() >= d.engine.opts.Retry.Max
	return d.putBack(jobs, framework.RunWaiting, until, reason, tell)
}

// heard tells the circuits what came of an attempt. That the store does not take it costs at most some calls too many.
func (d *delivery) heard(jobs context.Context, passed passes, began time.Time, cause error) {
	if jobs.Err() != nil { // it was interrupted
		d.giveBack(jobs, passed, true)
		return
	}
	if err := d.hear(jobs, passed, began, cause); err != nil {
		d.log().Warn("the state of a service is not noted", "err", err)
	}
}

func (d *delivery) hear(jobs context.Context, passed passes, began time.Time, cause error) error {
	failure, ofService := errors.AsType[*framework.ServiceError](cause)
	breakers := d.engine.breakers
	var errs []error
	switch {
	case cause == nil:
		errs = append(errs, d.succeeded(jobs, passed, began))
	case ofService && isDown(failure):
		out := outage{
			job: d.asJob().Key(), queue: d.name, reason: strings.TrimPrefix(failure.Public(), failure.Service+": "), asked: min(failure.RetryAfter, day),
			refused: isUnreachable(failure), pass: passed[failure.Service],
		}
		errs = append(errs, breakers.fail(jobs, failure.Service, out))
	case ofService && failure.Status != 0: // it refuses this job, and so it answers
		errs = append(errs, breakers.succeed(jobs, failure.Service, began, d.name, passed[failure.Service]))
	}
	d.giveBack(jobs, passed, false) // what found nothing out
	return errors.Join(errs...)
}

func (d *delivery) succeeded(jobs context.Context, passed passes, began time.Time) error {
	needed, err := d.engine.breakers.needed(jobs, d.name)
	errs := []error{err}
	for _, circuit := range needed {
		errs = append(errs, d.engine.breakers.succeed(jobs, circuit.Service, began, d.name, passed[circuit.Service]))
	}
	return errors.Join(errs...)
}

func (b *breakers) fail(ctx context.Context, service string, o outage) error {
	return b.change(ctx, service, func(c *circuit, now time.Time) bool {
		c.fail(now, o, b.breaking, chance())
		return true
	})
}

func (b *breakers) succeed(ctx context.Context, service string, began time.Time, queue, pass string) error {
	return b.change(ctx, service, func(c *circuit, now time.Time) bool { return c.succeed(now, began, queue, pass) })
}

// giveBack gives back probes that are not settled.
func (d *delivery) giveBack(ctx context.Context, passed passes, atOnce bool) {
	for service, pass := range passed {
		err := d.engine.breakers.change(ctx, service, func(c *circuit, now time.Time) bool { return c.release(now, pass, atOnce) })
		if err != nil {
			d.log().Warn("a probe is not given back; it is void in a while", "service", service, "err", err)
		}
	}
}

// isDown reports whether a failure says something of the service, and not of the one thing that was asked of it: a
// conflict or a lock passes with that thing.
func isDown(failure *framework.ServiceError) bool {
	switch failure.Status {
	case http.StatusConflict, http.StatusLocked, http.StatusTooEarly:
		return false
	default:
		return !failure.Permanent
	}
}

// isUnreachable reports whether there was nobody to take the call.
func isUnreachable(failure *framework.ServiceError) bool {
	if _, noName := errors.AsType[*net.DNSError](failure.Err); noName {
		return true
	}
	network, ok := errors.AsType[*net.OpError](failure.Err)
	return ok && network.Op == "dial"
}
