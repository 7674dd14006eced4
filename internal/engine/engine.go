package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"funnelweb/framework"
)

// Engine stores events and runs automations. Its methods may be used by many goroutines.
type Engine struct {
	opts     Options
	log      *slog.Logger
	now      func() time.Time
	lock     *os.File  // nil in a cluster
	embedded *embedded // nil in a cluster
	mender   *mender   // nil in a cluster
	conn     *nats.Conn
	js       jetstream.JetStream
	names    names
	barrier  *barrier // nil in a cluster
	space    *space

	maxEvent int // bytes

	inFlight   *semaphore.Weighted
	reclaiming sync.Mutex        // held while finished events are given up for room
	reclaimed  map[string]uint64 // by source, where that stopped; guarded by reclaiming
	streams    streams
	letters    jetstream.Stream
	audit      jetstream.Stream
	states     queueStates
	id         string              // of this engine, for claims
	claim      *semaphore.Weighted // held while a dead letter is replayed or dropped
	claims     *sightings          // of letters: for how long others have claimed them
	ledger     *ledger
	reached    *reached // nil without a store in a directory
	quota      *quota
	answers    *answers
	breakers   *breakers
	runs       *runs
	copies     *bucket // nil without a cluster
	inline     *inline // nil with a store
	damaged    damaged
	probe      *probe

	queues  atomic.Pointer[[]*queue] // in the order of the configuration; nil until Run
	left    atomic.Pointer[[]left]   // that the configuration does not have; nil until Run
	running sync.Mutex               // held by Run and Drain
	stop    context.CancelFunc       // the queues take no more events
	cancel  context.CancelFunc       // running jobs are interrupted
	jobs    sync.WaitGroup           // dispatchers and jobs
	under   atomic.Int64             // jobs alone

	drained   chan struct{} // closed when Drain has done its work
	draining  chan struct{} // closed when no more events are taken; by Drain, which holds running
	drainOnce sync.Once
	drainErr  error
	closeOnce sync.Once
	closeErr  error
}

// Open locks the directory and starts the store in it, or connects to the cluster, and returns when it answers. A
// directory that another process holds is ErrLocked.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	engine := &Engine{
		opts: opts, log: opts.Log, now: opts.Now,
		inFlight: semaphore.NewWeighted(maxInFlight), stop: func() {}, cancel: func() {},
		damaged:   damaged{log: opts.Log},
		reclaimed: map[string]uint64{},
		id:        rand.Text(), claim: semaphore.NewWeighted(1), draining: make(chan struct{}), drained: make(chan struct{}),
	}
	start := engine.startDir
	switch {
	case engine.shared():
		start = engine.startShared
	case opts.Inline:
		start = engine.startInline
	}
	if err := start(ctx); err != nil {
		return nil, errors.Join(engine.explainStart(err), engine.shutdown())
	}
	if err := engine.openStores(ctx); err != nil {
		return nil, errors.Join(err, engine.shutdown())
	}
	if engine.embedded != nil && !opts.Inline {
		engine.mender = engine.startMender() //nolint:contextcheck // it ends with Close
	}
	return engine, nil
}

// startShared connects to the cluster. What it acknowledges is safe on most of its servers.
func (e *Engine) startShared(ctx context.Context) (err error) {
	if e.conn, err = startCluster(ctx, e.opts); err != nil {
		return err
	}
	e.names = names{e.opts.Cluster.Prefix}
	e.maxEvent = int(min(maxPayload, e.conn.MaxPayload())) - eventMargin
	e.js, err = jetstream.New(e.conn, jetstream.WithDefaultTimeout(clusterTry), jetstream.WithPublishAsyncTimeout(clusterTry))
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	e.space = &space{used: e.usedShared, free: func() (int64, error) { return math.MaxInt64, nil }, budget: e.opts.MaxStore - e.opts.MaxStore/8, trusts: true}
	return nil
}

