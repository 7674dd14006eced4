package engine

import (
	"slices"
	"time"

	"funnelweb/framework"
)

// breaking says when a service counts as down, and how its jobs come back.
type breaking struct {
	after  int           // jobs that failed in a row, none succeeding in between
	first  time.Duration // until the first probe
	max    time.Duration // between two probes, unless the service asked for more
	factor float64       // by which that grows with each probe that failed
	jitter float64       // the part of it that chance adds or takes
	claim  time.Duration // for how long a probe is somebody's; then whoever made it is taken for dead
}

const (
	breakAfter   = 5
	probeFirst   = time.Second
	probeMax     = time.Minute
	probeFactor  = 2
	probeJitter  = 0.2
	probeMargin  = 10 * time.Second // beyond the time limit of an attempt
	rampRate     = 4                // jobs in the first second after a probe succeeded, and twice as many in each further one
	rampFor      = 5 * time.Second
	maxInCircuit = 200 // queues that are known to need a service
)

// circuit is what is known of one service, as stored. It has no clock and no dice of its own.
type circuit struct {
	Service string                 `json:"service"`
	State   framework.CircuitState `json:"state"`
	Since   time.Time              `json:"since"`
	Reason  string                 `json:"reason,omitempty"`
	// Failed are the jobs that failed in a row while it was closed, each once: one event that a service cannot digest,
	// tried over and over, does not make it count as down.
	Failed []string `json:"failed,omitempty"`
	// Queues are those whose jobs failed with it since it last worked: they need it.
	Queues []string `json:"queues,omitempty"`
	// Next is when the next probe may begin, or, while it recovers, the next job.
	Next     time.Time `json:"next,omitzero"`
	Interval int64     `json:"interval,omitempty"` // between probes, in milliseconds
	// Probe is who makes the probe that is under way, until ProbeUntil at most.
	Probe      string    `json:"probe,omitempty"`
	ProbeUntil time.Time `json:"probe_until,omitzero"`
	Seen       time.Time `json:"seen"` // what the clock showed at the last change
}

// outage is one failed call.
type outage struct {
	job, queue string
	reason     string
	asked      time.Duration // the least wait that the service asked for
	refused    bool          // nobody could be reached at all
	pass       string        // of the probe that the job was, else empty
}

// follow moves everything back with a clock that was set back.
func (c *circuit) follow(now time.Time) {
	if back := c.Seen.Sub(now); back > skew {
		for _, at := range []*time.Time{&c.Since, &c.Next, &c.ProbeUntil} {
			if !at.IsZero() {
				*at = at.Add(-back)
			}
		}
		c.Seen = now
	}
	if now.After(c.Seen) {
		c.Seen = now
	}
	if c.State == framework.CircuitRecovering && now.Sub(c.Since) >= rampFor {
		*c = circuit{Service: c.Service, State: framework.CircuitClosed, Since: c.Since.Add(rampFor), Seen: c.Seen}
	}
	if c.State == "" {
		c.State = framework.CircuitClosed
	}
}

// fail notes a failed call. Chance is from 0 to 1.
func (c *circuit) fail(now time.Time, o outage, s breaking, chance float64) {
	if !c.concerns(o.queue) && len(c.Queues) < maxInCircuit {
		c.Queues = append(c.Queues, o.queue)
	}
	if c.State == framework.CircuitOpen {
		if c.Probe != "" && c.Probe == o.pass {
			c.open(now, o, s, s.grow(c.interval()), chance)
		} else if later := now.Add(o.asked); o.asked > 0 && later.After(c.Next) {
			c.Next = later
		}
		return
	}
	if !slices.Contains(c.Failed, o.job) {
		c.Failed = append(c.Failed, o.job)
	}
	if o.refused || o.asked > 0 || len(c.Failed) >= s.after {
		interval := s.first
		if c.State == framework.CircuitRecovering {
			interval = s.grow(c.interval())
		}
		c.Since = now
		c.open(now, o, s, interval, chance)
	}
}

func (c *circuit) open(now time.Time, o outage, s breaking, interval time.Duration, chance float64) {
	c.State, c.Reason, c.Failed = framework.CircuitOpen, o.reason, nil
	c.Interval = interval.Milliseconds()
	c.Next = now.Add(max(time.Duration(float64(interval)*(1+s.jitter*(2*chance-1))), o.asked))
	c.Probe, c.ProbeUntil = "", time.Time{}
}

