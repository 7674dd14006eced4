package jira

import (
	"context"
	"sync"
	"time"

	"funnelweb/framework"
)

// perIssueLimit is what Cloud calls its limit on how fast one ticket may be written to. It says nothing about other tickets,
// so that it makes only the jobs of this one wait.
const perIssueLimit = "jira-per-issue-on-write"

const (
	leastRest = time.Second // where Jira does not say for how long
	// So many tickets are remembered before those that may be written to again are forgotten.
	maxTurns = 1_000
)

// turns lets one write at a time through to each ticket, and none while Jira wants the ticket left alone.
type turns struct {
	mu      sync.Mutex
	tickets map[string]*turn
}

type turn struct {
	free  chan struct{} // holds a token while nobody writes
	users int           // who write or wait to
	until time.Time     // the ticket is left alone
}

// enter waits for the ticket's turn and returns what ends it. While the ticket is left alone it returns a *framework.Wait.
func (t *turns) enter(ctx context.Context, ticket string, now time.Time) (leave func(), err error) {
	one := t.join(ticket, now)
	select {
	case <-one.free:
	case <-ctx.Done():
		t.part(one, false)
		return nil, ctx.Err()
	}
	if wait := t.resting(one, now); wait != nil {
		t.part(one, true)
		return nil, wait
	}
	return func() { t.part(one, true) }, nil
}

func (t *turns) join(ticket string, now time.Time) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tickets) >= maxTurns {
		for key, one := range t.tickets {
			if one.users == 0 && !one.until.After(now) {
				delete(t.tickets, key)
			}
		}
	}
	one := t.tickets[ticket]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		if t.tickets == nil {
			t.tickets = map[string]*turn{}
		}
		t.tickets[ticket] = one
	}
	one.users++
	return one
}

func (t *turns) part(one *turn, held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one.users--
	if held {
		one.free <- struct{}{}
	}
}

func (t *turns) resting(one *turn, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.until.After(now) {
		return tooSoon(one.until)
	}
	return nil
}

// rest notes until when Jira wants a ticket left alone, and returns the wait. The caller holds the ticket's turn.
func (t *turns) rest(ticket string, until, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if least := now.Add(leastRest); until.Before(least) {
		until = least
	}
	if one := t.tickets[ticket]; one != nil {
		one.until = until
	}
	return tooSoon(until)
}

func tooSoon(until time.Time) error {
	return &framework.Wait{Until: until, Reason: "Jira lets nobody write to one ticket that fast (" + perIssueLimit + ")"}
}