// startDir starts a store in the directory.
func (e *Engine) startDir(ctx context.Context) error {
	dir, err := filepath.Abs(e.opts.Dir)
	if err != nil {
		return fmt.Errorf("find store directory %s: %w", e.opts.Dir, err)
	}
	e.opts.Dir = dir
	if err := os.MkdirAll(e.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("make store directory: %w", Explain(e.opts.Dir, err))
	}
	if err := CheckAccess(e.opts.Dir); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if e.lock, err = lockDir(e.opts.Dir); err != nil {
		return err
	}
	if err := e.checkCopied(); err != nil {
		return err
	}
	if err := e.boundStore(); err != nil {
		return err
	}
	e.maxEvent = maxPayload - eventMargin
	if err := e.dropUnfinished(); err != nil {
		return err
	}
	if err := e.rejectTorn(); err != nil {
		return err
	}
	e.embedded, e.conn, err = startEmbedded(e.opts)
	if err != nil {
		return err
	}
	e.js, err = jetstream.New(e.conn, jetstream.WithDefaultTimeout(storeTimeout), jetstream.WithPublishAsyncTimeout(storeTimeout))
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	if err := e.recoverDamaged(ctx); err != nil {
		return err
	}
	if err := e.missGone(ctx); err != nil {
		return err
	}
	e.barrier, err = startBarrier(e.opts)
	if err != nil {
		return err
	}
	e.space = &space{used: e.usedInDir, free: e.freeInDir, budget: e.opts.MaxStore - e.opts.MaxStore/8}
	return nil
}

// openStores makes or opens what every engine has; streams of sources are made when they are needed.
func (e *Engine) openStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.opts.startWait)
	defer cancel()
	return e.setup().do(ctx, func(ctx context.Context) error { return e.explainOpen(e.openOnce(ctx)) })
}

func (e *Engine) openOnce(ctx context.Context) (err error) {
	if err := e.openLetters(ctx); err != nil {
		return err
	}
	if err := e.openAudit(ctx); err != nil {
		return err
	}
	effects, err := e.openBucket(ctx, ledgerBucket, ledgerRetention)
	if err != nil {
		return err
	}
	e.ledger = &ledger{bucket: effects, barrier: e.barrier, timeout: e.timeout(), sightings: &sightings{elapsed: monotonic()}}
	e.ledger.sightings.note(effects.stream.CachedInfo().State.LastSeq)
	if err := e.ledger.recall(ctx, e); err != nil {
		return err
	}
	calls, err := e.openBucket(ctx, quotaBucket, 0)
	if err != nil {
		return err
	}
	e.quota = &quota{bucket: calls, barrier: e.barrier, now: e.now, timeout: e.timeout()}
	if err := e.openAnswers(ctx); err != nil {
		return err
	}
	if err := e.openBreakers(ctx); err != nil {
		return err
	}
	records, err := e.openBucket(ctx, "runs", runRetention)
	if err != nil {
		return err
	}
	e.runs = &runs{bucket: records, timeout: e.timeout()}
	if e.owns() {
		e.runs.left = records.stream.CachedInfo().State.LastSeq
	}
	states, err := e.openBucket(ctx, "queues", 0)
	if err != nil {
		return err
	}
	e.states = queueStates{states}
	if _, err := e.js.CreateOrUpdateStream(ctx, e.probeConfig()); err != nil {
		return fmt.Errorf("open probe: %w", err)
	}
	e.probe = &probe{engine: e, at: e.now().Add(-probeEvery)}
	e.streams = streams{js: e.js, now: e.now, names: e.names, shared: e.shared(), replicas: e.replicas(), setup: e.setup(), storage: e.storage()}
	if err := e.streams.open(ctx, e.opts.Sources); err != nil {
		return err
	}
	if !e.shared() {
		return nil
	}
	if e.copies, err = e.openBucket(ctx, copyBucket, 0); err != nil {
		return err
	}
	return e.checkCopy(ctx)
}

// Ledger returns the durable record of side effects.
func (e *Engine) Ledger() framework.Ledger { return e.ledger }

// Quota returns the shared limits of providers.
func (e *Engine) Quota() framework.Quota { return e.quota }

// Answers returns what providers answered.
func (e *Engine) Answers() framework.Answers { return e.answers }

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

// closeConn closes a connection and waits until all that it has to tell was told: its callbacks log.
func closeConn(conn *nats.Conn) {
	if conn.IsClosed() {
		return
	}
	told := make(chan struct{})
	conn.SetClosedHandler(func(*nats.Conn) { close(told) }) // the last that is called
	conn.Close()
	select {
	case <-told:
	case <-time.After(storeTimeout): // it closed by itself just before
	}
}

// shutdown undoes start, as far as that got.
func (e *Engine) shutdown() error {
	if e.mender != nil {
		e.mender.close()
	}
	if e.conn != nil {
		closeConn(e.conn)
	}
	if e.embedded != nil {
		e.embedded.stop()
	}
	var err error
	if e.barrier != nil {
		err = e.barrier.close()
	}
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close()) // closing releases the lock
	}
	if e.inline != nil {
		err = errors.Join(err, os.RemoveAll(e.opts.Dir))
	}
	return err
}
