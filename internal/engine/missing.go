package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// missGone compares the streams with what was noted of them, when the server runs again. What is gone nobody brings back;
// that it is gone must be known: to operators, and to the ledger.
func (e *Engine) missGone(ctx context.Context) error {
	e.reached = &reached{dir: e.opts.Dir, noted: map[string]reach{}, removing: map[string]int{}}
	copies, err := folders(filepath.Join(e.opts.Dir, copiesDir))
	if err != nil {
		return err
	}
	for _, stream := range copies {
		source, isEvents := strings.CutPrefix(stream, streamPrefix)
		noted, whole := readReach(e.opts.Dir, stream)
		found, err := e.js.Stream(ctx, stream)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound) && isEvents:
			err = e.beginAgain(ctx, source, noted)
		case errors.Is(err, jetstream.ErrStreamNotFound):
			e.tellAllGone(stream, noted)
			err = nil // whoever needs it makes it
		case err == nil && whole:
			e.reached.noted[stream] = noted
			if isEvents {
				e.tellGone(stream, noted, found.CachedInfo().State.Msgs)
			}
		}
		if err != nil {
			return fmt.Errorf("find stream %s: %w", stream, err)
		}
	}
	return e.noteLostLedger(ctx)
}

func (e *Engine) tellGone(stream string, noted reach, messages uint64) {
	if messages < noted.Messages && !noted.Removing {
		e.log.Warn("events of the store are gone that were there when it was last noted: they are not worked on, and cannot be brought back except from a backup",
			"stream", stream, "gone", noted.Messages-messages, "left", messages)
	}
}

func (e *Engine) tellAllGone(stream string, noted reach) {
	if noted.Messages > 0 {
		e.log.Error("all messages of a part of the store are gone: they cannot be brought back except from a backup",
			"stream", stream, "gone", noted.Messages, "folder", filepath.Join(e.streamsDir(), stream))
	}
}

// beginAgain makes the stream of a source again of which everything is gone.
func (e *Engine) beginAgain(ctx context.Context, source string, noted reach) error {
	name := streamPrefix + source
	e.log.Warn("all events of a source are gone from the store, and so are its queues: what waited is not worked on, and cannot be brought back except from a backup",
		"stream", name, "gone", noted.Messages, "folder", filepath.Join(e.streamsDir(), name))
	if err := e.dropCopy(name); err != nil {
		return err
	}
	again := streams{js: e.js, now: e.now, names: e.names, replicas: e.replicas(), setup: e.setup(), storage: e.storage(), bySource: map[string]jetstream.Stream{}}
	_, err := again.remake(ctx, source)
	return err
}

// ledgerIsGone reports whether the ledger has less than it had. Without a note an empty one is, where other work was done.
func (e *Engine) ledgerIsGone(ctx context.Context) (bool, error) {
	const name = "KV_" + ledgerBucket
	if !isThere(filepath.Join(e.streamsDir(), name)) {
		if isThere(filepath.Join(e.opts.Dir, copiesDir, name)) {
			return true, nil
		}
		return e.hasWorked(ctx)
	}
	stream, err := e.js.Stream(ctx, name)
	if err != nil {
		return false, fmt.Errorf("find ledger: %w", err)
	}
	state := stream.CachedInfo().State
	noted, whole := readReach(e.opts.Dir, name)
	if !whole {
		if state.Msgs > 0 {
			return false, nil
		}
		return e.hasWorked(ctx)
	}
	expires := !noted.Oldest.IsZero() && e.now().Sub(noted.Oldest) > ledgerRetention
	return state.LastSeq < noted.Last || state.Msgs < noted.Messages && (state.Msgs == 0 || !expires), nil
}

// hasWorked reports whether there are records of runs.
func (e *Engine) hasWorked(ctx context.Context) (bool, error) {
	stream, err := e.js.Stream(ctx, "KV_runs")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find runs: %w", err)
	}
	return stream.CachedInfo().State.Msgs > 0, nil
}

// noteLostLedger notes in the name of a folder that the ledger lost records, or is gone. That is then made anew by the start.
func (e *Engine) noteLostLedger(ctx context.Context) error {
	gone, err := e.ledgerIsGone(ctx)
	if err != nil || !gone {
		return err
	}
	aside := filepath.Join(e.opts.Dir, damagedDir, e.now().UTC().Format(damagedAt), "KV_"+ledgerBucket)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("note that the ledger is gone: %w", err)
	}
	if err := syncFolder(filepath.Dir(aside)); err != nil {
		return fmt.Errorf("note that the ledger is gone: %w", err)
	}
	// The next start is not to find it again.
	err = os.Remove(filepath.Join(e.opts.Dir, copiesDir, "KV_"+ledgerBucket, reachedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget how far the ledger had come: %w", err)
	}
	delete(e.reached.noted, "KV_"+ledgerBucket)
	return nil
}
