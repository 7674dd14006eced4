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
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"
)

// A stream of which a file of messages is gone, or empty, looks like one that never had more. So it is noted outside of the
// files how far the ledger and the events have come: every few seconds, and before the ledger's first entry.

// reachedFile is in the folder of a stream's copies: a SHA-256 sum, and a reach as JSON.
const reachedFile = "reached.note"

// mostReached bounds what is believed: no store comes as far, and a damaged file may say anything.
const mostReached = 1 << 53

// reach is how far a stream has come.
type reach struct {
	Last     uint64    `json:"last"` // sequence
	Messages uint64    `json:"messages"`
	Oldest   time.Time `json:"oldest,omitzero"` // of the messages
}

// reached are the notes of a store in a directory.
type reached struct {
	dir string

	mu    sync.Mutex
	noted map[string]reach // by stream
}

// readReach returns what is noted of a stream, and whether there is a note that is whole.
func readReach(dir, stream string) (noted reach, whole bool) {
	content, err := os.ReadFile(filepath.Join(dir, copiesDir, stream, reachedFile))
	if err != nil || len(content) < sha256.Size {
		return reach{}, false
	}
	sum, text := content[:sha256.Size], content[sha256.Size:]
	if !bytes.Equal(sum, sumOf(text)) || json.Unmarshal(text, &noted) != nil {
		return reach{}, false
	}
	return noted, true
}

// note writes how far a stream has come, if that is news.
func (r *reached) note(stream string, now reach) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, known := r.noted[stream]; known && (before == now || now.Last < before.Last) {
		return nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode how far a stream has come: %w", err)
	}
	folder := filepath.Join(r.dir, copiesDir, stream)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("note how far a stream has come: %w", err)
	}
	if err := writeSafely(filepath.Join(folder, reachedFile), append(sumOf(text), text...)); err != nil {
		return fmt.Errorf("note how far a stream has come: %w", err)
	}
	r.noted[stream] = now
	return nil
}

// beginLedger notes that the ledger has an entry, before it has the first: an empty one is not taken for new from then on.
func (r *reached) beginLedger() error {
	const ledger = "KV_" + ledgerBucket
	if r == nil {
		return nil
	}
	r.mu.Lock()
	begun := r.noted[ledger].Last > 0
	r.mu.Unlock()
	if begun {
		return nil
	}
	return r.note(ledger, reach{Last: 1, Messages: 1})
}

// noteReached notes how far the ledger and the events have come, once that is safe against power loss.
func (e *Engine) noteReached(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := e.noteAllReached(ctx); err != nil && ctx.Err() == nil {
		e.log.Warn("how far the store has come is not noted", "err", err)
	}
}

func (e *Engine) noteAllReached(ctx context.Context) error {
	streams, err := e.streams.all(ctx)
	if err != nil {
		return err
	}
	now := map[string]reach{}
	for _, stream := range append(valuesOf(streams), e.ledger.bucket.stream) {
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		now[info.Config.Name] = reach{info.State.LastSeq, info.State.Msgs, info.State.FirstTime.UTC()}
	}
	if err := e.barrier.wait(ctx); err != nil {
		return err
	}
	var errs []error
	for stream, reach := range now {
		errs = append(errs, e.reached.note(stream, reach))
	}
	return errors.Join(errs...)
}

func valuesOf(streams map[string]jetstream.Stream) (values []jetstream.Stream) {
	for _, stream := range streams {
		values = append(values, stream)
	}
	return values
}

// reachedIn returns how far the stream in a folder had come, as its note and the states of its queues say; 0 when it had no
// messages.
func reachedIn(folder, stream string) uint64 {
	dir := filepath.Join(folder, "..", "..", "..", "..", "..") // streamsIn
	last := uint64(0)
	if noted, _ := readReach(dir, stream); noted.Messages > 0 {
		last = noted.Last
	}
	queues, _ := folders(filepath.Join(folder, "..", "obs")) // those that cannot be read say nothing
	for _, queue := range queues {
		state, err := os.ReadFile(filepath.Join(folder, "..", "obs", queue, "o.dat"))
		if err == nil && wholeState(state) {
			last = max(last, delivered(state))
		}
	}
	if last > mostReached {
		return 0
	}
	return last
}

// delivered is the place of the last message that a queue was given: the fourth number of its state (see wholeState).
func delivered(state []byte) (place uint64) {
	const header, version = 2, 2
	if state[1] != version {
		return 0
	}
	rest := state[header:]
	for range 4 {
		number, size := binary.Uvarint(rest)
		if size <= 0 {
			return 0
		}
		place, rest = number, rest[size:]
	}
	return place
}

// missGone compares the streams with what was noted of them, when the server runs again. What is gone nobody brings back;
// that it is gone must be known: to operators, and to the ledger.
func (e *Engine) missGone(ctx context.Context) error {
	e.reached = &reached{dir: e.opts.Dir, noted: map[string]reach{}}
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
	if messages < noted.Messages {
		e.log.Warn("events of the store are gone that were there when it was last noted: they are not worked on, and cannot be brought back except from a backup",
			"stream", stream, "gone", noted.Messages-messages, "left", messages)
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
