package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// errFull says that there is no room for an event.
var errFull = errors.New("the store is full")

// diskReserve is what is left free on the disk. The store breaks for good when a write fails for lack of room.
const diskReserve = 64 << 20

// maxShare bounds in bytes what is taken between two measurements, as others may fill the same disk.
const maxShare = 16 << 20

// messageOverhead is at least what the store adds to a message: record header, checksum, subject.
const messageOverhead = 256

// space says whether there is room for an event. All sources share one budget, which one bound per stream could not
// do; what is above it belongs to ledger, runs and dead letters, and the server refuses what is above all.
type space struct {
	js     jetstream.JetStream
	dir    string
	budget int64 // bytes

	mu   sync.Mutex
	left int64 // a share of what was left when it was measured, minus what was taken since
}

// take takes bytes from the budget, or returns errFull. What is not written after all comes back with the next
// measurement.
func (s *space) take(ctx context.Context, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left < bytes {
		left, err := s.measure(ctx)
		if err != nil {
			return err
		}
		if left < bytes {
			return errFull
		}
		s.left = min(left, max(bytes, min(maxShare, s.budget/64)))
	}
	s.left -= bytes
	return nil
}

// check measures, and returns errFull when there is not room for a usual event.
func (s *space) check(ctx context.Context) error {
	left, err := s.measure(ctx)
	if err == nil && left < min(maxEvent, s.budget/16) {
		return errFull
	}
	return err
}

// measure returns how many bytes of events still fit: negative when the budget is overdrawn.
func (s *space) measure(ctx context.Context) (int64, error) {
	account, err := s.js.AccountInfo(ctx)
	if err != nil {
		return 0, fmt.Errorf("read size of store: %w", err)
	}
	free, err := diskFree(s.dir)
	if err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", s.dir, err)
	}
	return min(s.budget-int64(account.Store), free-diskReserve), nil //nolint:gosec // no store has 2^63 bytes
}
