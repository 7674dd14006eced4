package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"funnelweb/framework"
)

const ledgerBucket = "ledger"

// maxLedgerValue bounds a ledger entry in bytes.
const maxLedgerValue = 1 << 20

var ledgerKey = regexp.MustCompile(`^[A-Za-z0-9_./=-]{1,200}$`)

// ledger is a framework.Ledger on a bucket.
type ledger struct {
	bucket    *bucket
	barrier   *barrier
	timeout   time.Duration
	forgets   atomic.Bool
	sightings *sightings
	reached   *reached // nil without a store in a directory
}

// Age implements framework.Ledger. What the ledger had when it was opened is as old as that.
func (l *ledger) Age(revision uint64) time.Duration { return l.sightings.age(revision) }

// Forgets implements framework.Forgetful: a ledger in memory is gone with the process, and one of which records were
// damaged lacks them.
func (l *ledger) Forgets() bool { return l.forgets.Load() }

// Get returns the value and its revision, or framework.ErrNotRecorded. A revision may be read before it is safe against
// power loss; whoever builds on it by Put makes it so.
func (l *ledger) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	subject, err := bucketKey(key)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	value, revision, err := l.bucket.get(ctx, subject)
	if errors.Is(err, errNoEntry) {
		return nil, 0, fmt.Errorf("%w: %s", framework.ErrNotRecorded, key)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read ledger entry %s: %w", key, err)
	}
	l.sightings.note(revision)
	return value, revision, nil
}

// Put writes the value if the entry is still at the revision, else it returns framework.ErrConflict. A value has at
// most 1 MiB. After any other error the write may have happened or not.
func (l *ledger) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	subject, err := bucketKey(key)
	if err != nil {
		return 0, err
	}
	if len(value) > maxLedgerValue {
		return 0, fmt.Errorf("ledger entry %s has %d bytes, more than %d", key, len(value), maxLedgerValue)
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := l.reached.beginLedger(); err != nil {
		return 0, fmt.Errorf("write ledger entry %s: %w", key, err)
	}
	met := l.sightings.newest()
	written, err := l.bucket.put(ctx, subject, value, revision)
	if errors.Is(err, errMismatch) {
		return 0, fmt.Errorf("%w: %s", framework.ErrConflict, key)
	}
	if err != nil {
		return 0, fmt.Errorf("write ledger entry %s: %w", key, err)
	}
	if err := l.barrier.wait(ctx); err != nil {
		return 0, fmt.Errorf("write ledger entry %s: %w", key, err)
	}
	l.sightings.wrote(written, met)
	return written, nil
}

// bucketKey turns a ledger key into one of a bucket, which must not begin or end with a dot or have two in a row.
func bucketKey(key string) (string, error) {
	if !ledgerKey.MatchString(key) {
		return "", fmt.Errorf("key %q is not 1 to 200 letters, digits and - _ . / =", key)
	}
	return strings.NewReplacer("=", "=e", ".", "=d").Replace(key), nil
}
