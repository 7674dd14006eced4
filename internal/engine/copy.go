package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// CopyRow is what was copied of one stream, bucket or queue.
type CopyRow struct {
	Kind, Name string // events, dead letters, ledger, queue, …
	From, To   uint64 // how many are here and there
	Copied     uint64 // by this call; the rest was there from an earlier one
}

// CopyProgress tells how far a copy is with one thing.
type CopyProgress struct {
	Kind, Name  string
	Done, Total uint64
}

// copiedFile marks a directory whose store was copied: two that work on one set of events would do all twice.
const copiedFile = "copied"

// copyBucket holds, in a cluster, how far a copy into it is.
const (
	copyBucket = "copy"
	copyKey    = "state"
)

// copyState is the cluster's note of a copy.
type copyState struct {
	From string    `json:"from"` // the directory
	At   time.Time `json:"at"`
	Done bool      `json:"done"`
}

// copier copies one store into another. Nobody else works on either.
type copier struct {
	from, to *Engine
	tell     func(CopyProgress)
	rows     []CopyRow
}

// Copy copies the store in from.Dir into the cluster of to: events, replays, dead letters, and all buckets but that of
// answers; queues begin where they stopped. Messages keep their places, on which run records, queues and replays rest. A copy that was cut
// short goes on where it stopped. It returns a row for everything that was copied and proven, and an error where anything
// differs; then the cluster is not used by Open, and after a success the directory is not. ErrLocked says that the
// directory is in use.
func Copy(ctx context.Context, from, to Options, tell func(CopyProgress)) (rows []CopyRow, err error) {
	if _, err := os.Stat(filepath.Join(from.Dir, "jetstream")); err != nil {
		return nil, fmt.Errorf("find a store to copy: %w", err)
	}
	from.copying, to.copying = true, true
	c := &copier{tell: tell}
	if c.from, err = Open(ctx, from); err != nil {
		return nil, fmt.Errorf("open the store to copy: %w", err)
	}
	defer func() { err = errors.Join(err, c.from.Close(context.WithoutCancel(ctx))) }()
	if c.to, err = Open(ctx, to); err != nil {
		return nil, fmt.Errorf("open the cluster: %w", err)
	}
	defer func() { err = errors.Join(err, c.to.Close(context.WithoutCancel(ctx))) }()
	state, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.all(ctx); err != nil {
		return c.rows, err
	}
	return c.rows, c.finish(ctx, state)
}

// begin notes in the cluster that a copy is under way, so that no engine works there yet. It refuses one that has events
// of its own.
func (c *copier) begin(ctx context.Context) (copyState, error) {
	state, revision, err := c.to.copyState(ctx)
	switch {
	case err != nil:
		return state, err
	case state.Done:
		return state, fmt.Errorf("the cluster has a complete copy of %s already", state.From)
	case revision > 0 && state.From != c.from.opts.Dir:
		return state, fmt.Errorf("the cluster has an unfinished copy of another store, %s: finish that, or choose another prefix", state.From)
	case revision > 0:
		return state, nil
	}
	if err := c.isEmpty(ctx); err != nil {
		return state, err
	}
	state = copyState{From: c.from.opts.Dir, At: c.to.now().UTC()}
	return state, c.to.noteCopy(ctx, state, 0)
}

// isEmpty returns an error when the cluster was used before.
func (c *copier) isEmpty(ctx context.Context) error {
	streams, err := c.to.streams.all(ctx)
	if err != nil {
		return err
	}
	used := []jetstream.Stream{c.to.letters, c.to.ledger.bucket.stream, c.to.runs.bucket.stream}
	for _, stream := range streams {
		used = append(used, stream)
	}
	for _, stream := range used {
		info, err := stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("read stream of the cluster: %w", err)
		}
		if info.State.LastSeq > 0 {
			return fmt.Errorf("the cluster has events of its own under the prefix %s: choose another prefix", c.to.names.prefix)
		}
	}
	return nil
}

// all copies everything. Effects come first: no event may be there without what was done for it.
func (c *copier) all(ctx context.Context) error {
	listed := c.from.js.StreamNames(ctx)
	var names []string
	for name := range listed.Name() {
		names = append(names, name)
	}
	if err := listed.Err(); err != nil {
		return fmt.Errorf("list streams to copy: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if bucket, is := strings.CutPrefix(name, "KV_"); is && bucket != answersBucket { // answers expire; losing one costs a call
			if err := c.bucket(ctx, bucket); err != nil {
				return fmt.Errorf("copy bucket %s: %w", bucket, err)
			}
		}
	}
	if err := c.letters(ctx); err != nil {
		return fmt.Errorf("copy dead letters: %w", err)
	}
	for _, name := range names {
		if source, is := c.from.names.sourceOf(name); is {
			if err := c.source(ctx, source); err != nil {
				return fmt.Errorf("copy events of source %s: %w", source, err)
			}
		}
	}
	return nil
}

// finish lets engines work in the cluster, and none in the directory.
func (c *copier) finish(ctx context.Context, state copyState) error {
	_, revision, err := c.to.copyState(ctx)
	if err != nil {
		return err
	}
	state.Done = true
	text := fmt.Sprintf("Copied at %s into NATS under the prefix %s.\n", c.to.now().UTC().Format(time.RFC3339), c.to.names.prefix)
	if err := os.WriteFile(filepath.Join(c.from.opts.Dir, copiedFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("mark the directory as copied: %w", err)
	}
	if err := c.from.barrier.wait(ctx); err != nil {
		return fmt.Errorf("mark the directory as copied: %w", err)
	}
	return c.to.noteCopy(ctx, state, revision)
}

func (c *copier) row(row CopyRow) { c.rows = append(c.rows, row) }

func (e *Engine) copyState(ctx context.Context) (state copyState, revision uint64, err error) {
	value, revision, err := e.copies.get(ctx, copyKey)
	if errors.Is(err, errNoEntry) {
		return state, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &state)
	}
	if err != nil {
		err = fmt.Errorf("read how far a copy is: %w", err)
	}
	return state, revision, err
}

func (e *Engine) noteCopy(ctx context.Context, state copyState, revision uint64) error {
	value, err := json.Marshal(state)
	if err == nil {
		_, err = e.copies.put(ctx, copyKey, value, revision)
	}
	if err != nil {
		return fmt.Errorf("note how far the copy is: %w", err)
	}
	return nil
}

// checkCopied refuses a directory whose store was copied into a cluster.
func (e *Engine) checkCopied() error {
	marker := filepath.Join(e.opts.Dir, copiedFile)
	if _, err := os.Stat(marker); err != nil || e.opts.copying {
		return nil //nolint:nilerr // it was not copied; what else is wrong is found soon
	}
	return fmt.Errorf("the store in %s was copied into a cluster, and what is done there must not be done here again; %s says when", e.opts.Dir, marker)
}

// checkCopy refuses a cluster into which a store is copied and is not all there yet.
func (e *Engine) checkCopy(ctx context.Context) error {
	if e.opts.copying {
		return nil
	}
	state, revision, err := e.copyState(ctx)
	if err == nil && revision > 0 && !state.Done {
		reason := fmt.Sprintf("the copy of %s is not complete: run funnelweb engine copy again", framework.Line(state.From, 200))
		err = final{clusterError("open", reason, nil)}
	}
	return err
}
