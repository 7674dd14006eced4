package engine

import (
	"cmp"
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
	// Buckets are how far each is copied, as an entry of a bucket cannot be asked for without its key.
	Buckets map[string]bucketPlace `json:"buckets,omitempty"`
}

// copier copies one store into another. Nobody else works on either.
type copier struct {
	from, to *Engine
	tell     func(CopyProgress)
	rows     []CopyRow
	state    copyState
	revision uint64 // of the state in the cluster; 0 before it is there
}

// Copy copies the store in from.Dir into the cluster of to: events, replays, dead letters, the audit log, and all buckets but
// that of answers; queues begin where they stopped. Messages keep their places, on which run records, queues and replays rest. A copy that was cut
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
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	if err := c.all(ctx); err != nil {
		return c.rows, err
	}
	return c.rows, c.finish(ctx)
}

// begin notes in the cluster that a copy is under way, so that no engine works there yet. It refuses one that has events
// of its own.
func (c *copier) begin(ctx context.Context) (err error) {
	c.state, c.revision, err = c.to.copyState(ctx)
	switch {
	case err != nil:
		return err
	case c.state.Done:
		return fmt.Errorf("the cluster has a complete copy of %s already", c.state.From)
	case c.revision > 0 && c.state.From != c.from.opts.Dir:
		return fmt.Errorf("the cluster has an unfinished copy of another store, %s: finish that, or choose another prefix", c.state.From)
	case c.revision > 0:
		return nil
	}
	if err := c.isEmpty(ctx); err != nil {
		return err
	}
	c.state = copyState{From: c.from.opts.Dir, At: c.to.now().UTC()}
	return c.note(ctx)
}

// note writes down in the cluster how far the copy is.
func (c *copier) note(ctx context.Context) error {
	value, err := json.Marshal(c.state)
	if err == nil {
		c.revision, err = c.to.copies.put(ctx, copyKey, value, c.revision)
	}
	if err != nil {
		return fmt.Errorf("note how far the copy is: %w", err)
	}
	return nil
}

// isEmpty returns an error when the cluster was used before.
func (c *copier) isEmpty(ctx context.Context) error {
	streams, err := c.to.streams.all(ctx)
	if err != nil {
		return err
	}
	used := []jetstream.Stream{c.to.letters, c.to.audit, c.to.ledger.bucket.stream, c.to.runs.bucket.stream}
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
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(c.turn(a), c.turn(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		if err := c.one(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// turn is when a stream is copied.
func (c *copier) turn(name string) int {
	_, events := c.from.names.sourceOf(name)
	switch {
	case strings.HasPrefix(name, "KV_"):
		return 0
	case events:
		return 2
	default:
		return 1
	}
}

// one copies a stream of the store.
func (c *copier) one(ctx context.Context, name string) error {
	kind, err := "", error(nil)
	bucket, isBucket := strings.CutPrefix(name, "KV_")
	source, isSource := c.from.names.sourceOf(name)
	switch {
	case bucket == answersBucket, name == c.from.probeConfig().Name: // answers expire, and losing one costs a call
		return nil
	case isBucket:
		kind, err = "bucket "+bucket, c.bucket(ctx, bucket)
	case isSource:
		kind, err = "events of source "+source, c.source(ctx, source)
	case name == c.from.lettersConfig().Name:
		kind, err = "dead letters", c.letters(ctx)
	case name == c.from.auditConfig().Name:
		kind, err = "the audit log", c.auditLog(ctx)
	default: // of a later version
		return fmt.Errorf("the store has a stream %s, of which is not known how it is copied", name)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", kind, err)
	}
	return nil
}

// finish lets engines work in the cluster, and none in the directory.
func (c *copier) finish(ctx context.Context) error {
	text := fmt.Sprintf("Copied at %s into NATS under the prefix %s.\n", c.to.now().UTC().Format(time.RFC3339), c.to.names.prefix)
	if err := os.WriteFile(filepath.Join(c.from.opts.Dir, copiedFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("mark the directory as copied: %w", err)
	}
	if err := c.from.barrier.wait(ctx); err != nil {
		return fmt.Errorf("mark the directory as copied: %w", err)
	}
	c.state.Done = true
	return c.note(ctx)
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
