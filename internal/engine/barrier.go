package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// barrier makes what was written safe against power loss; where there is none, because a cluster sees to that before it
// answers, nothing is to be waited for. Waiters that arrive while one sync runs share the next, so
// that a flood costs no more syncs than a trickle.
type barrier struct {
	sync func() error
	wake chan struct{} // has room for one
	stop chan struct{}
	done chan struct{}
	shut func() error

	mu     sync.Mutex
	next   *round // the sync that is not yet begun
	broken error  // of the first sync that failed, for good
}

type round struct {
	done chan struct{}
	err  error // read after done
}

var errBarrierClosed = errors.New("the store is closed")

func startBarrier(opts Options) (*barrier, error) {
	syncStore, shut, err := storeSync(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store directory for sync: %w", err)
	}
	if opts.syncStore != nil {
		syncStore = opts.syncStore
	}
	b := &barrier{
		sync: syncStore, shut: shut,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go b.run()
	return b, nil
}

// wait returns when all that was written before the call is safe, or cannot be. After one failed sync it fails for
// ever: the system marks pages that it could not write as clean, so that a later sync would succeed without them.
func (b *barrier) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	if b.broken != nil {
		b.mu.Unlock()
		return b.broken
	}
	if b.next == nil {
		b.next = &round{done: make(chan struct{})}
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	mine := b.next
	b.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return fmt.Errorf("wait for sync: %w", ctx.Err())
	}
}

// failed returns why nothing can be made safe any more, or nil.
func (b *barrier) failed() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

func (b *barrier) run() {
	defer close(b.done)
	for {
		select {
		case <-b.stop:
			b.finish(errBarrierClosed)
			return
		case <-b.wake:
		}
		b.mu.Lock()
		mine := b.next
		b.next = nil // who comes from here on may have written after the sync began
		b.mu.Unlock()
		if mine == nil {
			continue
		}
		if mine.err = b.sync(); mine.err != nil {
			mine.err = fmt.Errorf("sync store: %w", mine.err)
			b.finish(mine.err)
		}
		close(mine.done)
	}
}

// finish fails everyone who waits and who will.
func (b *barrier) finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken == nil {
		b.broken = err
	}
	if b.next != nil {
		b.next.err = b.broken
		close(b.next.done)
		b.next = nil
	}
}

func (b *barrier) close() error {
	close(b.stop)
	<-b.done
	return b.shut()
}