func (c *circuit) interval() time.Duration { return time.Duration(c.Interval) * time.Millisecond }

func (s breaking) grow(interval time.Duration) time.Duration {
	return max(s.first, min(s.max, time.Duration(float64(interval)*s.factor)))
}

func (c *circuit) concerns(queue string) bool { return slices.Contains(c.Queues, queue) }

// succeed notes that the service answered a job that began at a time, and reports whether that changes anything. A job
// that began before the service failed proves nothing.
func (c *circuit) succeed(now, began time.Time, queue, pass string) bool {
	probed := c.Probe != "" && c.Probe == pass
	if !probed && !c.concerns(queue) {
		return false
	}
	switch {
	case c.State == framework.CircuitClosed && len(c.Failed) > 0:
		c.Failed, c.Queues = nil, nil
		return true
	case c.State == framework.CircuitRecovering && (len(c.Failed) > 0 || c.Interval > 0):
		c.Failed, c.Interval = nil, 0 // it was not by chance that the probe succeeded
		return true
	case c.State == framework.CircuitOpen && (probed || began.After(c.Since)):
		c.State, c.Since, c.Next = framework.CircuitRecovering, now, now
		c.Probe, c.ProbeUntil = "", time.Time{}
		return true
	}
	return false
}

// forget takes a queue out that nobody works on any more, and reports whether that changes anything. A circuit that no queue is
// known to need is closed: nobody would probe it, and it would be shown as open for good.
func (c *circuit) forget(now time.Time, queue string) bool {
	if !c.concerns(queue) {
		return false
	}
	c.Queues = slices.DeleteFunc(c.Queues, func(name string) bool { return name == queue })
	if len(c.Queues) == 0 {
		*c = circuit{Service: c.Service, State: framework.CircuitClosed, Since: now, Seen: c.Seen}
	}
	return true
}

// admission is what a job is told that needs the service.
type admission struct {
	until time.Time // not now; come back then
	turn  time.Time // now, but not before this
	pass  string    // now, as the probe
}

// admit decides about a job, and reports whether that changes anything. Id is a new one. Jobs that were tried before
// come behind those that were not: it may be them that the service cannot digest.
func (c *circuit) admit(now time.Time, id string, tried bool, s breaking, chance float64) (admission, bool) {
	switch {
	case c.State == framework.CircuitRecovering:
		turn := c.Next
		if turn.Before(now) {
			turn = now
		}
		c.Next = turn.Add(time.Second / time.Duration(rampRate<<int(now.Sub(c.Since)/time.Second)))
		return admission{turn: turn}, true
	case c.State != framework.CircuitOpen:
		return admission{}, false
	case now.Before(c.Next):
		return admission{until: c.Next.Add(c.spread(tried, chance))}, false
	case c.Probe != "" && now.Before(c.ProbeUntil): // it usually ends soon, either way
		return admission{until: now.Add(max(c.interval(), s.first)/2 + c.spread(tried, chance))}, false
	}
	c.Probe, c.ProbeUntil = id, now.Add(s.claim)
	return admission{pass: id}, true
}

// spread keeps those who wait for a probe from all coming back at once.
func (c *circuit) spread(tried bool, chance float64) time.Duration {
	if tried {
		chance++
	}
	return time.Duration(float64(c.interval()) / 4 * chance)
}

// release gives back a probe that found nothing out: its job never came to call the service. At most after the interval
// another may try.
func (c *circuit) release(now time.Time, pass string, atOnce bool) bool {
	if c.Probe == "" || c.Probe != pass {
		return false
	}
	c.Probe, c.ProbeUntil = "", time.Time{}
	c.Next = now
	if !atOnce {
		c.Next = now.Add(c.interval())
	}
	return true
}

// public is what people may see.
func (c *circuit) public() framework.Circuit {
	shown := framework.Circuit{Service: c.Service, State: c.State, Since: c.Since}
	if c.State != framework.CircuitClosed {
		shown.Reason = c.Reason
	}
	if c.State == framework.CircuitOpen {
		shown.NextProbe = c.Next
	}
	return shown
}
