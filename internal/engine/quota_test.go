package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func perMinute(n int) framework.Limit { return framework.Limit{Count: n, Per: time.Minute} }
func perDay(n int) framework.Limit    { return framework.Limit{Count: n, Per: day} }

// takes returns "ok" or the time and reason of the wait.
func takes(t *testing.T, quota framework.Quota, limits ...framework.Limit) string {
	t.Helper()
	err := quota.Take(t.Context(), "virustotal", limits...)
	if wait, ok := errors.AsType[*framework.Wait](err); ok {
		return wait.Until.Format(time.TimeOnly+" Jan 2") + ": " + wait.Reason
	}
	if err != nil {
		t.Fatal(err)
	}
	return "ok"
}

func TestAQuotaOutlivesRestartsAndTellsEveryWaiterATime(t *testing.T) {
	dir, clock := t.TempDir(), &frameworktest.Clock{} // 2026-11-20 12:00:00
	at := func(o *Options) { o.Now = clock.Now }
	engine := open(t, dir, at)
	limits := []framework.Limit{perMinute(2), perDay(3)}
	var got []string
	take := func() { got = append(got, takes(t, engine.Quota(), limits...)) }
	take()
	clock.Advance(10 * time.Second)
	take()
	take() // waits for the first
	take() // and this one half a minute longer, as two calls are free in each minute
	closeEngine(t, engine)
	engine = open(t, dir, at)
	clock.Advance(50 * time.Second) // a minute after the first: its second is not over yet
	take()
	clock.Advance(time.Second)
	take() // the third of the day
	take()
	take()
	clock.Advance(12 * time.Hour)
	take()
	want := []string{
		"ok", "ok",
		"12:01:01 Nov 20: virustotal quota of 2 a minute",
		"12:01:31 Nov 20: virustotal quota of 2 a minute",
		"12:02:01 Nov 20: virustotal quota of 2 a minute",
		"ok",
		"00:00:00 Nov 21: virustotal quota of 3 a day",
		"00:00:30 Nov 21: virustotal quota of 3 a day",
		"ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWorkersAreGrantedExactlyTheQuota(t *testing.T) {
	clock := &frameworktest.Clock{}
	quota := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now }).Quota()
	var granted, waiting atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				err := quota.Take(t.Context(), "virustotal", perMinute(30), perDay(500))
				if _, wait := errors.AsType[*framework.Wait](err); wait {
					waiting.Add(1)
				} else if err == nil {
					granted.Add(1)
				} else {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if granted.Load() != 30 || waiting.Load() != 130 {
		t.Errorf("%d granted, %d told to wait", granted.Load(), waiting.Load())
	}
}

