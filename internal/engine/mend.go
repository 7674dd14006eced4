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
// restarted the process; and where its files were found to be damaged, as each start repairs them. Nothing that was
// acknowledged is lost by that: it was synced before. A sync that failed is another matter, which no start in the same
// process cures (see barrier).
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
		m.engine.noteReached(context.WithoutCancel(ctx)) // at the end too
		if ctx.Err() != nil {
			return
		}
		pause(ctx, rest)
		if ctx.Err() != nil {
			continue
		}
		if m.mend(ctx) {
			rest = min(2*rest, max(every, mendPause))
		} else {
			rest = every
		}
	}
}

// mend starts the store anew if that is called for, and reports whether it did.
func (m *mender) mend(ctx context.Context) bool {
	e := m.engine
	if e.barrier.failed() != nil {
		return false
	}
	failure := e.embedded.failedWrite()
	if failure == "" {
		failure = m.damage()
	}
	if failure == "" {
		return false
	}
	if free, err := e.opts.diskFree(e.opts.Dir); err != nil || free < diskReserve+maxShare {
		return false // it would fail again at once
	}
	e.log.Warn("the store is out of order; it is started anew, as there is room", "failure", failure)
	if err := e.embedded.restart(); err != nil {
		e.log.Error("start the store anew", "err", err)
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := e.ledger.recall(ctx, e); err != nil {
		e.log.Error("look whether the ledger lost records", "err", err)
	}
	e.probe.again()
	return true
}

// damage says what is wrong with the files when the server has met something, or "".
func (m *mender) damage() string {
	if !m.engine.embedded.suspect.Swap(false) {
		return ""
	}
	damaged, err := isDamaged(m.engine.opts.Dir)
	if err != nil {
		return err.Error()
	}
	if damaged {
		return "records of the store are damaged"
	}
	return ""
}
