package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"funnelweb/framework"
)

// The bounds of the journal.
const (
	enterTime = 2 * time.Minute // of writing a segment; a store has bounds of its own
	maxMoves  = 10              // hours that are closed under a writer, one after the other, before it gives up
	maxBatch  = 10_000          // entries of a segment: with the longest keys it is well below what an object may hold
	readers   = 16              // objects that are read side by side
)

// batch is entries that are written in one go: who puts at the same time shares the cost.
type batch struct {
	entries []Entry
	done    chan struct{}
	err     error // valid when done is closed
}

// enter returns when an entry is safe in the journal.
func (a *Archive) enter(ctx context.Context, entry Entry) error {
	joined, leads := a.join(entry)
	if leads {
		// Others wait for this batch, too: one caller that leaves must not take it along.
		lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), enterTime)
		defer cancel()
		a.lead(lasting, joined)
	}
	select {
	case <-joined.done:
	case <-ctx.Done():
		return wrap("enter into the archive's journal", ctx.Err())
	}
	if joined.err != nil {
		return wrap("enter into the archive's journal", joined.err)
	}
	return nil
}

// join adds an entry to the batch that waits. The one who begins a batch leads it.
func (a *Archive) join(entry Entry) (joined *batch, leads bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.joining == nil || len(a.joining.entries) >= maxBatch {
		a.joining, leads = &batch{done: make(chan struct{})}, true
	}
	a.joining.entries = append(a.joining.entries, entry)
	return a.joining, leads
}

// lead writes a batch when the one before is written. Until then others join it.
func (a *Archive) lead(ctx context.Context, b *batch) {
	defer close(b.done)
	select {
	case <-a.writing:
		defer func() { a.writing <- struct{}{} }()
	case <-ctx.Done():
		b.err = ctx.Err()
	}
	a.mu.Lock()
	if a.joining == b {
		a.joining = nil
	}
	a.mu.Unlock()
	if b.err == nil {
		b.err = a.write(ctx, b.entries)
	}
}

// write writes entries into the first hour that takes them.
func (a *Archive) write(ctx context.Context, entries []Entry) error {
	if err := a.begin(ctx); err != nil {
		return err
	}
	var segment bytes.Buffer
	for _, entry := range entries {
		entry.appendTo(&segment)
	}
	for range maxMoves {
		hour := a.openHour()
		if err := a.Archive.Put(ctx, journal+hour.Format(hourLayout)+"/"+rand.Text(), segment.Bytes()); err != nil {
			return err
		}
		shut, err := isClosed(ctx, a.Archive, hour)
		if err != nil || !shut {
			return err
		}
		if hour, err = nextOpen(ctx, a.Archive, hour); err != nil {
			return err
		}
		a.setOpen(hour)
	}
	return &framework.ServiceError{Service: "archive", Op: "seal", Reason: "hours are closed as fast as they are written to"}
}

// readJournal returns the entries of an hour.
func readJournal(ctx context.Context, store framework.Archive, hour time.Time) ([]Entry, error) {
	var keys []string
	for key, err := range store.List(ctx, journal+hour.Format(hourLayout)+"/", "", "") {
		if err != nil {
			return nil, wrap("list the journal", err)
		}
		keys = append(keys, key)
	}
	return readSegments(ctx, store, keys)
}

// readSegments returns the entries of segments. What of a segment is no entry is left out: Verify finds objects without one.
func readSegments(ctx context.Context, store framework.Archive, keys []string) ([]Entry, error) {
	segments := make([][]byte, len(keys))
	err := framework.Each(ctx, len(keys), readers, func(ctx context.Context, i int) (err error) {
		segments[i], err = store.Get(ctx, keys[i])
		if errors.Is(err, framework.ErrNoObject) { // somebody else has sealed the hour and cleared its journal
			return nil
		}
		return err
	})
	if err != nil {
		return nil, wrap("read the journal", err)
	}
	var entries []Entry
	for _, segment := range segments {
		for line := range bytes.Lines(segment) {
			if entry, ok := parseEntry(string(line)); ok {
				entries = append(entries, entry)
			}
		}
	}
	return entries, nil
}
