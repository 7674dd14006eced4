package evidence

import (
	"context"
	"crypto/ed25519"
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
	Signed    int       `json:"signed"`        // manifests with a signature by a key that was given
	Objects   int       `json:"objects"`       // that manifests name
	Read      int       `json:"read"`          // objects whose content was read
	Waiting   int       `json:"waiting"`       // objects whose hour is not sealed yet
	From      time.Time `json:"from,omitzero"` // the hour of the first manifest
	Newest    *Seal     `json:"newest"`        // nil when there is none
	Findings  []Finding `json:"findings"`      // in the order of kinds, then keys
	Contained bool      `json:"contained"`     // whether the chain has the manifest that Options.Contains names
	Empty     bool      `json:"empty"`         // nothing is in the archive, and nobody has noted that anything ever was
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
