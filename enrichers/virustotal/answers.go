package virustotal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"funnelweb/framework"
)

// maxAnswers bounds the answers kept: at 2 KiB each they take 20 MiB.
const maxAnswers = 10_000

// answers keeps findings while they are fresh, and lets those who ask for the same one at the same time share a
// single lookup: one alert that fires a hundred times must not cost the quota of a day.
type answers struct {
	mu      sync.Mutex
	flights map[framework.Indicator]*flight
}

// flight is a lookup: under way until done is closed, then its result.
type flight struct {
	done    chan struct{}
	finding framework.Finding
	err     error
	off     bool // whoever asked was called off before there was an answer
}

func newAnswers() *answers { return &answers{flights: map[framework.Indicator]*flight{}} }

// get returns the kept answer, or waits for the one under way, or asks.
func (a *answers) get(ctx context.Context, now func() time.Time, key framework.Indicator, ask func() (framework.Finding, error)) (framework.Finding, error) {
	for {
		found, first := a.join(key, now())
		if first {
			return a.fly(ctx, key, found, ask)
		}
		select {
		case <-found.done:
		case <-ctx.Done():
			return framework.Finding{}, transportError("look up "+string(key.Kind), 0, ctx.Err())
		}
		if !found.off {
			return copyOf(found.finding), found.err
		}
	}
}

// join returns the flight for a key, and whether the caller is the one to carry it out.
func (a *answers) join(key framework.Indicator, now time.Time) (*flight, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.flights[key]; ok && !found.isStale(now) {
		return found, false
	}
	if len(a.flights) >= maxAnswers {
		a.shed(now)
	}
	started := &flight{done: make(chan struct{})}
	a.flights[key] = started
	return started, true
}

// isStale reports whether a flight has ended and its answer may not be used any more.
func (f *flight) isStale(now time.Time) bool {
	select {
	case <-f.done:
		return !now.Before(f.finding.StaleAt)
	default:
		return false
	}
}

// shed drops stale answers, or any tenth when none is stale. Flights under way stay with those who wait for them.
func (a *answers) shed(now time.Time) {
	before := len(a.flights)
	for key, found := range a.flights {
		if found.isStale(now) {
			delete(a.flights, key)
		}
	}
	if len(a.flights) < before {
		return
	}
	left := before / 10
	for key := range a.flights {
		if left--; left < 0 {
			return
		}
		delete(a.flights, key)
	}
}

// fly asks and tells everybody. A failed lookup is not kept.
func (a *answers) fly(ctx context.Context, key framework.Indicator, own *flight, ask func() (framework.Finding, error)) (framework.Finding, error) {
	own.err = errors.New("the lookup panicked")
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if own.err != nil && a.flights[key] == own {
			delete(a.flights, key)
		}
		close(own.done)
	}()
	own.finding, own.err = ask()
	own.off = own.err != nil && ctx.Err() != nil
	return copyOf(own.finding), own.err
}

// copyOf keeps callers from changing each other's facts.
func copyOf(finding framework.Finding) framework.Finding {
	finding.Facts = slices.Clone(finding.Facts)
	return finding
}
