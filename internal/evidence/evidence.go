// Package evidence makes an archive's content provable. Every object that is put is entered into a journal of the hour;
// when the hour is over, its journal becomes a manifest that carries the hash of the one before and may be signed. Whoever
// knows the hash of one manifest can prove what was archived until then, and Verify finds what was changed, removed or added since.
//
// All of it is kept in the archive itself, below seals/, by the same write-once puts as the evidence, so that any number of
// replicas may write and seal at the same time and each may be killed at any moment:
//
//	seals/first                            the hour in which sealing began
//	seals/journal/YYYY/MM/DD/HH/<random>   entries of objects, as they were put
//	seals/closed/YYYY/MM/DD/HH             the hour takes no more entries
//	seals/manifests/YYYY/MM/DD/HH/NNNN     the parts of the hour's manifest
//
// A writer enters an object into an hour and then looks whether the hour is closed; if it is, it enters it again, into the
// first hour that is not. A sealer closes the hour and then reads its journal. So an entry that its writer was content with is
// always seen: either the writer saw no mark, and then its entry was there before the mark, or it went on to another hour.
package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
)

// The places below which the account is kept.
const (
	own       = "seals/"
	firstKey  = own + "first"
	journal   = own + "journal/"
	closed    = own + "closed/"
	manifests = own + "manifests/"
)

const hourLayout = "2006/01/02/15"

// Deps is what an Archive needs of the server.
type Deps struct {
	Now    func() time.Time
	Log    *slog.Logger
	Signer *Signer // nil when manifests are not signed
	Note   *Note   // nil when the newest seal is not noted outside the archive
}

// Archive is a framework.Archive that accounts for what is put into it. Make one with New.
type Archive struct {
	framework.Archive // the store

	deps Deps

	writing chan struct{} // holds one token: whoever has it writes into the journal
	mu      sync.Mutex
	joining *batch        // entries that wait for the token
	first   time.Time     // the hour in which sealing began; zero until it is known
	open    time.Time     // every hour before it is closed, as far as is known
	ahead   time.Duration // of this machine's clock before the store's
	// newestKey is that of a manifest that was the newest once.
	newestKey string
}

// New puts an account around a store. It reads and writes nothing yet.
func New(store framework.Archive, deps Deps) *Archive {
	a := &Archive{Archive: store, deps: deps, writing: make(chan struct{}, 1)}
	a.writing <- struct{}{}
	return a
}

// Put stores a body under a key, and has happened only when the object is in the journal too. Keys below seals/ are refused.
func (a *Archive) Put(ctx context.Context, key string, body []byte) error {
	if isOwn(key) {
		return &framework.ServiceError{
			Service: "archive", Op: "store object", Permanent: true,
			Reason: "keys below seals/ are the archive's own account of what it holds",
		}
	}
	if err := a.Archive.Put(ctx, key, body); err != nil {
		return err
	}
	return a.enter(ctx, Entry{Key: key, SHA256: sha256.Sum256(body), Size: int64(len(body)), StoredAt: a.deps.Now()})
}

func isOwn(key string) bool {
	return key == strings.TrimSuffix(own, "/") || strings.HasPrefix(key, own)
}

// begun reports whether the archive accounts for its objects already: that begins with the first one.
func (a *Archive) begun(ctx context.Context) (bool, error) {
	a.mu.Lock()
	known := !a.first.IsZero()
	a.mu.Unlock()
	if known {
		return true, nil
	}
	first, err := readFirst(ctx, a.Archive)
	if errors.Is(err, framework.ErrNoObject) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a.setFirst(first)
	return true, nil
}

// begin records in which hour sealing began, once in the life of the archive.
func (a *Archive) begin(ctx context.Context) error {
	if begun, err := a.begun(ctx); begun || err != nil {
		return err
	}
	hour, err := a.noLaterThanStore(ctx, hourOf(a.deps.Now()))
	if err != nil {
		return err
	}
	err = a.Archive.Put(ctx, firstKey, []byte(hour.Format(time.RFC3339)+"\n"))
	if err != nil && !errors.Is(err, framework.ErrDifferent) { // somebody else was first
		return err
	}
	_, err = a.begun(ctx)
	return err
}

func readFirst(ctx context.Context, store framework.Archive) (time.Time, error) {
	body, err := store.Get(ctx, firstKey)
	if err != nil {
		return time.Time{}, err
	}
	hour, err := time.Parse(time.RFC3339+"\n", string(body))
	if err != nil || !hour.Equal(hourOf(hour)) {
		return time.Time{}, &framework.ServiceError{Service: "archive", Op: "seal", Reason: firstKey + " in the archive is not what was written: archive verify tells more"}
	}
	return hour.UTC(), nil
}

func (a *Archive) setFirst(hour time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.first = hour
	a.open = later(a.open, hour)
}

// openHour is the hour to write to, as far as is known.
func (a *Archive) openHour() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return later(hourOf(a.deps.Now()), a.open)
}

// setOpen says that every hour before is closed.
func (a *Archive) setOpen(hour time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = later(a.open, hour)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func hourOf(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }

// isClosed reports whether an hour takes no more entries.
func isClosed(ctx context.Context, store framework.Archive, hour time.Time) (bool, error) {
	_, err := store.Get(ctx, closed+hour.Format(hourLayout))
	if errors.Is(err, framework.ErrNoObject) {
		return false, nil
	}
	return err == nil, err
}

// nextOpen returns the first hour after a closed one that is not closed.
func nextOpen(ctx context.Context, store framework.Archive, hour time.Time) (time.Time, error) {
	for key, err := range store.List(ctx, closed, closed+hour.Format(hourLayout), "") {
		if err != nil {
			return hour, err
		}
		if key != closed+hour.Format(hourLayout) {
			break
		}
		hour = hour.Add(time.Hour)
	}
	return hour, nil
}

// parseHour reads the hour at the beginning of what follows a place.
func parseHour(rest string) (hour time.Time, tail string, ok bool) {
	if len(rest) < len(hourLayout) {
		return hour, "", false
	}
	hour, err := time.Parse(hourLayout, rest[:len(hourLayout)])
	return hour, rest[len(hourLayout):], err == nil
}

func wrap(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }

var _ framework.Archive = (*Archive)(nil)
