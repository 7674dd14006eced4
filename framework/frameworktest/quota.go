package frameworktest

import (
	"context"
	"slices"
	"sync"
	"time"

	"funnelweb/framework"
)

// MemoryQuota is a framework.Quota that grants every call unless it was told to wait. It does not count down limits:
// that is the engine's own and tested there.
type MemoryQuota struct {
	mu    sync.Mutex
	waits map[string]*framework.Wait
	taken map[string]int
	asked map[string][]framework.Limit

	exhausted map[string][]framework.Wait
}

// Make makes Take return the wait for a name; nil makes it grant again.
func (q *MemoryQuota) Make(name string, wait *framework.Wait) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waits == nil {
		q.waits = map[string]*framework.Wait{}
	}
	q.waits[name] = wait
}

// Take grants one call or returns the wait.
func (q *MemoryQuota) Take(ctx context.Context, name string, limits ...framework.Limit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken == nil {
		q.taken, q.asked = map[string]int{}, map[string][]framework.Limit{}
	}
	q.asked[name] = limits
	if wait := q.waits[name]; wait != nil {
		return wait
	}
	q.taken[name]++
	return nil
}

// Exhausted notes what it is told; Take grants on, as there is no clock.
func (q *MemoryQuota) Exhausted(ctx context.Context, name string, until time.Time, reason string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.exhausted == nil {
		q.exhausted = map[string][]framework.Wait{}
	}
	q.exhausted[name] = append(q.exhausted[name], framework.Wait{Until: until, Reason: reason})
	return nil
}

// Told returns what Exhausted was told of a name, in order.
func (q *MemoryQuota) Told(name string) []framework.Wait {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.exhausted[name])
}

// Taken returns how many calls were granted under a name.
func (q *MemoryQuota) Taken(name string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken[name]
}

// Limits returns the limits that the last call under a name gave.
func (q *MemoryQuota) Limits(name string) []framework.Limit {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[name]
}
