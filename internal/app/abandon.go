package app

import (
	"context"
	"sync"
	"time"
)

// handlerGrace is how long handlers have to end whose connections were cut off, so that each leaves its log line.
const handlerGrace = time.Second

// underWay counts calls from the beginning of their handlers to the end.
type underWay struct {
	mutex sync.Mutex
	calls int
	none  chan struct{} // closed when the last call ends; nil while nobody waits for that
}

func (u *underWay) begin() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.calls++
}

func (u *underWay) end() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.calls--
	if u.calls == 0 && u.none != nil {
		close(u.none)
		u.none = nil
	}
}

func (u *underWay) count() int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.calls
}

// wait waits until there is no call, or ctx is done.
func (u *underWay) wait(ctx context.Context) {
	u.mutex.Lock()
	if u.calls == 0 {
		u.mutex.Unlock()
		return
	}
	if u.none == nil {
		u.none = make(chan struct{})
	}
	none := u.none
	u.mutex.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// LogAbandoned tells in one line what is under way when the process is ended at once, as by a second signal. It may be called
// at any time, by any goroutine.
func (s *Server) LogAbandoned() {
	s.logAbandoned("a second signal ends the server at once", s.calls.count(), s.store.underWay())
}

// logAbandoned tells what is cut off. Nothing of it is lost: senders see that they were not answered, and jobs are done again.
func (s *Server) logAbandoned(why string, requests, jobs int) {
	s.options.Log.Warn("work under way is abandoned", "why", why, "requests", requests, "jobs", jobs)
}
