package archive

import (
	"context"
	"strings"
)

// An alert whose webhook changed has several items in its minute: <id>, then one <id>.<hash> for each change. The list shows the alert
// where it meets the first of them that is in the range, so a page has to know of the items before its cursor, too.

// changed is an alert of a minute and what the list met of it.
type changed struct {
	plain  string   // the key of <id>
	before []string // its items that an earlier page looked at
	shown  *bool    // whether one of them is in the range, once that was asked
	met    bool     // by this page
}

// open holds the alerts of which a change may still come: in the order of keys only ids stand between, of which each begins as the one
// before does, such as abcd, abcd-1, abcd.<hash>.
type open []*changed

// of returns what was met of the alert of an item, which stands behind all that were asked for before.
func (o *open) of(i item) *changed {
	plain, _, _ := strings.Cut(i.key, ".")
	for n := len(*o); n > 0 && !strings.HasPrefix(i.key, (*o)[n-1].plain); n-- {
		*o = (*o)[:n-1]
	}
	if n := len(*o); n > 0 && (*o)[n-1].plain == plain {
		return (*o)[n-1]
	}
	one := &changed{plain: plain}
	*o = append(*o, one)
	return one
}

// firstOf is the first key that a page has to look at: the first one of which an item behind the cursor can be a change.
func (a asked) firstOf() string {
	if a.after == "" {
		return a.from
	}
	folder := strings.LastIndexByte(a.after, '/') + 1
	id := a.after[folder:]
	if end := strings.IndexAny(id, "-."); end >= 0 {
		id = id[:end]
	}
	return a.after[:folder] + id
}

// items lists what the minutes of a range hold, without changes of what an earlier item shows, and says whether there is more than was
// asked for.
func (v viewer) items(ctx context.Context, a asked) (items []item, more bool, err error) {
	if a.start.UTC().Year() > 9999 {
		return nil, false, nil
	}
	var alerts open
	for key, err := range v.archive.List(ctx, webhooks, a.firstOf(), a.to) {
		if err != nil {
			return nil, false, unreadable(err)
		}
		parsed, ok := parseItem(key)
		if !ok {
			continue // put there by other means
		}
		alert := alerts.of(parsed)
		if key <= a.after {
			alert.before = append(alert.before, key)
			continue
		}
		shown, err := v.shown(ctx, alert, parsed.inside(a.start, a.end), a)
		if err != nil {
			return nil, false, unreadable(err)
		}
		if shown {
			continue
		}
		if len(items) == a.limit {
			return items, true, nil
		}
		alert.met = true
		items = append(items, parsed)
	}
	return items, false, nil
}

// shown reports whether an item before shows the alert, on this page or an earlier one. In the first and last minute that is for what
// the items hold to say; those of this page are looked at later, with all others.
func (v viewer) shown(ctx context.Context, alert *changed, inside bool, a asked) (bool, error) {
	if inside {
		return alert.met || len(alert.before) > 0, nil
	}
	if alert.shown == nil {
		alert.shown = new(bool)
		for _, key := range alert.before {
			in, err := v.isIn(ctx, key, a)
			if err != nil {
				return false, err
			}
			if *alert.shown = in; in {
				break
			}
		}
	}
	return *alert.shown, nil
}
