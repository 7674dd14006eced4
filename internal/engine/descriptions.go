package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// restoreDescriptions puts copies in the place of all descriptions, and starts the server anew. What was changed since they
// were copied is changed again by the start: it comes from the configuration.
func (e *Engine) restoreDescriptions(ctx context.Context) error {
	connected := e.conn.StatusChanged(nats.CONNECTED)
	defer e.conn.RemoveStatusListener(connected)
	e.embedded.stop()
	if err := eachDescription(e.streamsDir(), e.restoreDescription); err != nil {
		return fmt.Errorf("restore descriptions of the store: %w", err)
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

// description is a consumer as the server writes it into meta.inf.
type description struct {
	Created        time.Time  `json:"Created"`
	Durable        string     `json:"durable_name"`
	FilterSubjects []string   `json:"filter_subjects"`
	AckWait        int64      `json:"ack_wait"` // nanoseconds
	MaxAckPending  int        `json:"max_ack_pending"`
	OptStartTime   *time.Time `json:"opt_start_time"` // it was lost once, and made anew by an earlier version
	OptStartSeq    uint64     `json:"opt_start_seq"`
}

// anew is the configuration of a consumer for all events of a stream since the first of its name was made.
func (d description) anew(ctx context.Context, stream jetstream.Stream) (jetstream.ConsumerConfig, error) {
	config := jetstream.ConsumerConfig{
		Durable: d.Durable, FilterSubjects: d.FilterSubjects, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Duration(d.AckWait),
		MaxDeliver: -1, MaxAckPending: d.MaxAckPending,
	}
	switch {
	case d.OptStartSeq > 0:
		beginAt(&config, d.OptStartSeq)
		return config, nil
	case d.OptStartTime != nil:
		return config, beginSince(ctx, stream, &config, *d.OptStartTime)
	default:
		return config, beginSince(ctx, stream, &config, d.Created)
	}
}

// restoreDescription puts the copy of a description in its place, and keeps what was there.
func (e *Engine) restoreDescription(folder string) error {
	to := filepath.Join(e.streamsDir(), folder)
	files, err := newDescription(filepath.Join(e.opts.Dir, copiesDir, folder), to)
	if err != nil {
		return err
	}
	before := map[string][]byte{}
	for path := range files {
		text, err := os.ReadFile(path)
		if err == nil {
			before[filepath.Base(path)] = text
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(before) > 0 {
		if err := keepAside(e.opts.Dir, e.now(), filepath.Join(asideDescriptions, folder), before); err != nil {
			return err
		}
	}
	return writeAll(e.opts.Dir, files)
}

// keepCopies copies the descriptions of all streams and consumers.
func (e *Engine) keepCopies() error {
	all := map[string][]byte{}
	if err := eachDescription(e.streamsDir(), func(folder string) error {
		files, err := newDescription(filepath.Join(e.streamsDir(), folder), filepath.Join(e.opts.Dir, copiesDir, folder))
		maps.Copy(all, files)
		return err
	}); err != nil {
		return err
	}
	return writeAll(e.opts.Dir, all)
}

// eachDescription calls do for the folder of each stream and each consumer, relative to that of the streams.
func eachDescription(dir string, do func(folder string) error) error {
	streams, err := folders(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, stream := range streams {
		errs = append(errs, do(stream))
		consumers, err := folders(filepath.Join(dir, stream, "obs"))
		errs = append(errs, err)
		for _, name := range consumers {
			errs = append(errs, do(filepath.Join(stream, "obs", name)))
		}
	}
	return errors.Join(errs...)
}

// newDescription returns what a description and its checksum in a folder have to be, by path, to be those of another, where they
// differ and are there.
func newDescription(from, to string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"meta.inf", "meta.sum"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // there is no copy yet, or it has just gone
		}
		if err != nil {
			return nil, err
		}
		path := filepath.Join(to, name)
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, text) {
			files[path] = text
		}
	}
	return files, nil
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
