package evidence

import (
	"context"
	"slices"
	"strings"
	"time"

	"funnelweb/framework"
)

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
	if v.noFirst != nil && !v.report.Empty || len(v.unsealed) > 0 || v.link.part > 1 {
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
	if v.noFirst != nil && !v.report.Empty {
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
