package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"
)

// The store passes over a stream or a consumer whose description it cannot read, with a warning and all that is in it.
// So a copy is kept of each description, and a consumer whose state is damaged is made anew: the run records tell which of
// its events are finished.
const (
	copiesDir = "descriptions" // in the store's directory
	stateSum  = "o.sum"        // there, of what a queue's state was when the server was stopped
)

func (e *Engine) streamsDir() string { return streamsIn(e.opts.Dir) }

func streamsIn(dir string) string { return filepath.Join(dir, "jetstream", "$G", "streams") }

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
	aside, err := freeAside(e.opts.Dir, e.now(), filepath.Base(folder))
	if err == nil {
		err = os.Rename(folder, aside)
	}
	if err != nil {
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
	aside, err := freeAside(e.opts.Dir, e.now(), filepath.Join(stream, name))
	if err == nil { // before the server is told to remove it
		err = os.Rename(folder, aside)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e.beyondRepair(folder, err)
	}
	if err := e.js.DeleteConsumer(ctx, stream, name); err != nil && !cannotWork(err) {
		return fmt.Errorf("remove damaged queue %s: %w", name, err)
	}
	found, err := e.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("find the stream of damaged queue %s: %w", name, err)
	}
	config, err := kept.anew(ctx, found)
	if err != nil {
		return fmt.Errorf("find where damaged queue %s begins: %w", name, err)
	}
	if _, err := found.CreateConsumer(ctx, config); err != nil {
		return fmt.Errorf("make damaged queue %s anew: %w", name, err)
	}
	e.log.Warn("the state of a queue is damaged; it is made anew, and finished events are told by their runs", "queue", name, "from", config.OptStartSeq, "put_aside", aside)
	return nil
}
