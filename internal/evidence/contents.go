package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"funnelweb/framework"
)

// keys lists everything.
func (v *verifier) keys(ctx context.Context) error {
	v.report.Empty = v.options.Noted == nil && v.options.Contains == nil
	for key, err := range v.store.List(ctx, "", "", "") {
		v.report.Empty = false
		switch {
		case err != nil:
			return wrap("list the archive", err)
		case !isOwn(key):
			v.record(key).listed = true
		case !isAccount(key):
			v.find(Added, key, "nothing of this name belongs below "+own)
		}
	}
	return nil
}

func (r *record) sealedIn() string {
	if r.waiting {
		return "it is in the journal of an hour that is not sealed yet, as " + r.hash.String()
	}
	return fmt.Sprintf("sealed in the hour of %s as %s", stamp(r.hour), r.hash)
}

func stamp(hour time.Time) string { return hour.Format("2006-01-02 15:04 UTC") }

// isAccount reports whether a key below seals/ is of a form that the account has.
func isAccount(key string) bool {
	if key == firstKey {
		return true
	}
	if rest, ok := strings.CutPrefix(key, closed); ok {
		_, tail, fine := parseHour(rest)
		return fine && tail == ""
	}
	if rest, ok := strings.CutPrefix(key, journal); ok {
		_, tail, fine := parseHour(rest)
		return fine && strings.HasPrefix(tail, "/")
	}
	_, _, ok := parseManifestKey(key)
	return ok
}

// contents reads objects and compares them.
func (v *verifier) contents(ctx context.Context) error {
	var keys []string
	for key, r := range v.known {
		if r.entered && (!r.listed || v.wanted(r)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return framework.Each(ctx, len(keys), readers, func(ctx context.Context, i int) error {
		defer v.progress(len(keys))
		return v.content(ctx, keys[i])
	})
}

// Estranged is implemented by a store that can tell what is in it under a name that no key has, or is no object: lists show
// none of that.
type Estranged interface {
	// Strangers yields names, which may hold any byte. It stops at the first error.
	Strangers(ctx context.Context) iter.Seq2[string, error]
}

// strangers finds what the store holds beside objects.
func (v *verifier) strangers(ctx context.Context) error {
	store := v.store
	if account, ok := store.(*Archive); ok {
		store = account.Archive
	}
	estranged, ok := store.(Estranged)
	if !ok {
		return nil
	}
	for name, err := range estranged.Strangers(ctx) {
		if err != nil {
			return wrap("list the archive", err)
		}
		if r := v.known[name]; r == nil || !r.entered { // else contents tells what is in the place of an object
			v.find(Added, strconv.QuoteToASCII(name), "it is no object of the archive, and shown nowhere")
		}
	}
	return nil
}

// wanted reports whether an object's hour touches the time that was asked for. What is not sealed yet counts as new.
func (v *verifier) wanted(r *record) bool {
	return touches(r.hour, v.options.Start, v.options.End) || r.waiting && v.options.End.IsZero()
}

// touches reports whether an hour has an instant of a range, of which an end that is zero is open.
func touches(hour, start, end time.Time) bool {
	return (start.IsZero() || hour.Add(time.Hour).After(start)) && (end.IsZero() || hour.Before(end))
}

func (v *verifier) progress(of int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Read++
	if v.options.Progress != nil {
		v.options.Progress(v.report.Read, of)
	}
}

func (v *verifier) content(ctx context.Context, key string) error {
	r := v.known[key]
	body, err := v.store.Get(ctx, key)
	switch {
	case errors.Is(err, framework.ErrNoObject):
		v.find(Missing, key, "%s", r.sealedIn())
		return nil
	case framework.IsPermanent(err): // a link, a device or something too large in its place
		v.find(Changed, key, "%s; it is no object any more: %s", r.sealedIn(), framework.Reason(err))
		return nil
	case err != nil:
		return wrap("read "+key, err)
	}
	if is := Hash(sha256.Sum256(body)); is != r.hash {
		v.find(Changed, key, "%s, is now %s", r.sealedIn(), is)
	}
	return nil
}
