package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
)

// A ledger that has lost records says so for as long as one of them would have been kept: until then an effect may be
// called for again that nobody remembers. When it lost them stands in the ledger itself, so that it expires at that time and
// goes wherever the ledger goes; before that, in the name of the folder into which the damaged files were put.

// lossKey is that of the note; no key of a part becomes this one of the bucket (bucketKey).
const lossKey = "=lost"

// longestEffect is far longer than any effect is under way. When records were lost is by a clock that may have been set, and the
// process that found it out may have been killed since.
const longestEffect = 24 * time.Hour

// loss is the note.
type loss struct {
	At time.Time `json:"at"`
}

// recall finds out, when the ledger is opened, whether it has lost records.
func (l *ledger) recall(ctx context.Context, e *Engine) error {
	l.reached = e.reached
	if e.opts.Inline {
		l.forgets.Store(true)
		return nil
	}
	noted, revision, err := l.noted(ctx)
	if err != nil {
		return err
	}
	lost := noted
	if !e.shared() {
		put, err := lastPutAside(e.opts.Dir, "KV_"+ledgerBucket)
		if err != nil {
			return err
		}
		if put.After(lost) {
			lost = put
		}
	}
	if lost.IsZero() || e.now().Sub(lost) > ledgerRetention {
		return nil
	}
	l.forgets.Store(true)
	if e.now().Sub(lost) < longestEffect {
		l.sightings.lose() // what was under way is not looked for at once
	}
	if !lost.After(noted) {
		return nil
	}
	text, err := json.Marshal(loss{lost})
	if err == nil {
		_, err = l.bucket.put(ctx, lossKey, text, revision)
	}
	if err != nil && !errors.Is(err, errMismatch) {
		return fmt.Errorf("note that the ledger lost records: %w", err)
	}
	e.log.Warn("the ledger has lost records; what it does not know is looked for before it is done, for as long as they would have been kept",
		"lost", lost, "until", lost.Add(ledgerRetention))
	return nil
}

// noted reads the note and its revision.
func (l *ledger) noted(ctx context.Context) (time.Time, uint64, error) {
	text, revision, err := l.bucket.get(ctx, lossKey)
	if errors.Is(err, errNoEntry) {
		return time.Time{}, 0, nil
	}
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("read whether the ledger lost records: %w", err)
	}
	var read loss
	if err := json.Unmarshal(text, &read); err != nil {
		return time.Time{}, 0, fmt.Errorf("decode whether the ledger lost records: %w", err)
	}
	return read.At, revision, nil
}

// lastPutAside returns when files of a stream were last put aside, or the zero time.
func lastPutAside(dir, stream string) (time.Time, error) {
	times, err := folders(filepath.Join(dir, damagedDir))
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	for _, name := range times {
		at, err := time.Parse(damagedAt, name)
		if err == nil && at.After(last) && isThere(filepath.Join(dir, damagedDir, name, stream)) {
			last = at
		}
	}
	return last, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
