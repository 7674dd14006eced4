package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	stateSum   = "o.sum"        // there, of what a queue's state was when the server was stopped
	damagedDir = "damaged"      // what was put aside, by time
	damagedAt  = "20060102T150405.000000000"
)

func (e *Engine) streamsDir() string { return streamsIn(e.opts.Dir) }

func streamsIn(dir string) string { return filepath.Join(dir, "jetstream", "$G", "streams") }

// rejectTorn has the server pass over consumers whose state is cut short, or is not what the server left. By itself it takes
// an empty one for new, and what lacks the end for whole: it would forget what was delivered and not finished.
func (e *Engine) rejectTorn() error {
	return eachDescription(e.streamsDir(), func(folder string) error {
		path := filepath.Join(e.streamsDir(), folder, "o.dat")
		state, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read state of queue: %w", err)
		}
		there := err == nil // a stream has none, nor has a queue that nothing was taken from
		sum, err := os.ReadFile(filepath.Join(e.opts.Dir, copiesDir, folder, stateSum))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read checksum of the state of a queue: %w", err)
		}
		ended := err == nil // the server was stopped in order, and there is a sum of what it left
		if (!ended || bytes.Equal(sum, sumOf(state))) && (!there || wholeState(state)) {
			return nil
		}
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			return fmt.Errorf("mark the state of a queue as damaged: %w", err)
		}
		return nil
	})
}

// sumStates writes a checksum of the state of each queue, of which the server keeps none. It holds until a server runs again.
func sumStates(dir string) error {
	return eachDescription(streamsIn(dir), func(folder string) error {
		state, err := os.ReadFile(filepath.Join(streamsIn(dir), folder, "o.dat"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		into := filepath.Join(dir, copiesDir, folder)
		if err = errors.Join(err, os.MkdirAll(into, 0o700)); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(into, stateSum), sumOf(state), 0o600) //nolint:gosec // in the operator's directory
	})
}

// dropSums removes the checksums: a server will change what they are of.
func dropSums(dir string) error {
	return eachDescription(filepath.Join(dir, copiesDir), func(folder string) error {
		err := os.Remove(filepath.Join(dir, copiesDir, folder, stateSum))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func sumOf(state []byte) []byte {
	sum := sha256.Sum256(state)
	return sum[:]
}

// wholeState reports whether a consumer's state ends where its own counts say: two bytes, four numbers, those that are pending
// with a time in front and three numbers each, those delivered again with two each (encodeConsumerState in nats-server/v2 v2.15.2).
func wholeState(state []byte) bool {
	const header, version = 2, 2
	if len(state) < header {
		return false
	}
	if state[1] != version {
		return true // the server knows
	}
	rest, whole := state[header:], true
	number := func() uint64 {
		value, size := binary.Uvarint(rest)
		if size <= 0 {
			whole, rest = false, nil
			return 0
		}
		rest = rest[size:]
		return value
	}
	skip := func(count uint64) {
		for ; whole && count > 0; count-- {
			number()
		}
	}
	most := uint64(len(state)) // more numbers than bytes there cannot be
	skip(4)
	if pending := number(); pending > 0 {
		skip(1 + 3*min(pending, most))
	}
	skip(2 * min(number(), most))
	return whole && len(rest) == 0
}

// recoverDamaged repairs what the server passed over, or says what to do.
func (e *Engine) recoverDamaged(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*storeTimeout)
	defer cancel()
	streams, queues, err := e.passedOver(ctx)
	if err != nil {
		return err
	}
	if len(streams)+len(queues) > 0 {
		if err := e.restoreDescriptions(ctx); err != nil {
			return err
		}
		if streams, queues, err = e.passedOver(ctx); err != nil {
			return err
		}
	}
	for _, folder := range streams {
		if !isExpendable(filepath.Base(folder)) {
			return e.beyondRepair(folder, nil)
		}
		if err := e.putAside(folder); err != nil {
			return err
		}
	}
	for _, folder := range queues {
		if err := e.recoverConsumer(ctx, folder); err != nil {
			return err
		}
	}
	return nil
}

// isExpendable reports whether a stream is made anew without loss: what providers answered is asked for again, what was
// taken from a quota the provider tells by refusing, and which services are down shows at the next call.
func isExpendable(stream string) bool {
	return slices.Contains([]string{"KV_" + answersBucket, "KV_" + quotaBucket, "KV_" + breakersBucket, probeStream}, stream)
}

// putAside moves the folder of a stream that the server passed over out of its way.
func (e *Engine) putAside(folder string) error {
	aside := filepath.Join(e.opts.Dir, damagedDir, e.now().UTC().Format(damagedAt))
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return e.beyondRepair(folder, err)
	}
	aside = filepath.Join(aside, filepath.Base(folder))
	if err := os.Rename(folder, aside); err != nil {
		return e.beyondRepair(folder, err)
	}
	e.log.Warn("a part of the store is damaged; it is made anew, empty, which loses no event", "stream", filepath.Base(folder), "put_aside", aside)
	return nil
}

func (e *Engine) beyondRepair(folder string, cause error) error {
	err := fmt.Errorf("the store is damaged in %s: restore %s from a backup, or move that folder away to go on without what is in it", folder, e.opts.Dir)
	return errors.Join(err, cause)
}

// passedOver lists the folders of streams and of consumers that are on disk and that the server cannot work with.
func (e *Engine) passedOver(ctx context.Context) (streams, consumers []string, err error) {
	names, err := folders(e.streamsDir())
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		folder := filepath.Join(e.streamsDir(), name)
		_, err := e.js.Stream(ctx, name)
		if cannotWork(err) {
			e.log.Warn("a stream of the store is damaged", "stream", name, "err", err)
			streams = append(streams, folder)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("open stream %s: %w", name, err)
		}
		queues, err := folders(filepath.Join(folder, "obs"))
		if err != nil {
			return nil, nil, err
		}
		for _, queue := range queues {
			_, err := e.js.Consumer(ctx, name, queue)
			switch {
			case cannotWork(err):
				e.log.Warn("a queue of the store is damaged", "stream", name, "queue", queue, "err", err)
				consumers = append(consumers, filepath.Join(folder, "obs", queue))
			case err != nil:
				return nil, nil, fmt.Errorf("open queue %s: %w", queue, err)
			}
		}
	}
	return streams, consumers, nil
}

// cannotWork reports whether the server says that it has no such stream or consumer, or that it does not understand it.
func cannotWork(err error) bool {
	_, refused := errors.AsType[*jetstream.APIError](err)
	return refused
}

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

// recoverConsumer makes a consumer anew.
func (e *Engine) recoverConsumer(ctx context.Context, folder string) error {
	stream, name := filepath.Base(filepath.Dir(filepath.Dir(folder))), filepath.Base(folder)
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
	if err := e.js.DeleteConsumer(ctx, stream, name); err != nil && !cannotWork(err) {
		return fmt.Errorf("remove damaged queue %s: %w", name, err)
	}
	aside := filepath.Join(e.opts.Dir, damagedDir, e.now().UTC().Format(damagedAt), stream)
	err = errors.Join(os.MkdirAll(aside, 0o700), os.Rename(folder, filepath.Join(aside, name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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
