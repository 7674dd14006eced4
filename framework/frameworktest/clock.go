package frameworktest

import (
	"sync"
	"time"
)

// Start is the time that a Clock shows at first: 2026-11-20 12:00:00 UTC.
func Start() time.Time { return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC) }

// Clock stands still until it is advanced. Give Clock.Now to framework.Deps, and Clock.Elapsed to what waits by a clock that
// nobody sets.
type Clock struct {
	mu     sync.Mutex
	passed time.Duration
	set    time.Duration // by how much it is ahead of the time that passed
}

// Now returns Start plus all that the clock was advanced and set by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Start().Add(c.passed + c.set)
}

// Elapsed returns how much time has passed since Start, whatever the clock was set to meanwhile.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

// Advance lets time pass; by must not be negative.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += by
}

// Set sets the clock forth, or back when by is negative, while no time passes.
func (c *Clock) Set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set += by
}
