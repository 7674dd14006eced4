// Package fault makes the stand-ins of the sandbox misbehave on request: slowly, with refusals, with pages that are
// no JSON, and by cutting the connection before or after they did what they were asked.
package fault

import (
	"strings"
	"sync"
	"time"
)

// Fault is one way to misbehave, for the requests that it matches. Latency comes first and goes with all others; of
// the others the first that is set counts, in the order CutBefore, CutAfter, HTML, Status. With none of them the
// request is carried out as usual.
type Fault struct {
	// Match is a method and the beginning of a path, such as "POST /rest/api/2/issue"; without a method it is for
	// every method, with a final $ it is the whole path. Empty matches everything. A service that does not speak
	// HTTP has names of operations in place of both.
	Match string
	// Times is how many requests it is for; 0 is all until Clear.
	Times int
	// Latency is waited before anything else is done, or until the caller gives up.
	Latency time.Duration
	// Status is answered in place of carrying the request out: 200 to 599.
	Status int
	// RetryAfter goes with Status, in whole seconds, rounded up.
	RetryAfter time.Duration
	// Body goes with Status, as JSON if it looks like it; the name of the status when empty. With HTML it is the page.
	Body string
	// HTML answers a log-in page with status 200 (or Status), as a proxy in front of the service would.
	HTML bool
	// CutBefore closes the connection without carrying the request out.
	CutBefore bool
	// CutAfter carries the request out and then closes the connection instead of answering.
	CutAfter bool
}

// matches reports whether the fault is for an operation such as "GET /path".
func (f Fault) matches(op string) bool {
	match := f.Match
	if strings.HasPrefix(match, "/") {
		_, op, _ = strings.Cut(op, " ")
	}
	if whole, ok := strings.CutSuffix(match, "$"); ok {
		return op == whole
	}
	return strings.HasPrefix(op, match)
}

// Active is a fault that is still there, and how many requests have met it.
type Active struct {
	Fault
	Hits int
}

// Faults are the faults of one stand-in. The zero value has none and is ready to use, from many goroutines.
type Faults struct {
	mu     sync.Mutex
	active []Active
	hits   int
}

// Add adds a fault. A request meets the first that matches it, in the order in which they were added.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(f.active, Active{Fault: fault})
}

// Clear removes all faults. What Hits has counted stays.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = nil
}

// List returns the faults that are still there, in their order.
func (f *Faults) List() []Active {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Active{}, f.active...)
}

// Hits is how many requests have met a fault since the start.
func (f *Faults) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// Next returns the fault for an operation and counts it as met: each call stands for one request. A stand-in that
// does not speak HTTP calls it and does what the fault says.
func (f *Faults) Next(op string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.active {
		if !f.active[i].matches(op) {
			continue
		}
		f.hits++
		f.active[i].Hits++
		fault := f.active[i]
		if fault.Times > 0 && fault.Hits >= fault.Times {
			f.active = append(f.active[:i:i], f.active[i+1:]...)
		}
		return fault.Fault, true
	}
	return Fault{}, false
}
