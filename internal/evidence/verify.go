package evidence

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
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
	Noted      *Noted              // a manifest that the chain must have, as this machine has noted it
	// Settle is how long to wait for what is under way: the entry of an object that was stored a moment ago, or the manifest of
	// an hour that was closed. Nothing is waited for when there is nothing of the kind.
	Settle time.Duration
	// Progress, if not nil, is told how many objects of how many were read. Calls do not overlap.
	Progress func(done, of int)
}

// Verify holds an archive to its account of itself. The error says that it could not be done; what is wrong with the archive
// is in the report. Servers may put and seal meanwhile. It keeps some 250 bytes of memory for each object.
func Verify(ctx context.Context, store framework.Archive, options Options) (*Report, error) {
	v := newVerifier(store, options)
	if err := v.keys(ctx); err != nil {
		return nil, err
	}
	if err := v.account(ctx); err != nil {
		return nil, err
	}
	if options.Settle > 0 && v.doubtful() {
		if err := wait(ctx, options.Settle); err != nil {
			return nil, err
		}
		if err := v.account(ctx); err != nil {
			return nil, err
		}
	}
	v.conclude()
	if err := v.strangers(ctx); err != nil {
		return nil, err
	}
	if err := v.contents(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(v.report.Findings, func(a, b Finding) int {
		return strings.Compare(a.Kind+"\x00"+a.Key+"\x00"+a.Detail, b.Kind+"\x00"+b.Key+"\x00"+b.Detail)
	})
	return v.report, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// verifier looks at an archive in an order that a server at work cannot disturb. First the keys: of every object that is
// listed, an entry is in the journal by then, but for those whose put is under way. Then the journal, and after it the
// manifests: an entry that was cleared from the journal is in a manifest already.
type verifier struct {
	store   framework.Archive
	options Options

	mu       sync.Mutex
	report   *Report
	known    map[string]*record
	link     link
	begun    bool
	noFirst  *Finding    // why the hour in which sealing began is not known
	last     string      // the key of the last manifest that was looked at
	unsealed []time.Time // hours that were closed and have no manifest
}

func newVerifier(store framework.Archive, options Options) *verifier {
	v := &verifier{store: store, options: options, report: &Report{Findings: []Finding{}}, known: map[string]*record{}}
	v.link = link{v: v, part: 1, contiguous: true}
	return v
}

// record is what is known of an object.
type record struct {
	hash    Hash
	hour    time.Time // of its manifest
	entered bool      // a manifest or a journal has it
	waiting bool      // its hour is not sealed
	listed  bool      // the store has something under its key
}

func (v *verifier) record(key string) *record {
	known := v.known[key]
	if known == nil {
		known = new(record)
		v.known[key] = known
	}
	return known
}

func (v *verifier) find(kind, key, detail string, values ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Findings = append(v.report.Findings, Finding{kind, key, fmt.Sprintf(detail, values...)})
}

// account reads journals and manifests; when it is done again, what has come since.
func (v *verifier) account(ctx context.Context) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	fresh, err := v.manifestKeys(ctx, v.last)
	if err != nil {
		return err
	}
	from := v.last
	if len(fresh) > 0 {
		from = fresh[len(fresh)-1]
	}
	shut, err := v.closedAfter(ctx, from)
	if err != nil {
		return err
	}
	entries, err := journalAfter(ctx, v.store, from)
	if err != nil {
		return err
	}
	later, err := v.manifestKeys(ctx, from)
	if err != nil {
		return err
	}
	if err := v.chain(ctx, append(fresh, later...)); err != nil {
		return err
	}
	for _, entry := range entries {
		if r := v.record(entry.Key); !r.entered {
			r.hash, r.entered, r.waiting = entry.SHA256, true, true
			v.report.Waiting++
		}
	}
	v.unsealed = slices.DeleteFunc(shut, func(hour time.Time) bool {
		return v.report.Newest != nil && !hour.After(v.report.Newest.Hour)
	})
	return nil
}

// journalAfter returns the entries of the hours after a manifest's.
func journalAfter(ctx context.Context, store framework.Archive, manifest string) ([]Entry, error) {
	var segments []string
	for key, err := range store.List(ctx, journal, after(journal, manifest), "") {
		if err != nil {
			return nil, wrap("list the journal", err)
		}
		segments = append(segments, key)
	}
	entries, err := readSegments(ctx, store, segments)
	return inOrder(entries), err
}

// closedAfter returns the hours after a manifest's that take no more entries.
func (v *verifier) closedAfter(ctx context.Context, manifest string) (hours []time.Time, err error) {
	for key, err := range v.store.List(ctx, closed, after(closed, manifest), "") {
		if err != nil {
			return nil, wrap("list closed hours", err)
		}
		if hour, tail, ok := parseHour(strings.TrimPrefix(key, closed)); ok && tail == "" {
			hours = append(hours, hour)
		}
	}
	return hours, nil
}

// after is where the hour after a manifest's begins below a place; at its beginning where there is no manifest.
func after(place, manifest string) string {
	hour, _, ok := parseManifestKey(manifest)
	if !ok {
		return ""
	}
	return place + hour.Add(time.Hour).Format(hourLayout)
}

// doubtful reports whether there is something that would be a finding, and that can be of a server at work.
func (v *verifier) doubtful() bool {
	if v.noFirst != nil || len(v.unsealed) > 0 || v.link.part > 1 {
		return true
	}
	for _, r := range v.known {
		if !r.entered {
			return true
		}
	}
	return false
}

// conclude finds what is not there, and what nobody accounts for. Objects that were not listed are looked for by contents:
// they may have been put since.
func (v *verifier) conclude() {
	if v.noFirst != nil {
		v.find(v.noFirst.Kind, v.noFirst.Key, "%s", v.noFirst.Detail)
	}
	v.link.end()
	for _, hour := range v.unsealed {
		v.find(Unsealed, manifestKey(hour, 1), "the hour was closed and has no manifest: archive seal makes it, if its journal is still there")
	}
	for key, r := range v.known {
		if !r.entered {
			v.find(Added, key, "no manifest and no journal has it: if it was there before sealing began, archive adopt takes it in")
		}
	}
}

// keys lists everything.
func (v *verifier) keys(ctx context.Context) error {
	for key, err := range v.store.List(ctx, "", "", "") {
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
	return each(ctx, len(keys), func(ctx context.Context, i int) error {
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
