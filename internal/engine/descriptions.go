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

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// restoreDescriptions puts copies in the place of all descriptions, and starts the server anew. What was changed since they
// were copied is changed again by the start: it comes from the configuration.
func (e *Engine) restoreDescriptions(ctx context.Context) error {
	connected := e.conn.StatusChanged(nats.CONNECTED)
	defer e.conn.RemoveStatusListener(connected)
	e.embedded.stop()
	if err := eachDescription(e.streamsDir(), func(folder string) error {
		return copyDescription(filepath.Join(e.opts.Dir, copiesDir, folder), filepath.Join(e.streamsDir(), folder))
	}); err != nil {
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

// keepCopies copies the descriptions of all streams and consumers.
func (e *Engine) keepCopies() error {
	return eachDescription(e.streamsDir(), func(folder string) error {
		return copyDescription(filepath.Join(e.streamsDir(), folder), filepath.Join(e.opts.Dir, copiesDir, folder))
	})
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

// copyDescription copies a description and its checksum, each in one step, where they differ and are there.
func copyDescription(from, to string) error {
	for _, name := range []string{"meta.inf", "meta.sum"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // there is no copy yet, or it has just gone
		}
		if err = errors.Join(err, os.MkdirAll(to, 0o700)); err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil { //nolint:gosec // in the operator's directory
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
