package evidence

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
)

// The kinds of Finding.
const (
	Changed  = "changed"  // an object is not what was sealed
	Missing  = "missing"  // an object or a manifest that was there is gone
	Added    = "added"    // an object that no manifest and no journal knows
	Broken   = "broken"   // a manifest that is not what was sealed, or does not carry the hash of the one before
	Unsigned = "unsigned" // a manifest that none of the given keys has signed
	Unsealed = "unsealed" // the archive has no account of itself, or none of an hour that is over
)

// Finding is something that is not as it was sealed.
type Finding struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Detail string `json:"detail"`
}

// Report is what Verify found.
type Report struct {
	Manifests int       `json:"manifests"`
	Signed    int       `json:"signed"`    // manifests with a signature by a key that was given
	Objects   int       `json:"objects"`   // that manifests name
	Read      int       `json:"read"`      // objects whose content was read
	Waiting   int       `json:"waiting"`   // objects whose hour is not sealed yet
	From      time.Time `json:"from"`      // the hour of the first manifest
	Newest    *Seal     `json:"newest"`    // nil when there is none
	Findings  []Finding `json:"findings"`  // in the order of kinds, then keys
	Contained bool      `json:"contained"` // whether the chain has the manifest that Options.Contains names
}

// Options narrow and sharpen Verify.
type Options struct {
	// Start and End choose the hours in which objects were archived whose content is read: those that the time from Start
	// until before End touches, all when both are zero. Manifests and the list of all keys are always checked whole.
	Start, End time.Time
	Keys       []ed25519.PublicKey // each manifest must be signed by one of them, unless there are none
	Contains   *Hash               // a hash that the chain must have: of the newest manifest, as it was noted elsewhere
	// Progress, if not nil, is told how many objects of how many were read. Calls do not overlap.
	Progress func(done, of int)
}

// Verify holds an archive to its account of itself. The error says that it could not be done; what is wrong with the archive
// is in the report. It keeps some 200 bytes of memory for each object.
func Verify(ctx context.Context, store framework.Archive, options Options) (*Report, error) {
	v := &verifier{store: store, options: options, report: &Report{Findings: []Finding{}}, known: map[string]*record{}}
	for _, step := range []func(context.Context) error{v.chain, v.pending, v.keys, v.contents} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(v.report.Findings, func(a, b Finding) int {
		return strings.Compare(a.Kind+"\x00"+a.Key+"\x00"+a.Detail, b.Kind+"\x00"+b.Key+"\x00"+b.Detail)
	})
	return v.report, nil
}

type verifier struct {
	store   framework.Archive
	options Options

	mu     sync.Mutex
	report *Report
	known  map[string]*record
}

// record is what is known of an object.
type record struct {
	hash    Hash
	hour    time.Time // of its manifest
	waiting bool      // its hour is not sealed
	seen    bool      // the store has something under its key
}

func (v *verifier) find(kind, key, detail string, values ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Findings = append(v.report.Findings, Finding{kind, key, fmt.Sprintf(detail, values...)})
}

// pending takes in the journals of hours that are not sealed.
func (v *verifier) pending(ctx context.Context) error {
	from := ""
	if v.report.Newest != nil {
		from = journal + v.report.Newest.Hour.Add(time.Hour).Format(hourLayout)
	}
	var segments []string
	for key, err := range v.store.List(ctx, journal, from, "") {
		if err != nil {
			return wrap("list the journal", err)
		}
		segments = append(segments, key)
	}
	entries, err := readSegments(ctx, v.store, segments)
	if err != nil {
		return err
	}
	for _, entry := range inOrder(entries) {
		if v.known[entry.Key] == nil {
			v.known[entry.Key] = &record{hash: entry.SHA256, waiting: true}
			v.report.Waiting++
		}
	}
	return v.unsealed(ctx)
}

// unsealed finds hours that were closed and have no manifest.
func (v *verifier) unsealed(ctx context.Context) error {
	from := ""
	if v.report.Newest != nil {
		from = closed + v.report.Newest.Hour.Add(time.Hour).Format(hourLayout)
	}
	for key, err := range v.store.List(ctx, closed, from, "") {
		if err != nil {
			return wrap("list closed hours", err)
		}
		hour, tail, ok := parseHour(strings.TrimPrefix(key, closed))
		if ok && tail == "" {
			v.find(Unsealed, manifestKey(hour, 1), "the hour was closed and has no manifest: archive seal makes it, if its journal is still there")
		}
	}
	return nil
}

// keys lists everything and finds what nobody accounts for, and what is gone.
func (v *verifier) keys(ctx context.Context) error {
	for key, err := range v.store.List(ctx, "", "", "") {
		switch {
		case err != nil:
			return wrap("list the archive", err)
		case isOwn(key):
			if !isAccount(key) {
				v.find(Added, key, "nothing of this name belongs below "+own)
			}
		case v.known[key] == nil:
			v.find(Added, key, "no manifest and no journal has it: if it was there before sealing began, archive adopt takes it in")
		default:
			v.known[key].seen = true
		}
	}
	for key, r := range v.known {
		if r.seen {
			continue
		}
		v.find(Missing, key, "%s", r.sealedIn())
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
		if r.seen && v.wanted(r) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return each(ctx, len(keys), func(ctx context.Context, i int) error {
		defer v.progress(len(keys))
		return v.content(ctx, keys[i])
	})
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
