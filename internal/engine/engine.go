package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"funnelweb/framework"
)

// Engine stores events and runs automations. Its methods may be used by many goroutines.
type Engine struct {
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	lock    *os.File
	server  *server.Server
	conn    *nats.Conn
	js      jetstream.JetStream
	barrier *barrier
	space   *space

	inFlight   *semaphore.Weighted
	reclaiming sync.Mutex        // held while finished events are given up for room
	reclaimed  map[string]uint64 // by source, where that stopped; guarded by reclaiming
	streams    streams
	letters    jetstream.Stream
	claim      *semaphore.Weighted // held while a dead letter is replayed or dropped
	ledger     *ledger
	quota      *quota
	runs       *runs
	damaged    damaged
	probe      *probe

	queues  atomic.Pointer[[]*queue] // in the order of the configuration; nil until Run
	running sync.Mutex               // held by Run and Drain
	stop    context.CancelFunc       // the queues take no more events
	cancel  context.CancelFunc       // running jobs are interrupted
	jobs    sync.WaitGroup           // dispatchers and jobs

	draining  chan struct{} // closed when no more events are taken; by Drain, which holds running
	drainOnce sync.Once
	drainErr  error
	closeOnce sync.Once
	closeErr  error
}

// Open locks the directory, starts the store in it and returns when it answers. A directory that another process
// holds is ErrLocked.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find store directory %s: %w", opts.Dir, err)
	}
	opts.Dir = dir
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make store directory: %w", err)
	}
	lock, err := lockDir(opts.Dir)
	if err != nil {
		return nil, err
	}
	engine := &Engine{
		opts: opts, log: opts.Log, now: opts.Now, lock: lock,
		inFlight: semaphore.NewWeighted(maxInFlight), stop: func() {}, cancel: func() {},
		damaged:   damaged{log: opts.Log},
		reclaimed: map[string]uint64{},
		claim:     semaphore.NewWeighted(1), draining: make(chan struct{}),
	}
	if err := engine.start(ctx); err != nil {
		return nil, errors.Join(err, engine.shutdown())
	}
	return engine, nil
}

func (e *Engine) start(ctx context.Context) error {
	free, err := diskFree(e.opts.Dir)
	if err != nil {
		return fmt.Errorf("read free space of %s: %w", e.opts.Dir, err)
	}
	e.opts.MaxStore = min(e.opts.MaxStore, free/2)
	e.server, e.conn, err = startEmbedded(e.opts)
	if err != nil {
		return err
	}
	e.js, err = jetstream.New(e.conn, jetstream.WithDefaultTimeout(storeTimeout), jetstream.WithPublishAsyncTimeout(storeTimeout))
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	e.barrier, err = startBarrier(e.opts)
	if err != nil {
		return err
	}
	e.space = &space{js: e.js, dir: e.opts.Dir, budget: e.opts.MaxStore - e.opts.MaxStore/8}
	return e.openStores(ctx)
}

// openStores makes or opens what every engine has; streams of sources are made when they are needed.
func (e *Engine) openStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*storeTimeout)
	defer cancel()
	var err error
	if e.letters, err = e.js.CreateOrUpdateStream(ctx, lettersConfig()); err != nil {
		return fmt.Errorf("open dead letters: %w", err)
	}
	if e.ledger, err = openLedger(ctx, e.js, e.barrier); err != nil {
		return err
	}
	if e.quota, err = openQuota(ctx, e.js, e.barrier, e.now); err != nil {
		return err
	}
	if e.runs, err = openRuns(ctx, e.js); err != nil {
		return err
	}
	if _, err := e.js.CreateOrUpdateStream(ctx, probeConfig()); err != nil {
		return fmt.Errorf("open probe: %w", err)
	}
	e.probe = &probe{engine: e, at: e.now().Add(-probeEvery)}
	return e.streams.open(ctx, e.js, e.now)
}

// Ledger returns the durable record of side effects.
func (e *Engine) Ledger() framework.Ledger { return e.ledger }

// Quota returns the shared limits of providers.
func (e *Engine) Quota() framework.Quota { return e.quota }

// Ready returns nil when events can be stored now, else why not, as a ServiceError.
func (e *Engine) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := e.barrier.failed(); err != nil {
		return e.unready("the disk reported a write error: check it, then restart", err)
	}
	err := e.makeRoom(ctx, e.space.check)
	switch {
	case errors.Is(err, errFull):
		return e.unready("the store or its disk is full: make room on the disk or allow the store more", err)
	case err != nil:
		return e.unready("the store does not answer: restart; if that does not help, the log has the cause", err)
	}
	if err := e.probe.check(ctx); err != nil {
		return e.unready(unwritable, err)
	}
	return nil
}

// unwritable is why an engine is not ready whose store answers.
const unwritable = "the store cannot write: check its disk; if it stays so, restart"

func (e *Engine) unready(reason string, cause error) error {
	return &framework.ServiceError{Service: "event store", Op: "check", Reason: reason, Err: cause}
}

// shutdown undoes start, as far as that got.
func (e *Engine) shutdown() error {
	if e.conn != nil {
		e.conn.Close()
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	var err error
	if e.barrier != nil {
		err = e.barrier.close()
	}
	return errors.Join(err, e.lock.Close()) // closing releases the lock
}
