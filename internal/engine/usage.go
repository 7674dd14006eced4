package engine

import (
	"fmt"
	"time"

	"funnelweb/framework"
)

// usage is what was taken from the limits of one name.
type usage struct {
	Day   int64   `json:"day"` // that Today counts, in days since 1970
	Today int     `json:"today"`
	Taken []taken `json:"taken"` // in the last minute, by second: at most 61, whatever the limit

	// Promised is the time told to the last who had to wait, PromisedDay whether for a day's limit.
	Promised    time.Time `json:"promised,omitzero"`
	PromisedDay bool      `json:"promised_day,omitzero"`
}

type taken struct {
	Second int64 `json:"second"` // since 1970
	Count  int   `json:"count"`
}

// window is for how long a call counts against a limit per minute: one second more than the minute, as only the second
// in which it was taken is known.
const window = 61

// take counts one call, or returns until when it has to wait and counts nothing.
func (u *usage) take(now time.Time, name string, limits []framework.Limit) *framework.Wait {
	u.forget(now)
	var free time.Time
	var blocked framework.Limit
	step := day
	for _, limit := range limits {
		step = min(step, limit.Per/time.Duration(limit.Count))
		if until := u.free(limit); until.After(free) {
			free, blocked = until, limit
		}
	}
	if free.IsZero() {
		u.count(now)
		return nil
	}
	until := u.promise(free, blocked.Per == day, step)
	per := "minute"
	if blocked.Per == day {
		per = "day"
	}
	return &framework.Wait{Until: until, Reason: fmt.Sprintf("%s quota of %d a %s", name, blocked.Count, per)}
}

// forget drops what no longer counts. A clock that was set back must not give calls back: a day only moves on.
func (u *usage) forget(now time.Time) {
	if today := now.Unix() / int64(day/time.Second); today > u.Day {
		u.Day, u.Today = today, 0
	}
	keep := u.Taken[:0]
	for _, t := range u.Taken {
		if t.Second+window > now.Unix() {
			keep = append(keep, t)
		}
	}
	u.Taken = keep
}

// free returns from when the limit has a call to give; zero when it has one now.
func (u *usage) free(limit framework.Limit) time.Time {
	if limit.Per == day {
		if u.Today < limit.Count {
			return time.Time{}
		}
		return time.Unix((u.Day+1)*int64(day/time.Second), 0).UTC()
	}
	inWindow := 0
	for _, t := range u.Taken {
		inWindow += t.Count
	}
	for _, t := range u.Taken {
		if inWindow < limit.Count {
			break
		}
		inWindow -= t.Count
		if inWindow < limit.Count {
			return time.Unix(t.Second+window, 0).UTC()
		}
	}
	return time.Time{}
}

func (u *usage) count(now time.Time) {
	u.Today++
	if n := len(u.Taken); n > 0 && u.Taken[n-1].Second >= now.Unix() {
		u.Taken[n-1].Count++
		return
	}
	u.Taken = append(u.Taken, taken{now.Unix(), 1})
}

// promise returns the next time at which nobody else was told to come back.
func (u *usage) promise(free time.Time, forDay bool, step time.Duration) time.Time {
	until := free
	if next := u.Promised.Add(step); u.PromisedDay == forDay && next.After(free) {
		until = next
	}
	u.Promised, u.PromisedDay = until, forDay
	return until
}
