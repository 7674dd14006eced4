package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"
)

// A stream of which a file of messages is gone, or empty, looks like one that never had more. So it is noted outside of the
// files how far the streams have come: every few seconds, and before the ledger's first entry.

// reachedFile is a note in the folder of a stream's copies: a reach as JSON.
const reachedFile = "reached.note"

// mostReached bounds what is believed: no store comes as far, and a damaged file may say anything.
const mostReached = 1 << 53

// reach is how far a stream has come.
type reach struct {
	Last     uint64    `json:"last"` // sequence
	Messages uint64    `json:"messages"`
	Oldest   time.Time `json:"oldest,omitzero"` // of the messages
	// Removing is that messages were being removed when it was noted: fewer of them are not missed.
	Removing bool `json:"removing,omitzero"`
}

// reached are the notes of a store in a directory.
type reached struct {
	dir string

	mu       sync.Mutex
	noted    map[string]reach // by stream
	removing map[string]int   // by stream, how many remove messages
	removals int              // that began
}

// readReach returns what is noted of a stream, and whether there is a note that is whole.
func readReach(dir, stream string) (noted reach, whole bool) {
	text, whole := readNote(filepath.Join(dir, copiesDir, stream, reachedFile))
	if !whole || json.Unmarshal(text, &noted) != nil {
		return reach{}, false
	}
	return noted, true
}

// note writes how far a stream has come, if that is news. It was looked at after so many removals had begun.
func (r *reached) note(stream string, now reach, removals int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now.Removing = r.removing[stream] > 0 || removals != r.removals
	return r.write(stream, now)
}

func (r *reached) begun() (removals int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removals
}

// remove notes that messages of a stream are about to be removed, which goes on until done is called.
func (r *reached) remove(stream string) (done func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if noted, known := r.noted[stream]; known {
		noted.Removing = true
		if err := r.write(stream, noted); err != nil {
			return nil, err
		}
	}
	r.removing[stream]++
	r.removals++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.removing[stream]--
	}, nil
}

func (r *reached) write(stream string, now reach) error {
	if before, known := r.noted[stream]; known && (before == now || now.Last < before.Last) {
		return nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode how far a stream has come: %w", err)
	}
	if err := writeNote(filepath.Join(r.dir, copiesDir, stream, reachedFile), text); err != nil {
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
	defer r.mu.Unlock()
	if r.noted[ledger].Last > 0 {
		return nil
	}
	return r.write(ledger, reach{Last: 1, Messages: 1})
}

// noteReached notes how far the streams have come of which nothing may get lost, and which of their files are whole, once that
// is safe against power loss.
func (e *Engine) noteReached(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := errors.Join(e.noteAllReached(ctx), e.noteWhole(ctx)); err != nil && ctx.Err() == nil {
		e.log.Warn("how far the store has come is not noted", "err", err)
	}
}

func (e *Engine) noteAllReached(ctx context.Context) error {
	streams, err := e.streams.all(ctx)
	if err != nil {
		return err
	}
	now, removals := map[string]reach{}, e.reached.begun()
	others := []jetstream.Stream{e.ledger.bucket.stream, e.letters, e.audit, e.runs.bucket.stream, e.states.bucket.stream}
	for _, stream := range append(valuesOf(streams), others...) {
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		now[info.Config.Name] = reach{Last: info.State.LastSeq, Messages: info.State.Msgs, Oldest: info.State.FirstTime.UTC()}
	}
	if err := e.barrier.wait(ctx); err != nil {
		return err
	}
	var errs []error
	for stream, reach := range now {
		errs = append(errs, e.reached.note(stream, reach, removals))
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
