package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"funnelweb/framework"
)

// chain looks at manifests, in their order.
func (v *verifier) chain(ctx context.Context, keys []string) error {
	for len(keys) > 0 {
		n := min(readers, len(keys))
		bodies, err := v.read(ctx, keys[:n])
		if err != nil {
			return err
		}
		for i, key := range keys[:n] {
			v.link.take(key, bodies[i])
			v.last = key
		}
		keys = keys[n:]
	}
	return nil
}

// begin reads the hour in which sealing began, unless it is known.
func (v *verifier) begin(ctx context.Context) error {
	if v.begun {
		return nil
	}
	first, err := readFirst(ctx, v.store)
	var service *framework.ServiceError
	switch {
	case errors.Is(err, framework.ErrNoObject):
		v.noFirst = &Finding{Unsealed, firstKey, "the archive has no account of itself: it was never sealed, or this is gone"}
		return nil
	case errors.As(err, &service) && service.Op == "seal":
		v.noFirst = &Finding{Broken, firstKey, "it is not what was written"}
		return nil
	case err != nil:
		return wrap("read "+firstKey, err)
	}
	v.noFirst, v.begun = nil, true
	if v.report.Manifests == 0 {
		v.link.hour = first
	}
	return nil
}

// manifestKeys lists the manifests after one.
func (v *verifier) manifestKeys(ctx context.Context, last string) (keys []string, err error) {
	for key, err := range v.store.List(ctx, manifests, last, "") {
		if err != nil {
			return nil, wrap("list manifests", err)
		}
		if _, _, ok := parseManifestKey(key); ok && key != last { // else keys finds it
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// read returns the bodies of manifests; nil for one that is gone or is no object.
func (v *verifier) read(ctx context.Context, keys []string) ([][]byte, error) {
	bodies := make([][]byte, len(keys))
	err := framework.Each(ctx, len(keys), readers, func(ctx context.Context, i int) (err error) {
		bodies[i], err = v.store.Get(ctx, keys[i])
		if errors.Is(err, framework.ErrNoObject) || framework.IsPermanent(err) {
			return nil
		}
		return err
	})
	return bodies, wrapIf("read manifests", err)
}

// link is where the chain is at.
type link struct {
	v          *verifier
	hour       time.Time // of the manifest that comes next
	part       int       // of it
	previous   Hash      // what it must carry
	before     string    // the key of the manifest that has this hash
	contiguous bool      // nothing is missing before it
	noted      bool      // the manifest of Options.Noted was there
}

// take looks at the next manifest that is there.
func (l *link) take(key string, body []byte) {
	v := l.v
	hour, part, _ := parseManifestKey(key)
	if hour.Before(l.hour) {
		v.find(Added, key, "the manifests of its hour were complete without it, or sealing began later")
		return
	}
	l.skip(hour, part)
	hash := Hash(sha256.Sum256(body))
	m, ok := parseManifest(body)
	switch {
	case !ok || m.key() != key || m.part > m.parts:
		v.find(Broken, key, "it is not what was sealed")
		m.parts, m.entries = part, nil // nothing in it counts
	case l.contiguous && m.previous != l.previous:
		v.find(Broken, key, "it does not carry the hash of the manifest before it, %s: one of the two was made anew", l.before)
	}
	if ok && len(v.options.Keys) > 0 {
		if m.signedBy(v.options.Keys) {
			v.report.Signed++
		} else {
			v.find(Unsigned, key, "none of the given keys has signed it")
		}
	}
	l.enter(m.entries, hour, key)
	if v.report.Manifests++; v.report.Manifests == 1 {
		v.report.From = hour
	}
	v.report.Newest = &Seal{Hour: hour, SHA256: hash}
	v.report.Contained = v.report.Contained || v.options.Contains != nil && *v.options.Contains == hash
	if noted := v.options.Noted; noted != nil && noted.Key == key {
		if l.noted = true; noted.SHA256 != hash {
			v.find(Broken, key, "this machine noted it as %s when it was the newest: it was made anew since", noted.SHA256)
		}
	}
	l.previous, l.before, l.contiguous = hash, key, true
	if l.hour, l.part = hour, part+1; part >= m.parts {
		l.hour, l.part = hour.Add(time.Hour), 1
	}
}

// end finds what is missing behind the last manifest.
func (l *link) end() {
	v := l.v
	if l.part > 1 {
		v.find(Missing, manifestKey(l.hour, l.part), "the parts of its hour before it are there")
	}
	if v.options.Contains != nil && !v.report.Contained {
		v.find(Missing, "manifest "+v.options.Contains.String(), "no manifest has this hash")
	}
	if noted := v.options.Noted; noted != nil && !l.noted {
		v.find(Missing, noted.Key, "this machine noted it as %s when it was the newest: the end of the chain was cut off since", noted.SHA256)
	}
}

// skip finds the manifests that are missing before one.
func (l *link) skip(hour time.Time, part int) {
	switch {
	case l.hour.IsZero(): // seals/first is gone: the chain begins where it begins
		l.contiguous = part == 1
	case !hour.Equal(l.hour) || part != l.part:
		l.missing(hour)
	}
}

func (l *link) missing(until time.Time) {
	l.contiguous = false
	detail := "the chain goes on after it"
	if hours := int(until.Sub(l.hour) / time.Hour); hours > 1 {
		l.v.find(Missing, manifestKey(l.hour, l.part), "and those of %d hours after it, until %s; %s", hours-1, stamp(until), detail)
		return
	}
	l.v.find(Missing, manifestKey(l.hour, l.part), "%s", detail)
}

// enter takes in what a manifest names.
func (l *link) enter(entries []Entry, hour time.Time, key string) {
	for _, entry := range entries {
		switch r := l.v.record(entry.Key); {
		case !r.entered:
			r.hash, r.hour, r.entered = entry.SHA256, hour, true
			l.v.report.Objects++
		case r.hash != entry.SHA256:
			l.v.find(Changed, entry.Key, "%s, and again by %s as %s: it was replaced between", r.sealedIn(), key, entry.SHA256)
		case r.waiting:
			r.hour, r.waiting = hour, false
			l.v.report.Objects++
			l.v.report.Waiting--
		}
	}
}
