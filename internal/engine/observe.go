package engine

import (
	"context"

	"funnelweb/framework"
)

// Observer is told what the engine does, for metrics and traces. Its methods are called by many goroutines.
type Observer interface {
	// Stored tells of an event that Publish took, and whether it was there before.
	Stored(source string, duplicate bool)
	// Attempt is told that an attempt at a job begins, whose context is the one returned or one below it. ended is called once,
	// with what came of it.
	Attempt(ctx context.Context, job framework.Job) (_ context.Context, ended func(framework.Result, error))
	// Settled tells what a delivery left of a run: done, skipped, dead, retrying, or waiting.
	Settled(automation, job string, state framework.RunState)
}

// unobserved is the observer of an engine that nobody watches.
type unobserved struct{}

func (unobserved) Stored(string, bool)                       {}
func (unobserved) Settled(_, _ string, _ framework.RunState) {}
func (unobserved) Attempt(ctx context.Context, _ framework.Job) (context.Context, func(framework.Result, error)) {
	return ctx, func(framework.Result, error) {}
}

// observe tells of events that are stored.
func (e *Engine) observe(receipts []framework.Receipt) {
	for _, receipt := range receipts {
		source, _ := sourceOf(receipt.ID)
		e.opts.Observer.Stored(source, receipt.Duplicate)
	}
}
