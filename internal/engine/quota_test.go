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
