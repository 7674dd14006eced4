package frameworktest

import (
	"sync"
	"time"
)

// Start is the time that a Clock shows at first: 2026-11-20 12:00:00 UTC.
func Start() time.Time { return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC) }

// Clock stands still until it is advanced. Give Clock.Now to framework.Deps.
type Clock struct {
	mu     sync.Mutex
	passed time.Duration
}

// Now returns Start plus all that the clock was advanced by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Start().Add(c.passed)
}

// Advance moves the clock on, or back when by is negative.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += by
}
