package engine

import (
	"context"
	"errors"
	"time"
)

// Drain lets no more jobs begin, waits for running ones and interrupts them when ctx ends; an interrupted job goes on
// after the next start. Until Close everything else still works: what the last jobs cause at other services may come
// back as events, which are stored for the next start. Later calls return what the first returned.
func (e *Engine) Drain(ctx context.Context) error {
	e.drainOnce.Do(func() { e.drainErr = e.drain(ctx) })
	return e.drainErr
}

func (e *Engine) drain(ctx context.Context) error {
	e.running.Lock()
	defer e.running.Unlock()
	e.stop()
	close(e.draining)
	defer close(e.drained)
	defer e.cancel()
	finished := make(chan struct{})
	go func() {
		e.jobs.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	e.cancel()
	grace := time.NewTimer(interruptGrace)
	defer grace.Stop()
	select {
	case <-finished:
		return nil
	case <-grace.C:
		return errors.New("drain engine: a job does not stop although it was told to")
	}
}

// UnderWay is how many jobs this process is at work on.
func (e *Engine) UnderWay() int { return int(e.under.Load()) }

func (e *Engine) isDraining() bool {
	select {
	case <-e.draining:
		return true
	default:
		return false
	}
}

// Close drains the engine if Drain was not called, and waits for one that is under way; then it shuts the store down.
// Later calls return what the first returned.
func (e *Engine) Close(ctx context.Context) error {
	e.closeOnce.Do(func() {
		var unfinished error // else the caller of Drain was told
		e.drainOnce.Do(func() {
			e.drainErr = e.drain(ctx)
			unfinished = e.drainErr
		})
		e.closeErr = errors.Join(unfinished, e.shutdown())
	})
	return e.closeErr
}
