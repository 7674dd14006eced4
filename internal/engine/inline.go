package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	defaultInlineStore = 64 << 20 // bytes of memory
	inlineWait         = time.Hour
)

// inline is what Publish of an engine without a disk waits for. Such an engine keeps everything in memory, so that
// nothing is safe but what is done: Publish returns when all runs of its events are finished.
type inline struct {
	mu      sync.Mutex
	changed map[string]chan struct{} // by event; closed when one of its runs is written
}

// startInline starts a store in memory. Its directory holds descriptions alone, and goes with it.
func (e *Engine) startInline(context.Context) (err error) {
	if e.opts.Dir, err = os.MkdirTemp("", "funnelweb-inline-"); err != nil {
		return fmt.Errorf("make directory for a store in memory: %w", err)
	}
	e.inline = &inline{changed: map[string]chan struct{}{}}
	e.maxEvent = maxPayload - eventMargin
	if e.embedded, e.conn, err = startEmbedded(e.opts); err != nil {
		return err
	}
	e.js, err = jetstream.New(e.conn, jetstream.WithDefaultTimeout(storeTimeout), jetstream.WithPublishAsyncTimeout(storeTimeout))
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	e.space = &space{used: e.usedInMemory, free: func() (int64, error) { return math.MaxInt64, nil }, budget: e.opts.MaxStore - e.opts.MaxStore/8}
	return nil
}

func (e *Engine) usedInMemory(ctx context.Context) (int64, error) {
	account, err := e.js.AccountInfo(ctx)
	if err != nil {
		return 0, err
	}
	return int64(account.Memory), nil //nolint:gosec // no memory has 2^63 bytes
}

// storage is where streams are.
func (e *Engine) storage() jetstream.StorageType {
	if e.opts.Inline {
		return jetstream.MemoryStorage
	}
	return jetstream.FileStorage
}

// tell wakes those who wait for runs of an event.
func (i *inline) tell(eventID string) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if waiting, found := i.changed[eventID]; found {
		close(waiting)
		delete(i.changed, eventID)
	}
}

// next returns a channel that is closed at the next change.
func (i *inline) next(eventID string) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	waiting, found := i.changed[eventID]
	if !found {
		waiting = make(chan struct{})
		i.changed[eventID] = waiting
	}
	return waiting
}

// settle returns when every run of the events is done, or a Problem with status 503 when one is not, with the time until
// its next attempt: the sender is to repeat the call, which then waits for what is left.
func (e *Engine) settle(ctx context.Context, receipts []framework.Receipt) error {
	if e.inline == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.JobTimeout)
	defer cancel()
	for _, receipt := range receipts {
		if receipt.Duplicate {
			if err := e.again(ctx, receipt.ID); err != nil {
				return err
			}
		}
		if err := e.finished(ctx, receipt.ID); err != nil {
			return err
		}
	}
	return nil
}

// again replays what was given up for an event that is delivered again.
func (e *Engine) again(ctx context.Context, id string) error {
	status, err := e.Event(ctx, id)
	if err != nil {
		return unavailable(err)
	}
	for _, run := range status.Runs {
		if run.State != framework.RunDead {
			continue
		}
		job := framework.Job{Automation: run.Automation, Name: run.Job, Event: status.Event}
		if err := e.replay(ctx, job.Key()); err != nil && !errors.Is(err, framework.ErrNoEvent) {
			return unavailable(err)
		}
	}
	return nil
}

// finished returns when all runs of an event are.
func (e *Engine) finished(ctx context.Context, id string) error {
	for stopped := false; ; {
		changed := e.inline.next(id)
		status, err := e.Event(ctx, id)
		if err != nil {
			return unavailable(err)
		}
		open, err := e.undone(status.Runs)
		if err != nil || !open {
			return err
		}
		if stopped {
			return framework.Unavailable("The server is stopping.", e.opts.Retry.First, nil)
		}
		select {
		case <-changed:
		case <-e.drained:
			stopped = true // and look once more
		case <-ctx.Done():
			return framework.Unavailable("The event is not done yet.", e.opts.Retry.First, ctx.Err())
		}
	}
}

// undone reports whether a run is still to come; the error says that one failed or waits.
func (e *Engine) undone(runs []framework.Run) (open bool, err error) {
	for _, run := range runs {
		cause := fmt.Errorf("automation %s is %s: %s", run.Automation, run.State, run.Reason)
		switch {
		case run.State == framework.RunDone || run.State == framework.RunSkipped:
		case run.State == framework.RunDead:
			return false, framework.Unavailable("An automation failed.", e.opts.Retry.Max, cause)
		case !run.NextTry.IsZero():
			after := min(inlineWait, max(time.Second, run.NextTry.Sub(e.now()).Round(time.Second)))
			return false, framework.Unavailable("An automation failed or has to wait.", after, cause)
		default:
			open = true
		}
	}
	return open, nil
}
