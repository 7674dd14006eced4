package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The store passes over a stream or a consumer whose description it cannot read, with a warning and all that is in it.
// So a copy is kept of each description, and a consumer whose state is damaged is made anew: the run records tell which of
// its events are finished.
const (
	copiesDir  = "descriptions" // in the store's directory
	damagedDir = "damaged"      // what was put aside, by time
)

func (e *Engine) streamsDir() string { return filepath.Join(e.opts.Dir, "jetstream", "$G", "streams") }

// emptied puts aside consumers whose state is an empty file, which the server would take for new ones, before it starts.
func (e *Engine) emptied() error {
	states, err := filepath.Glob(filepath.Join(e.streamsDir(), "*", "obs", "*", "o.dat"))
	if err != nil {
		return fmt.Errorf("list states of queues: %w", err)
	}
	for _, state := range states {
		if info, err := os.Stat(state); err == nil && info.Size() == 0 {
			if err := os.WriteFile(state, []byte("damaged"), 0o600); err != nil { // then it passes it over
				return fmt.Errorf("mark the state of a queue as damaged: %w", err)
			}
		}
	}
	return nil
}

// recoverDamaged repairs what the server passed over, or says what to do.
func (e *Engine) recoverDamaged(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*storeTimeout)
	defer cancel()
	passed, err := e.passedOver(ctx)
	if err != nil {
		return err
	}
	if len(passed) > 0 {
		if err := e.restoreDescriptions(ctx, passed); err != nil {
			return err
		}
		if passed, err = e.passedOver(ctx); err != nil {
			return err
		}
	}
	for _, name := range passed {
		return e.beyondRepair(filepath.Join(e.streamsDir(), name), nil)
	}
	streams, err := folders(e.streamsDir())
	if err != nil {
		return err
	}
	for _, name := range streams {
		if err := e.recoverConsumers(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) beyondRepair(folder string, cause error) error {
	err := fmt.Errorf("the store is damaged in %s: restore %s from a backup, or move that folder away to go on without what is in it", folder, e.opts.Dir)
	return errors.Join(err, cause)
}

// passedOver lists streams that are on disk and that the server does not have.
func (e *Engine) passedOver(ctx context.Context) ([]string, error) {
	onDisk, err := folders(e.streamsDir())
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	names := e.js.StreamNames(ctx)
	for name := range names.Name() {
		known[name] = true
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	var passed []string
	for _, name := range onDisk {
		if !known[name] {
			passed = append(passed, name)
		}
	}
	return passed, nil
}

// restoreDescriptions puts copies in the place of the descriptions of streams, and starts the server anew.
func (e *Engine) restoreDescriptions(ctx context.Context, streams []string) error {
	connected := e.conn.StatusChanged(nats.CONNECTED)
	defer e.conn.RemoveStatusListener(connected)
	e.embedded.stop()
	for _, name := range streams {
		e.log.Warn("the description of a stream is damaged and restored from its copy", "stream", name)
		folder := filepath.Join(e.streamsDir(), name)
		if err := copyDescription(filepath.Join(e.opts.Dir, copiesDir, name), folder); err != nil {
			return e.beyondRepair(folder, err)
		}
	}
	if err := e.embedded.restart(); err != nil {
		return err
	}
	select {
	case <-connected:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connect to the store again: %w", ctx.Err())
	}
}

// recoverConsumers makes those consumers of a stream anew that are on disk and that the server does not have.
func (e *Engine) recoverConsumers(ctx context.Context, name string) error {
	folder := filepath.Join(e.streamsDir(), name, "obs")
	onDisk, err := folders(folder)
	if err != nil {
		return err
	}
	for _, consumer := range onDisk {
		_, err := e.js.Consumer(ctx, name, consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			err = e.recoverConsumer(ctx, name, consumer)
		}
		if err != nil {
			return fmt.Errorf("find queue %s: %w", consumer, err)
		}
	}
	return nil
}

// description is a consumer as the server writes it into meta.inf.
type description struct {
	Created        time.Time  `json:"Created"`
	Durable        string     `json:"durable_name"`
	FilterSubjects []string   `json:"filter_subjects"`
	AckWait        int64      `json:"ack_wait"` // nanoseconds
	MaxAckPending  int        `json:"max_ack_pending"`
	OptStartTime   *time.Time `json:"opt_start_time"`
}

// since is the configuration of a consumer for all events since the first of its name was made.
func (d description) since() jetstream.ConsumerConfig {
	start := d.Created.UTC()
	if d.OptStartTime != nil { // it was lost once
		start = *d.OptStartTime
	}
	return jetstream.ConsumerConfig{
		Durable: d.Durable, FilterSubjects: d.FilterSubjects, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Duration(d.AckWait),
		MaxDeliver: -1, MaxAckPending: d.MaxAckPending, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &start,
	}
}

func (e *Engine) recoverConsumer(ctx context.Context, stream, name string) error {
	folder := filepath.Join(e.streamsDir(), stream, "obs", name)
	read := func(dir string) (d description, err error) {
		text, err := os.ReadFile(filepath.Join(dir, "meta.inf"))
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		return d, err
	}
	kept, err := read(filepath.Join(e.opts.Dir, copiesDir, stream, "obs", name))
	if err != nil {
		if kept, err = read(folder); err != nil {
			return e.beyondRepair(folder, err)
		}
	}
	if kept.Durable == "" {
		return nil // nobody comes back for it
	}
	aside := filepath.Join(e.opts.Dir, damagedDir, e.now().UTC().Format("20060102T150405.000000000"), stream)
	if err := errors.Join(os.MkdirAll(aside, 0o700), os.Rename(folder, filepath.Join(aside, name))); err != nil {
		return e.beyondRepair(folder, err)
	}
	config := kept.since()
	if _, err := e.js.CreateConsumer(ctx, stream, config); err != nil {
		return fmt.Errorf("make damaged queue %s anew: %w", name, err)
	}
	e.log.Warn("the state of a queue is damaged; it is made anew, and finished events are told by their runs", "queue", name, "since", *config.OptStartTime, "put_aside", aside)
	return nil
}

// keepCopies copies the descriptions of all streams and consumers.
func (e *Engine) keepCopies() error {
	streams, err := folders(e.streamsDir())
	if err != nil {
		return err
	}
	var errs []error
	for _, stream := range streams {
		from, to := filepath.Join(e.streamsDir(), stream), filepath.Join(e.opts.Dir, copiesDir, stream)
		errs = append(errs, copyDescription(from, to))
		consumers, err := folders(filepath.Join(from, "obs"))
		errs = append(errs, err)
		for _, name := range consumers {
			errs = append(errs, copyDescription(filepath.Join(from, "obs", name), filepath.Join(to, "obs", name)))
		}
	}
	return errors.Join(errs...)
}

// copyDescription copies a description and its checksum, each in one step, where they differ.
func copyDescription(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"meta.inf", "meta.sum"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) && filepath.Base(filepath.Dir(from)) == "obs" {
			return nil // a consumer that has just gone
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// folders lists the folders in a folder; none when there is no such folder.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
