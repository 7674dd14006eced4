package ratelimit

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"funnelweb/framework/frameworktest"
)

func caller(n int) (k key) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

// Between any two calls that pass, no more pass than the burst and what the time between them allows. In a table that is
// too small a caller may have its share of what all others share besides.
func TestNoCallerGetsMoreThanItsRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		interval := time.Duration(rapid.IntRange(1, 1000).Draw(rt, "interval")) * time.Millisecond
		burst := rapid.IntRange(1, 5).Draw(rt, "burst")
		callers := rapid.IntRange(1, 6).Draw(rt, "callers")
		table, allowances := newTable(interval, burst, rapid.IntRange(1, 8).Draw(rt, "capacity")), 1
		if table.capacity < callers {
			allowances = 2
		}
		now := frameworktest.Start()
		passed := map[int][]time.Time{}
		for range rapid.IntRange(1, 80).Draw(rt, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 700).Draw(rt, "pause")) * time.Millisecond)
			who := rapid.IntRange(1, callers).Draw(rt, "caller")
			wait := table.take(caller(who), now)
			if wait == 0 {
				passed[who] = append(passed[who], now)
			}
			if len(table.queue) > table.capacity || len(table.known) != len(table.queue) {
				rt.Fatalf("%d callers are known, %d wait in the queue", len(table.known), len(table.queue))
			}
		}
		for who, times := range passed {
			for i := range times {
				for j := i; j < len(times); j++ {
					if most := allowances * (burst + int(times[j].Sub(times[i])/interval)); j-i+1 > most {
						rt.Fatalf("caller %d: %d calls in %s", who, j-i+1, times[j].Sub(times[i]))
					}
				}
			}
		}
	})
}

func TestWaitIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := newTable(time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(rt, "interval")), rapid.IntRange(1, 9).Draw(rt, "burst"), 10)
		now := frameworktest.Start()
		wait := time.Duration(0)
		for wait == 0 {
			wait = table.take(caller(1), now)
		}
		if early := table.take(caller(1), now.Add(wait-1)); early == 0 {
			rt.Error("it lets a call through before the wait is over")
		}
		if late := table.take(caller(1), now.Add(wait)); late != 0 {
			rt.Errorf("after the wait there are %s more", late)
		}
	})
}

func TestClockThatGoesBackLetsNobodyThroughTwice(t *testing.T) {
	table := newTable(time.Second, 1, 10)
	now := frameworktest.Start()
	if table.take(caller(1), now) != 0 || table.take(caller(1), now.Add(-time.Hour)) == 0 {
		t.Error("a second call passed")
	}
}

// time.Now carries the clock of the process along, which does not jump when somebody sets the machine's.
func TestWaitsAreCountedByTheClockOfTheProcess(t *testing.T) {
	table := newTable(time.Hour, 1, 10)
	now := time.Now()
	if table.take(caller(1), now) != 0 {
		t.Fatal("the first call is refused")
	}
	if !strings.Contains(table.began.String(), " m=") {
		t.Errorf("the table counts from %s, which is the machine's clock alone", table.began)
	}
	if wait := table.take(caller(1), now.Add(time.Minute)); wait != 59*time.Minute {
		t.Errorf("a wait of %s", wait)
	}
}

func TestTableShrinksAfterAFlood(t *testing.T) {
	table := newTable(time.Second, 1, 1000)
	now := frameworktest.Start()
	for n := range 2000 {
		table.take(caller(n), now)
	}
	now = now.Add(time.Hour)
	for range 300 {
		table.take(caller(1), now)
		now = now.Add(time.Minute)
	}
	if len(table.queue) > 1 {
		t.Errorf("%d callers are still known", len(table.queue))
	}
}

func TestCallersLeaveInTheOrderInWhichTheyAreAsGoodAsNew(t *testing.T) {
	table := newTable(time.Second, 100, 1000)
	now := frameworktest.Start()
	for n := range 50 {
		table.take(caller(n+1), now)
	}
	for range 100 {
		table.take(caller(0), now) // as good as new after the others, though first in line when it came
	}
	now = now.Add(2 * time.Second)
	for range 20 {
		table.take(caller(0), now)
	}
	if len(table.queue) != 1 || table.known[caller(0)] == nil {
		t.Errorf("%d callers are known", len(table.queue))
	}
}

func TestCallersAtOnceShareTheirAllowance(t *testing.T) {
	table := newTable(time.Second, 50, 10)
	now := frameworktest.Start()
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if table.take(caller(1), now) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if passed.Load() != 50 {
		t.Errorf("%d passed", passed.Load())
	}
}

func BenchmarkTakeFromAFullTable(b *testing.B) {
	table := newTable(time.Hour, 10, defaultCallers)
	now := frameworktest.Start()
	for n := range 2 * defaultCallers {
		table.take(caller(n), now)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		table.take(caller(n), now)
		n++
	}
}
