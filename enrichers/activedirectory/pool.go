package activedirectory

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

const (
	// A domain controller drops connections that are idle for 15 minutes (MaxConnIdleTime), firewalls sooner.
	keepIdle = time.Minute
	// A connection is made anew after this time: the bind shows that the account may still sign in, and load spreads.
	renewAfter = 5 * time.Minute
	// One that was idle for longer than this is asked whether it lives, for as long as pingTime: what a firewall forgot is silent.
	trustIdle = 2 * time.Second
	pingTime  = 2 * time.Second
	// A controller that cannot be reached is asked after the others for this long.
	shun = 30 * time.Second
)

// link is a bound connection to one domain controller.
type link struct {
	conn   *ldap.Conn
	wire   *wire
	opened time.Time
	used   time.Time
}

func (l *link) close() {
	_ = l.conn.Close() // says goodbye, which a dead wire does not let through
	_ = l.wire.Close()
}

// pool keeps the connections to one domain controller that nobody uses at the moment, at most maxConnections: no more are ever
// open.
type pool struct {
	mu        sync.Mutex
	idle      []*link // the last used is the last
	sweeping  *time.Timer
	downUntil time.Time
}

// take returns the connection that was used last, or nil when there is none to be used.
func (p *pool) take(now time.Time) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !last.conn.IsClosing() && now.Sub(last.opened) < renewAfter && now.Sub(last.used) < keepIdle {
			return last
		}
		last.close()
	}
	return nil
}

// put keeps a connection for the next lookup, for keepIdle at most.
func (p *pool) put(l *link, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.used = now
	p.idle = append(p.idle, l)
	if p.sweeping != nil {
		p.sweeping.Stop()
	}
	p.sweeping = time.AfterFunc(keepIdle, p.closeIdle)
}

// closeIdle closes what nobody uses.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.idle {
		one.close()
	}
	p.idle = nil
	if p.sweeping != nil {
		p.sweeping.Stop()
	}
}

// note remembers whether the controller could be reached.
func (p *pool) note(err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.downUntil = time.Time{}
	case broken(err):
		p.downUntil = now.Add(shun)
	}
}

func (p *pool) shunned(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.downUntil)
}

// broken reports whether an error says that the connection is gone or was never made, and nothing about the question.
func broken(err error) bool {
	failed, ok := errors.AsType[*framework.ServiceError](err)
	return ok && failed.Status == 0 && !errors.Is(err, errTooMuch) && !errors.Is(err, context.Canceled)
}

// unbound reports whether a controller that restarted, say, does not know any more who we are: Active Directory then answers that
// a successful bind must be completed.
func unbound(err error) bool {
	failed, ok := errors.AsType[*framework.ServiceError](err)
	return ok && failed.Status == ldap.LDAPResultOperationsError
}

// inTurn are the controllers in the order of the configuration, those that could not be reached a short while ago behind the
// others.
func (e *Enricher) inTurn() []server {
	now := e.now()
	var first, last []server
	for _, controller := range e.servers {
		if e.pools[controller].shunned(now) {
			last = append(last, controller)
		} else {
			first = append(first, controller)
		}
	}
	return append(first, last...)
}

// kept returns a connection that was used before and still lives, or nil.
func (e *Enricher) kept(ctx context.Context, controller server) *link {
	p := e.pools[controller]
	for {
		now := e.now()
		l := p.take(now)
		if l == nil || now.Sub(l.used) < trustIdle {
			return l
		}
		limited, cancel := context.WithTimeout(ctx, min(pingTime, e.config.Timeout/3))
		intact, err := l.run(limited, e, func(s *session) error {
			_, err := s.read("", "1.1")
			return err
		})
		cancel()
		answer, answered := errors.AsType[*ldap.Error](err)
		if intact && (err == nil || answered && answer.ResultCode < ldap.ErrorNetwork) { // whatever it says, it lives
			return l
		}
		l.close()
	}
}

// run runs a lookup on the connection and cuts it off at once when ctx ends: it is then not intact.
func (l *link) run(ctx context.Context, e *Enricher, lookup func(*session) error) (intact bool, err error) {
	l.wire.left.Store(maxAnswer)
	// go-ldap knows no context: closing the socket ends every wait inside it.
	stop := context.AfterFunc(ctx, func() { _ = l.wire.Close() })
	err = lookup(&session{conn: l.conn, now: e.now, timeLimit: max(1, int(e.config.Timeout/time.Second))})
	intact = stop()
	if err == nil {
		return intact, nil
	}
	return intact, first(ctx.Err(), l.wire.overrun(), err)
}

// CloseIdleConnections closes the connections that no lookup uses at the moment, as they are a minute after the last.
func (e *Enricher) CloseIdleConnections() {
	for _, p := range e.pools {
		p.closeIdle()
	}
}
