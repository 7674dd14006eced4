package engine

import (
	"context"
	"time"
)

const (
	mendEvery = 5 * time.Second
	mendPause = 30 * time.Second // between starts that did not help, at most
)

// mender starts the store anew after a write failed and once there is room again, as it would stay broken until somebody
// restarted the process. Nothing that was acknowledged is lost by that: it was synced before. A sync that failed is
// another matter, which no start in the same process cures (see barrier).
type mender struct {
	engine *Engine
	stop   context.CancelFunc
	done   chan struct{}
}

func (e *Engine) startMender() *mender {
	ctx, stop := context.WithCancel(context.Background())
	m := &mender{engine: e, stop: stop, done: make(chan struct{})}
	go m.run(ctx)
	return m
}

func (m *mender) close() {
	m.stop()
	<-m.done
}

func (m *mender) run(ctx context.Context) {
	defer close(m.done)
	every := m.engine.opts.mendEvery
	rest := every
	for {
		pause(ctx, rest)
		if ctx.Err() != nil {
			return
		}
		if m.mend() {
			rest = min(2*rest, max(every, mendPause))
		} else {
			rest = every
		}
	}
}

// mend starts the store anew if that is called for, and reports whether it did.
func (m *mender) mend() bool {
	e := m.engine
	if e.barrier.failed() != nil {
		return false
	}
	failure := e.embedded.failedWrite()
	if failure == "" {
		return false
	}
	if free, err := diskFree(e.opts.Dir); err != nil || free < diskReserve+maxShare {
		return false // it would fail again at once
	}
	e.log.Warn("a write to the store failed; it is started anew, as there is room", "failure", failure)
	if err := e.embedded.restart(); err != nil {
		e.log.Error("start the store anew", "err", err)
		return true
	}
	e.probe.again()
	return true
}
