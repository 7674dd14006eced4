package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// errFull says that there is no room for an event.
var errFull = errors.New("the store is full")

// errDiskFull is errFull by the doing of others, as the store's own bound leaves half of the disk free: to give up
// events would feed them, and cost the memory of what was delivered before.
var errDiskFull = fmt.Errorf("%w: its disk is", errFull)

// diskReserve is what is left free on the disk. The store breaks for good when a write fails for lack of room.
const diskReserve = 64 << 20

// maxShare bounds in bytes what is taken between two measurements, as others may fill the same disk.
const maxShare = 16 << 20

// messageOverhead is at least what the store adds to a message: record header, checksum, subject.
const messageOverhead = 256

// space says whether there is room for an event. All sources share one budget, which one bound per stream could not
// do; what is above it belongs to ledger, runs and dead letters, and the server refuses what is above all.
type space struct {
	used   func(context.Context) (int64, error) // bytes that the store holds
	free   func() (int64, error)                // bytes that its disk has left
	budget int64                                // bytes
	trusts bool                                 // the store bears a share that was not measured, while it elects a leader

	mu   sync.Mutex
	left int64 // a share of what was left when it was measured, minus what was taken since
}

// take takes bytes from the budget, or returns errFull. What is not written after all comes back with the next
// measurement.
func (s *space) take(ctx context.Context, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left < bytes {
		left, full, err := s.measure(ctx)
		switch {
		case err != nil && !s.trusts:
			return err
		case err != nil:
			left = max(bytes, maxShare)
		case left < bytes:
			return full
		}
		s.left = min(left, max(bytes, min(maxShare, s.budget/64)))
	}
	s.left -= bytes
	return nil
}

// check measures, and returns errFull when there is not room for a usual event.
func (s *space) check(ctx context.Context) error {
	left, full, err := s.measure(ctx)
	if err == nil && left < min(maxPayload, s.budget/16) {
		return full
	}
	return err
}

// measure returns how many bytes of events still fit, negative when the budget is overdrawn, and the error for too few.
func (s *space) measure(ctx context.Context) (left int64, full, err error) {
	used, err := s.used(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("read size of store: %w", err)
	}
	free, err := s.free()
	if err != nil {
		return 0, nil, fmt.Errorf("read free space of the store's disk: %w", err)
	}
	if left, onDisk := s.budget-used, free-diskReserve; left <= onDisk {
		return left, errFull, nil
	}
	return free - diskReserve, errDiskFull, nil
}

// usedInDir is all that the directory's store holds.
func (e *Engine) usedInDir(ctx context.Context) (int64, error) {
	account, err := e.js.AccountInfo(ctx)
	if err != nil {
		return 0, err
	}
	return int64(account.Store), nil //nolint:gosec // no store has 2^63 bytes
}

func (e *Engine) freeInDir() (int64, error) { return e.opts.diskFree(e.opts.Dir) }

// usedShared adds up the engine's own streams, once each however many servers hold them: an account may have others. A
// share that each replica takes may be beyond the budget by as much as there are replicas.
func (e *Engine) usedShared(ctx context.Context) (int64, error) {
	streams, err := e.streams.all(ctx)
	if err != nil {
		return 0, err
	}
	all := slices.Collect(maps.Values(streams))
	all = append(all, e.letters, e.ledger.bucket.stream, e.quota.bucket.stream, e.runs.bucket.stream)
	used := int64(0)
	for _, stream := range all {
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		used += int64(info.State.Bytes) //nolint:gosec // no store has 2^63 bytes
	}
	return used, nil
}
