package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"funnelweb/framework"
)

// The times of sealing.
const (
	sealDelay = 5 * time.Second // after the end of an hour
	sealRetry = time.Minute     // after a failure
)

// Seal is the newest manifest: who knows its hash can prove what was archived until the end of its hour.
type Seal struct {
	Hour   time.Time `json:"hour"` // the hour that it closes
	SHA256 Hash      `json:"sha256"`

	key string // of the manifest; "" when it is not at hand
}

// Run seals each hour when it is over, until ctx is done.
func (a *Archive) Run(ctx context.Context) {
	for {
		_, err := a.Seal(ctx, false)
		now := a.deps.Now().Add(-a.aheadBy())
		wait := hourOf(now).Add(time.Hour + sealDelay).Sub(now)
		if err != nil && ctx.Err() == nil {
			a.deps.Log.WarnContext(ctx, "archive cannot be sealed", "err", err)
			wait = min(wait, sealRetry)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Seal seals the hours that are over, and with now also the one that is open: what is put from then on belongs to the next.
// It returns the newest seal, whether or not it is its own; nil when nothing was ever archived.
func (a *Archive) Seal(ctx context.Context, now bool) (*Seal, error) {
	if begun, err := a.begun(ctx); err != nil || !begun {
		return nil, err
	}
	last, next, err := a.newest(ctx)
	if err != nil {
		return nil, err
	}
	until := hourOf(a.deps.Now())
	if now || next.Before(until) {
		if until, err = a.noLaterThanStore(ctx, until); err != nil {
			return nil, err
		}
	}
	if now {
		if until, err = nextOpen(ctx, a.Archive, later(until, next)); err != nil {
			return nil, err
		}
		until = until.Add(time.Hour)
	}
	for next.Before(until) {
		if last, next, err = a.sealNext(ctx, last, next); err != nil {
			return nil, err
		}
	}
	a.note(ctx, last)
	return last, nil
}

// errOther is a manifest in the place of ours.
var errOther = errors.New("the archive holds another manifest for an hour than its journal gives: archive verify tells which, unless another replica is still at work")

// sealNext seals an hour and returns its seal and the hour after it. Where another replica was faster, and has cleared the
// journal already, it goes on from there.
func (a *Archive) sealNext(ctx context.Context, last *Seal, hour time.Time) (*Seal, time.Time, error) {
	previous := Hash{}
	if last != nil {
		previous = last.SHA256
	}
	seal, err := a.sealHour(ctx, hour, previous)
	if !errors.Is(err, errOther) {
		return seal, hour.Add(time.Hour), err
	}
	seal, next, unread := a.newest(ctx)
	if unread != nil || !next.After(hour) {
		return nil, hour, errors.Join(err, unread)
	}
	return seal, next, nil
}

// newest returns the newest seal and the hour after it. One whose parts are not all there is made again.
func (a *Archive) newest(ctx context.Context) (last *Seal, next time.Time, err error) {
	a.mu.Lock()
	first, newest := a.first, a.newestKey
	a.mu.Unlock()
	for key, err := range a.List(ctx, manifests, newest, "") {
		if err != nil {
			return nil, next, wrap("list manifests", err)
		}
		newest = key
	}
	hour, _, ok := parseManifestKey(newest)
	if !ok {
		return nil, first, nil
	}
	body, err := a.Get(ctx, newest)
	if err != nil {
		return nil, next, wrap("read the newest manifest", err)
	}
	m, intact := parseManifest(body)
	if intact && m.part < m.parts {
		return a.before(ctx, hour)
	}
	a.mu.Lock()
	a.newestKey = newest
	a.mu.Unlock()
	return &Seal{Hour: hour, SHA256: sha256.Sum256(body), key: newest}, hour.Add(time.Hour), nil
}

// before returns what an hour is to be sealed upon again.
func (a *Archive) before(ctx context.Context, hour time.Time) (last *Seal, next time.Time, err error) {
	body, err := a.Get(ctx, manifestKey(hour, 1))
	if err != nil {
		return nil, hour, wrap("read the newest manifest", err)
	}
	m, _ := parseManifest(body)
	if m.previous == (Hash{}) {
		return nil, hour, nil
	}
	return &Seal{Hour: hour.Add(-time.Hour), SHA256: m.previous}, hour, nil
}

// sealHour closes an hour and makes its manifest. Whoever does it, and however often, makes the same one.
func (a *Archive) sealHour(ctx context.Context, hour time.Time, previous Hash) (*Seal, error) {
	if err := a.Archive.Put(ctx, closed+hour.Format(hourLayout), []byte("closed\n")); err != nil {
		return nil, wrap("close an hour of the archive", err)
	}
	a.setOpen(hour.Add(time.Hour))
	entries, err := readJournal(ctx, a.Archive, hour)
	if err != nil {
		return nil, err
	}
	seal, err := a.putParts(ctx, hour, previous, inOrder(entries))
	if err != nil {
		return nil, err
	}
	a.deps.Log.InfoContext(ctx, "archive sealed", "hour", hour.Format(time.RFC3339), "objects", len(entries), "sha256", seal.SHA256.String())
	return seal, a.clear(ctx, hour)
}

// putParts stores an hour's manifest in parts and returns its seal, which is the hash of the last. Where some of several parts are there, because a
// sealer was killed between them, the others hold what is left, in as many parts as the first one says: an entry that came too
// late for the first, and that its writer has entered into another hour since, would move all of them.
func (a *Archive) putParts(ctx context.Context, hour time.Time, previous Hash, entries []Entry) (*Seal, error) {
	stored, err := a.storedParts(ctx, hour, previous)
	if err != nil {
		return nil, err
	}
	done, parts := len(stored), max(1, (len(entries)+maxEntries-1)/maxEntries)
	if done > 0 {
		previous, parts = stored[done-1].hash, stored[0].parts
		entries = without(entries, stored)
	}
	for part := done + 1; part <= parts; part++ {
		n := min(maxEntries, len(entries))
		if part == parts {
			n = len(entries)
		}
		m := manifest{hour: hour, part: part, parts: parts, previous: previous, entries: entries[:n]}
		if previous, err = a.putManifest(ctx, m); err != nil {
			return nil, err
		}
		entries = entries[n:]
	}
	return &Seal{Hour: hour, SHA256: previous, key: manifestKey(hour, parts)}, nil
}

// storedPart is a part of a manifest that is there.
type storedPart struct {
	manifest
	hash Hash
}

// storedParts returns those of an hour that is sealed in part; none of one whose manifest is whole in one part, or is not what
// we would have written: putManifest compares these.
func (a *Archive) storedParts(ctx context.Context, hour time.Time, previous Hash) (stored []storedPart, err error) {
	for part := 1; len(stored) == 0 || part <= stored[0].parts; part++ {
		body, err := a.Get(ctx, manifestKey(hour, part))
		if errors.Is(err, framework.ErrNoObject) {
			break
		}
		if err != nil {
			return nil, wrap("read a manifest", err)
		}
		m, ok := parseManifest(body)
		if !ok || m.key() != manifestKey(hour, part) || m.previous != previous || m.parts < 2 {
			break
		}
		previous = sha256.Sum256(body)
		stored = append(stored, storedPart{m, previous})
	}
	return stored, nil
}

// without leaves out the entries that parts have.
func without(entries []Entry, stored []storedPart) []Entry {
	type object struct {
		key  string
		hash Hash
	}
	sealed := map[object]bool{}
	for _, part := range stored {
		for _, entry := range part.entries {
			sealed[object{entry.Key, entry.SHA256}] = true
		}
	}
	return slices.DeleteFunc(entries, func(e Entry) bool { return sealed[object{e.Key, e.SHA256}] })
}

// putManifest stores a part and returns its hash. One that is there already counts, signed by another key or not: two
// replicas may be configured differently for a while. One with other content is errOther.
func (a *Archive) putManifest(ctx context.Context, m manifest) (Hash, error) {
	if a.deps.Signer != nil {
		a.deps.Signer.sign(&m)
	}
	body := m.encode()
	err := a.Archive.Put(ctx, m.key(), body)
	if errors.Is(err, framework.ErrDifferent) {
		if body, err = a.Get(ctx, m.key()); err == nil {
			if stored, ok := parseManifest(body); !ok || !bytes.Equal(stored.sealed(), m.sealed()) {
				return Hash{}, errOther
			}
		}
	}
	if err != nil {
		return Hash{}, wrap("store a manifest", err)
	}
	return sha256.Sum256(body), nil
}

// Clearer is implemented by a store that can remove a journal whose hour is sealed. S3 cannot: nothing there is ever
// removed by us.
type Clearer interface {
	// Clear removes the objects whose keys begin with a prefix below seals/journal/.
	Clear(ctx context.Context, prefix string) error
}

func (a *Archive) clear(ctx context.Context, hour time.Time) error {
	clearer, ok := a.Archive.(Clearer)
	if !ok {
		return nil
	}
	return wrapIf("clear the journal", clearer.Clear(ctx, journal+hour.Format(hourLayout)+"/"))
}

func wrapIf(what string, err error) error {
	if err == nil {
		return nil
	}
	return wrap(what, err)
}
