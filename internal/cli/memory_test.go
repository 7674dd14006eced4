package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheMemoryLimitLeavesRoomForWhatLives(t *testing.T) {
	for name, c := range map[string]struct {
		live uint64
		want int64
	}{
		"a small heap has the goal":               {8 << 20, memoryGoal},
		"a million waiting events have room too":  {140 << 20, 207 << 20},
		"more than that has a quarter and room":   {400 << 20, 532 << 20},
		"a nonsensical figure is not a negative":  {math.MaxUint64, math.MaxInt64/2 + math.MaxInt64/8 + memoryRoom},
		"a heap that is not known yet has a goal": {0, memoryGoal},
	} {
		if diff := cmp.Diff(c.want, memoryLimit(c.live)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestASmallHeapMayGrowFurther(t *testing.T) {
	for name, c := range map[string]struct {
		live uint64
		want int
	}{
		"what lives is not known yet": {0, 100},
		"next to nothing":             {1 << 20, 300},
		"a quarter":                   {24 << 20, 300},
		"a third":                     {32 << 20, 200},
		"half":                        {48 << 20, 100},
		"more than that":              {140 << 20, 100},
		"a nonsensical figure":        {math.MaxUint64, 100},
	} {
		if diff := cmp.Diff(c.want, gcPercent(c.live)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestTheMemoryLimitIsSetAndGivenBack(t *testing.T) {
	before, percent := debug.SetMemoryLimit(math.MaxInt64), debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetMemoryLimit(before); debug.SetGCPercent(percent) })
	runtime.GC() // so that it is known what lives
	stop := boundMemory()
	if got := debug.SetGCPercent(gcPercent(liveBytes())); got <= 100 {
		t.Errorf("the heap of a test may grow by %d %%", got)
	}
	if got := debug.SetMemoryLimit(-1); got < memoryGoal || got == math.MaxInt64 {
		t.Errorf("the limit while it serves is %d", got)
	}
	stop()
	stop() // once more does nothing
	if diff := cmp.Diff(int64(math.MaxInt64), debug.SetMemoryLimit(-1)); diff != "" {
		t.Errorf("the limit afterwards, -want +got\n%s", diff)
	}
	if diff := cmp.Diff(100, debug.SetGCPercent(100)); diff != "" {
		t.Errorf("the growth afterwards, -want +got\n%s", diff)
	}
}

func TestTheGrowthOfTheOperatorStays(t *testing.T) {
	limit, before := debug.SetMemoryLimit(math.MaxInt64), debug.SetGCPercent(50)
	t.Cleanup(func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(before) })
	stop := boundMemory()
	defer stop()
	if diff := cmp.Diff(50, debug.SetGCPercent(50)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(int64(math.MaxInt64), debug.SetMemoryLimit(-1)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTheLimitOfTheOperatorStays(t *testing.T) {
	before := debug.SetMemoryLimit(3 << 30)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	stop := boundMemory()
	defer stop()
	if diff := cmp.Diff(int64(3<<30), debug.SetMemoryLimit(-1)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWhatLivesIsRead(t *testing.T) {
	kept := make([]byte, 16<<20)
	runtime.GC()
	if got := liveBytes(); got < 16<<20 {
		t.Errorf("%d bytes live", got)
	}
	runtime.KeepAlive(kept)
}
