package archive

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// The bounds of a page's search through a minute of which the range has a part.
const (
	lookAhead = 256   // items that are looked at in one go when there were too few in the ones before
	maxLooked = 2_000 // items of a page, which then may be short
)

// page looks for the alerts of a page. Next is the key of the item behind which the page after it begins, "" when there is none.
func (v viewer) page(ctx context.Context, a asked) (found []item, next string, err error) {
	wanted := a.limit + 1 // whether there is one more decides whether there is another page
	part, looked := a, 0
	for part.limit = wanted; ; part.limit = max(wanted-len(found), lookAhead) {
		items, more, err := v.items(ctx, part)
		if err != nil {
			return nil, "", err
		}
		kept, err := v.within(ctx, items, a)
		if err != nil {
			return nil, "", unreadable(err)
		}
		found = append(found, distinct(kept)...)
		switch {
		case len(found) >= wanted:
			return found[:a.limit], found[a.limit-1].key, nil
		case !more:
			return found, "", nil
		}
		part.after = items[len(items)-1].key
		if looked += len(items); looked >= maxLooked {
			return found, part.after, nil
		}
	}
}

// distinct leaves out items that change an alert of which one is there.
func distinct(items []item) (first []item) {
	var met open
	for _, i := range items {
		if alert := met.of(i); !alert.met {
			alert.met = true
			first = append(first, i)
		}
	}
	return first
}

// within leaves out the items of the first and last minute whose time is not in the range. Of all other minutes the
// key tells enough.
func (v viewer) within(ctx context.Context, items []item, a asked) ([]item, error) {
	keep := make([]bool, len(items))
	err := framework.Each(ctx, len(items), readers, func(ctx context.Context, i int) error {
		if keep[i] = items[i].inside(a.start, a.end); keep[i] {
			return nil
		}
		var err error
		keep[i], err = v.isIn(ctx, items[i].key, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	var kept []item
	for i, candidate := range items {
		if keep[i] {
			kept = append(kept, candidate)
		}
	}
	return kept, nil
}

// isIn looks up whether an item of the first or last minute is in the range.
func (v viewer) isIn(ctx context.Context, key string, a asked) (bool, error) {
	release, err := v.hold(ctx, 1)
	if err != nil {
		return false, err
	}
	defer release()
	body, err := v.archive.Get(ctx, key)
	switch {
	case err == nil:
		return isWithin(body, a.start, a.end), nil
	case isGone(err): // its minute is right, and its detail tells what there is
		return true, nil
	default:
		return false, err
	}
}

// isWithin judges by created_at. An item that does not tell it is rather shown than left out: its minute is right.
func isWithin(body []byte, start, end time.Time) bool {
	var alert Alert
	if err := json.Unmarshal(body, &alert); err != nil || alert.CreatedAt == 0 {
		return true
	}
	created := time.UnixMilli(alert.CreatedAt)
	return !created.Before(start) && created.Before(end)
}
