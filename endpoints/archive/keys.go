package archive

import (
	"strings"
	"time"
)

// The keys of threatstack-to-s3, which the action of the same name writes: the detail of an alert at
// alerts/<id[0:2]>/<id[2:4]>/<id>, the alert as the webhook had it at webhooks/YYYY/MM/DD/HH/MM/<id>, the minute being
// that of created_at in UTC.
const (
	webhooks     = "webhooks/"
	minuteLayout = "2006/01/02/15/04"
)

// detailKey is the place of an alert's detail. The id has at least four characters.
func detailKey(id string) string { return "alerts/" + id[0:2] + "/" + id[2:4] + "/" + id }

// minuteRange is the range of keys of the minutes that a time from start until before end touches. An end of "" means
// that there is none.
func minuteRange(start, end time.Time) (from, to string) {
	from = minuteKey(start)
	behind := end.Add(-1).Truncate(time.Minute).Add(time.Minute) // the first minute without an instant of the range
	if behind.UTC().Year() > 9999 {
		return from, ""
	}
	return from, minuteKey(behind)
}

func minuteKey(t time.Time) string { return webhooks + t.UTC().Format(minuteLayout) }

// item is the place of an alert as a webhook had it.
type item struct {
	key    string
	id     string
	minute time.Time
}

// parseItem takes a key apart; not ok is a key that has another form. When a webhook changes an alert that was archived
// before, the change is kept beside it as <id>.<hash>.
func parseItem(key string) (parsed item, ok bool) {
	rest, ok := strings.CutPrefix(key, webhooks)
	if !ok || len(rest) < len(minuteLayout)+2 || rest[len(minuteLayout)] != '/' {
		return item{}, false
	}
	minute, err := time.Parse(minuteLayout, rest[:len(minuteLayout)])
	id, _, _ := strings.Cut(rest[len(minuteLayout)+1:], ".")
	return item{key: key, id: id, minute: minute}, err == nil && len(id) >= 4 && !strings.Contains(id, "/")
}

// inside reports whether the item's whole minute is in the range, so that its exact time need not be looked up.
func (i item) inside(start, end time.Time) bool {
	return !i.minute.Before(start) && !i.minute.Add(time.Minute).After(end)
}
