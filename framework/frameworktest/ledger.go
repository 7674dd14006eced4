package frameworktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sync"
	"time"

	"funnelweb/framework"
)

var ledgerKey = regexp.MustCompile(`^[A-Za-z0-9_./=-]{1,200}$`)

// MemoryLedger is a framework.Ledger. Revisions rise over the whole ledger, so that a revision of one entry is never
// valid for another. Each hook that is set is called outside the lock and makes the call fail when it returns an error.
type MemoryLedger struct {
	BeforeGet func(key string) error
	BeforePut func(key string) error // nothing was written
	AfterPut  func(key string) error // the value was written and the answer is lost
	// Elapsed is the clock by which entries age, such as Clock.Elapsed; they do not when it is nil.
	Elapsed func() time.Duration

	mu      sync.Mutex
	entries map[string]ledgerEntry
	written []time.Duration // when each revision was, from the first on
}

type ledgerEntry struct {
	value    []byte
	revision uint64
}

// Get returns a copy of the value and its revision, or framework.ErrNotRecorded.
func (l *MemoryLedger) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := allowed(ctx, ledgerKey, key, l.BeforeGet); err != nil {
		return nil, 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, found := l.entries[key]
	if !found {
		return nil, 0, framework.ErrNotRecorded
	}
	return bytes.Clone(entry.value), entry.revision, nil
}

// Put writes the value when the entry is still at the revision, else it returns framework.ErrConflict.
func (l *MemoryLedger) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := allowed(ctx, ledgerKey, key, l.BeforePut); err != nil {
		return 0, err
	}
	written, err := l.put(key, value, revision)
	if err != nil || l.AfterPut == nil {
		return written, err
	}
	if err := l.AfterPut(key); err != nil {
		return 0, err
	}
	return written, nil
}

func (l *MemoryLedger) put(key string, value []byte, revision uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries[key].revision != revision {
		return 0, framework.ErrConflict
	}
	if l.entries == nil {
		l.entries = map[string]ledgerEntry{}
	}
	l.written = append(l.written, l.elapsed())
	last := uint64(len(l.written))
	l.entries[key] = ledgerEntry{bytes.Clone(value), last}
	return last, nil
}

// Age returns how long ago the revision was written, by Elapsed. It has never lost any.
func (l *MemoryLedger) Age(revision uint64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if revision == 0 {
		return math.MaxInt64
	}
	if revision > uint64(len(l.written)) {
		return 0
	}
	return l.elapsed() - l.written[revision-1]
}

func (l *MemoryLedger) elapsed() time.Duration {
	if l.Elapsed == nil {
		return 0
	}
	return l.Elapsed()
}

// Keys returns the keys of all entries, sorted.
func (l *MemoryLedger) Keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.entries))
}

// allowed is what a store asks before it does anything: whether the caller still waits, the key is of the documented
// form and the hook agrees.
func allowed(ctx context.Context, form *regexp.Regexp, key string, hook func(string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !form.MatchString(key) {
		return fmt.Errorf("%w: %q", errKey, key)
	}
	if hook != nil {
		return hook(key)
	}
	return nil
}

var errKey = errors.New("key is not of the documented form")
