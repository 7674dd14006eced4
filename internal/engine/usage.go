package engine

import (
	"fmt"
	"time"

	"funnelweb/framework"
)

// usage is what was taken from the limits of one name.
type usage struct {
	Name  string  `json:"name"`
	Day   int64   `json:"day"` // that Today counts, in days since 1970
	Today int     `json:"today"`
	Taken []taken `json:"taken"` // in the last minute, by second: at most 61, whatever the limit

	// Promised is the time told to the last who had to wait, PromisedDay whether for a day's limit.
	Promised    time.Time `json:"promised,omitzero"`
	PromisedDay bool      `json:"promised_day,omitzero"`

	// Exhausted is until when the provider itself gives no calls, with its reason.
	Exhausted       time.Time `json:"exhausted,omitzero"`
	ExhaustedReason string    `json:"exhausted_reason,omitzero"`

	Seen   time.Time   `json:"seen"`   // what the clock showed at the last change
	Limits []limitSeen `json:"limits"` // that the last caller gave
}

type taken struct {
	Second int64 `json:"second"` // since 1970
	Count  int   `json:"count"`
}

type limitSeen struct {
	Count int  `json:"count"`
	Day   bool `json:"day"` // else it is per minute
}

const (
	// A window is for how long a call counts against a limit per minute: one second more than the minute, as only the
	// second in which it was taken is known.
	window = 61
	// The skew is by how much the clocks of replicas may differ. A clock that is further back was set back.
	skew = time.Minute
)

// take counts one call, or returns until when it has to wait and counts nothing.
func (u *usage) take(now time.Time, name string, limits []framework.Limit) *framework.Wait {
	u.see(name, limits)
	u.follow(now)
	u.forget(now)
	free, forDay, reason := u.Exhausted, false, u.ExhaustedReason
	step := time.Second // between those who wait for a provider without known limits
	if len(limits) > 0 {
		step = day
	}
	for _, limit := range limits {
		step = min(step, limit.Per/time.Duration(limit.Count))
		if until := u.free(limit); until.After(free) {
			free, forDay, reason = until, limit.Per == day, fmt.Sprintf("%s quota of %d a %s", name, limit.Count, period(limit))
		}
	}
	if free.IsZero() {
		u.count(now)
		return nil
	}
	return &framework.Wait{Until: u.promise(free, forDay, step), Reason: reason}
}

func (u *usage) see(name string, limits []framework.Limit) {
	u.Name, u.Limits = name, nil
	for _, limit := range limits {
		u.Limits = append(u.Limits, limitSeen{limit.Count, limit.Per == day})
	}
}

func period(limit framework.Limit) string {
	if limit.Per == day {
		return "day"
	}
	return "minute"
}

// exhaust notes that the provider gives no calls until a time, and reports whether that is news.
func (u *usage) exhaust(now time.Time, name string, until time.Time, reason string) bool {
	u.Name = name
	u.follow(now)
	u.forget(now)
	if !until.After(now) || !until.After(u.Exhausted) {
		return false
	}
	u.Exhausted, u.ExhaustedReason = until, reason
	return true
}

// follow moves everything back with a clock that was set back, by an hour say or after a wrong date: else calls would
// count, and people wait, until the clock has caught up.
func (u *usage) follow(now time.Time) {
	back := u.Seen.Sub(now)
	if back <= 0 {
		u.Seen = now
		return
	}
	if back <= skew {
		return
	}
	u.Seen = now
	for i := range u.Taken {
		u.Taken[i].Second -= int64(back / time.Second)
	}
	u.Promised = u.Promised.Add(-back)
	if !u.Exhausted.IsZero() {
		u.Exhausted = u.Exhausted.Add(-back)
	}
}

// forget drops what no longer counts. A clock that was set back must not give calls back: a day only moves on, but for
// one so far ahead that it was never true. Its calls then count for today.
func (u *usage) forget(now time.Time) {
	today := now.Unix() / int64(day/time.Second)
	switch {
	case today > u.Day:
		u.Day, u.Today = today, 0
	case today+1 < u.Day:
		u.Day = today
	}
	keep := u.Taken[:0]
	for _, t := range u.Taken {
		if t.Second+window > now.Unix() {
			keep = append(keep, t)
		}
	}
	u.Taken = keep
	if !u.Exhausted.After(now) {
		u.Exhausted, u.ExhaustedReason = time.Time{}, ""
	}
}

// free returns from when the limit has a call to give; zero when it has one now.
func (u *usage) free(limit framework.Limit) time.Time {
	if u.left(limit) > 0 {
		return time.Time{}
	}
	if limit.Per == day {
		return time.Unix((u.Day+1)*int64(day/time.Second), 0).UTC()
	}
	inWindow := u.inWindow()
	for _, t := range u.Taken {
		inWindow -= t.Count
		if inWindow < limit.Count {
			return time.Unix(t.Second+window, 0).UTC()
		}
	}
	return time.Time{}
}

func (u *usage) inWindow() int {
	count := 0
	for _, t := range u.Taken {
		count += t.Count
	}
	return count
}

// left returns how many calls the limit has to give, as of the last forget.
func (u *usage) left(limit framework.Limit) int {
	used := u.Today
	if limit.Per != day {
		used = u.inWindow()
	}
	return max(0, limit.Count-used)
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

// state tells what is left.
func (u *usage) state(now time.Time) framework.QuotaState {
	u.follow(now)
	u.forget(now)
	state := framework.QuotaState{Name: u.Name, Exhausted: u.Exhausted}
	for _, seen := range u.Limits {
		limit := framework.Limit{Count: seen.Count, Per: time.Minute}
		if seen.Day {
			limit.Per = day
		}
		left := u.left(limit)
		if !u.Exhausted.IsZero() {
			left = 0
		}
		state.Limits = append(state.Limits, framework.LimitState{Limit: limit, Left: left})
	}
	return state
}
