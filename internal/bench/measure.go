package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"
)

// figures are what some number of calls cost, each.
type figures struct {
	cpu    time.Duration
	wall   time.Duration // of the whole sample through the number of calls: its inverse is the rate
	bytes  float64
	allocs float64
}

// measured is something that can be called over and over; the figures of a sample are those of one call.
type measured interface {
	sample(calls int) (figures, error)
}

// entry is what is measured under a name, with its samples so far, one a round.
type entry struct {
	name string
	of   measured
	got  []figures
}

// rounds takes a sample of every entry in each round. Rounds begin at another entry each, so that nobody always comes
// behind the same one. A first round that does not count warms everything up.
func rounds(entries []*entry, count, calls int) error {
	for round := -1; round < count; round++ {
		for i := range entries {
			e := entries[(i+max(round, 0))%len(entries)]
			got, err := e.of.sample(calls)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			if round >= 0 {
				e.got = append(e.got, got)
			}
		}
	}
	return nil
}

// inProcess calls a handler without a socket.
type inProcess struct {
	handler http.Handler
	replay  *replay
}

func newInProcess(c contestant, log *slog.Logger) (inProcess, error) {
	handler, err := c.make(log)
	if err != nil {
		return inProcess{}, fmt.Errorf("make %s: %w", c.name, err)
	}
	return inProcess{handler, newReplay(c.call)}, nil
}

func (p inProcess) sample(calls int) (figures, error) {
	runtime.GC() // each pays for its own garbage only
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now() //nolint:forbidigo // measures, and is no part
	used, err := cpuTime()
	if err != nil {
		return figures{}, err
	}
	for range calls {
		if err := p.replay.once(p.handler); err != nil {
			return figures{}, err
		}
	}
	until, err := cpuTime()
	wall := time.Since(start)
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return figures{
		cpu: (until - used) / time.Duration(calls), wall: wall / time.Duration(calls),
		bytes: float64(after.TotalAlloc-before.TotalAlloc) / n, allocs: float64(after.Mallocs-before.Mallocs) / n,
	}, err
}