func TestTwoProcessesWouldShareAQuota(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	other := &quota{bucket: engine.quota.bucket, now: engine.now, timeout: storeTimeout} // with a lock of its own
	var granted atomic.Int32
	var all sync.WaitGroup
	for _, quota := range []framework.Quota{engine.Quota(), other} {
		for range 4 {
			all.Go(func() {
				for range 10 {
					if quota.Take(t.Context(), "virustotal", perDay(30)) == nil {
						granted.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if granted.Load() != 30 {
		t.Errorf("%d granted of 30", granted.Load())
	}
}

func TestLimitsThatDoNotBindCostNothing(t *testing.T) {
	quota := open(t, t.TempDir(), nil).Quota()
	for range 5 {
		if got := takes(t, quota, perMinute(0), perDay(-1)); got != "ok" {
			t.Error(got)
		}
	}
	if got := takes(t, quota); got != "ok" {
		t.Error(got)
	}
	for _, err := range []error{
		quota.Take(t.Context(), "virustotal", framework.Limit{Count: 1, Per: time.Hour}),
		quota.Take(t.Context(), "not a key", perDay(1)),
	} {
		if _, wait := errors.AsType[*framework.Wait](err); err == nil || wait {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := quota.Take(ctx, "virustotal", perDay(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNoMinuteAndNoDayEverHoldsMoreThanTheQuota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minute, daily := rapid.IntRange(1, 6).Draw(t, "per minute"), rapid.IntRange(1, 40).Draw(t, "per day")
		limits := []framework.Limit{perMinute(minute), perDay(daily)}
		var u usage
		var granted []time.Time
		now := time.Date(2026, 11, 20, 23, 50, 0, 0, time.UTC)
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 40_000), 1, 200).Draw(t, "milliseconds") {
			now = now.Add(time.Duration(step) * time.Millisecond)
			wait := u.take(now, "x", limits)
			if wait == nil {
				granted = append(granted, now)
			} else if !wait.Until.After(now) {
				t.Fatalf("at %s told to wait until %s", now, wait.Until)
			}
			if len(u.Taken) > window {
				t.Fatalf("%d seconds are remembered", len(u.Taken))
			}
		}
		for i, first := range granted {
			inMinute, inDay := 0, 0
			for _, at := range granted[i:] {
				if at.Before(first.Add(time.Minute)) {
					inMinute++
				}
				if at.Truncate(day).Equal(first.Truncate(day)) {
					inDay++
				}
			}
			if inMinute > minute || inDay > daily {
				t.Fatalf("from %s %d in a minute (of %d), %d in the day (of %d)", first, inMinute, minute, inDay, daily)
			}
		}
	})
}

func TestAClockThatIsSetBackGivesNothingAway(t *testing.T) {
	var u usage
	now := time.Date(2026, 11, 20, 0, 0, 10, 0, time.UTC)
	if wait := u.take(now, "x", []framework.Limit{perDay(1)}); wait != nil {
		t.Fatal(wait)
	}
	wait := u.take(now.Add(-time.Minute), "x", []framework.Limit{perDay(1)})
	if wait == nil || !wait.Until.Equal(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a day earlier: %v", wait)
	}
}

func TestOneRefusedCallMakesEverybodyWait(t *testing.T) {
	dir, clock := t.TempDir(), &frameworktest.Clock{} // 2026-11-20 12:00:00
	at := func(o *Options) { o.Now = clock.Now }
	engine := open(t, dir, at)
	other := &quota{bucket: engine.quota.bucket, barrier: engine.barrier, now: engine.now, timeout: storeTimeout}
	limits := []framework.Limit{perMinute(4), perDay(500)}
	until := clock.Now().Add(10 * time.Minute)
	for _, told := range []time.Time{until, clock.Now().Add(time.Minute), clock.Now().Add(-time.Hour)} { // the latest counts
		if err := other.Exhausted(t.Context(), "virustotal", told, "the key is used up"); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{takes(t, engine.Quota(), limits...), takes(t, engine.Quota(), limits...)}
	closeEngine(t, engine)
	engine = open(t, dir, at)
	got = append(got, takes(t, engine.Quota()), takes(t, engine.Quota(), limits...))
	clock.Advance(10*time.Minute - time.Second)
	got = append(got, takes(t, engine.Quota(), limits...))
	clock.Advance(time.Second)
	got = append(got, takes(t, engine.Quota(), limits...), takes(t, engine.Quota()))
	want := []string{
		"12:10:00 Nov 20: the key is used up",
		"12:10:15 Nov 20: the key is used up", // one after the other at the pace of the limit
		"12:10:16 Nov 20: the key is used up", // without limits one a second
		"12:10:31 Nov 20: the key is used up",
		"12:10:46 Nov 20: the key is used up",
		"ok", "ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := engine.Quota().Exhausted(t.Context(), "not a key", until, ""); err == nil {
		t.Error("a name that is no key was taken")
	}
}

func TestAProviderCannotBeExhaustedForYears(t *testing.T) {
	clock := &frameworktest.Clock{}
	quota := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now }).Quota()
	if err := quota.Exhausted(t.Context(), "virustotal", clock.Now().AddDate(10, 0, 0), "used up"); err != nil {
		t.Fatal(err)
	}
	if got := takes(t, quota, perDay(1)); got != "12:00:00 Dec 21: used up" {
		t.Error(got)
	}
}

func TestWhatIsLeftOfQuotasIsTold(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now })
	left := func() []framework.QuotaState {
		states, err := engine.Quotas(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return states
	}
	if states := left(); len(states) != 0 {
		t.Errorf("before the first call: %v", states)
	}
	for range 3 {
		takes(t, engine.Quota(), perMinute(4), perDay(500))
	}
	if err := engine.Quota().Take(t.Context(), "abuse.ch", perDay(1)); err != nil {
		t.Fatal(err)
	}
	state := func(minute, daily int, until time.Time) []framework.QuotaState {
		return []framework.QuotaState{
			{Name: "abuse.ch", Limits: []framework.LimitState{{Limit: perDay(1), Left: 0}}},
			{Name: "virustotal", Limits: []framework.LimitState{{Limit: perMinute(4), Left: minute}, {Limit: perDay(500), Left: daily}}, Exhausted: until},
		}
	}
	if diff := cmp.Diff(state(1, 497, time.Time{}), left()); diff != "" {
		t.Error(diff)
	}
	clock.Advance(2 * time.Minute)
	if diff := cmp.Diff(state(4, 497, time.Time{}), left()); diff != "" {
		t.Error(diff)
	}
	until := clock.Now().Add(time.Hour)
	if err := engine.Quota().Exhausted(t.Context(), "virustotal", until, "used up"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state(0, 0, until), left()); diff != "" {
		t.Error(diff)
	}
}

func TestAWrongDateHoldsNobodyUpForLong(t *testing.T) {
	limits := []framework.Limit{perMinute(2), perDay(3)}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "a year": 365 * day} {
		t.Run(name, func(t *testing.T) {
			var u usage
			wrong := now.Add(ahead)
			for range 4 { // two calls, and two who are told to wait
				_ = u.take(wrong, "x", limits)
			}
			u.exhaust(wrong, "x", wrong.Add(time.Minute), "used up")
			wait := u.take(now, "x", limits)
			if wait == nil || wait.Until.After(now.Add(4*time.Minute)) || !wait.Until.After(now) {
				t.Fatalf("after the clock was set right: %v", wait)
			}
			if u.Today != 2 {
				t.Errorf("%d calls count for today", u.Today)
			}
			if wait := u.take(now.Add(window*time.Second), "x", limits); wait != nil {
				t.Errorf("a minute later: %v", wait)
			}
			wait = u.take(now.Add(window*time.Second), "x", limits)
			if wait == nil || !wait.Until.Equal(now.Truncate(day).Add(day)) {
				t.Errorf("the calls of the wrong day are given back: %v", wait)
			}
		})
	}
}

func TestReplicasWhoseClocksDifferLittleShareAMinute(t *testing.T) {
	var u usage
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	limits := []framework.Limit{perMinute(2)}
	ahead := now.Add(20 * time.Second)
	if wait := u.take(ahead, "x", limits); wait != nil {
		t.Fatal(wait)
	}
	if wait := u.take(now, "x", limits); wait != nil {
		t.Fatal(wait)
	}
	for at := now; at.Before(now.Add(time.Minute)); at = at.Add(time.Second) {
		if wait := u.take(at, "x", limits); wait == nil {
			t.Fatalf("a third call at %s", at)
		}
	}
}
