package cli

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// The collector by itself lets the heap grow to twice what lives in it. That is right for a small heap and too much for the
// index of a million waiting events, which shall fit into 250 MB with the program's own pages. So from memoryGoal on it
// cleans up more often; what lives gets room all the same, or the collector would be all that runs. And it is wrong for a
// very small heap: where 10 MB live and each alert leaves 26 KB behind, it would run after every 400 alerts.
const (
	memoryGoal  = 200 << 20
	memoryRoom  = 32 << 20 // beside five quarters of what lives
	memoryEvery = 5 * time.Second

	smallHeap   = 96 << 20 // up to which the heap may grow before it is cleaned up: most of a small one is of calls that ended
	goPercent   = 100      // the runtime's own growth over what lives (GOGC)
	mostPercent = 300
	liveHeap    = "/gc/heap/live:bytes"
)

// boundMemory sets the soft limit of the process's memory, and how far it may grow before it is cleaned up, until stop is
// called. An operator who has set GOMEMLIMIT or GOGC is obeyed.
func boundMemory() (stop func()) {
	percent := debug.SetGCPercent(goPercent)
	if debug.SetMemoryLimit(-1) != math.MaxInt64 || percent != goPercent {
		debug.SetGCPercent(percent)
		return func() {}
	}
	tuneMemory()
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tuneMemory()
			case <-ending:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(ending)
		<-ended
		debug.SetMemoryLimit(math.MaxInt64)
		debug.SetGCPercent(goPercent)
	})
}

func tuneMemory() {
	live := liveBytes()
	debug.SetMemoryLimit(memoryLimit(live))
	debug.SetGCPercent(gcPercent(live))
}

// gcPercent returns by how many hundredths of what lives the heap may grow.
func gcPercent(live uint64) int {
	if live == 0 {
		return goPercent // nothing is known yet
	}
	growth := 100 * smallHeap / min(live, smallHeap)
	return int(min(max(growth-100, goPercent), mostPercent))
}

// memoryLimit returns the soft limit in bytes for a heap of which so many bytes were alive after the last collection.
func memoryLimit(live uint64) int64 {
	live = min(live, math.MaxInt64/2)
	return int64(max(memoryGoal, live+live/4+memoryRoom))
}

func liveBytes() uint64 {
	sample := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
