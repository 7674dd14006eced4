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
// cleans up more often; what lives gets room all the same, or the collector would be all that runs.
const (
	memoryGoal  = 200 << 20
	memoryRoom  = 32 << 20 // beside five quarters of what lives
	memoryEvery = 5 * time.Second
	liveHeap    = "/gc/heap/live:bytes"
)

// boundMemory sets the soft limit of the process's memory until stop is called. An operator who has set GOMEMLIMIT is
// obeyed.
func boundMemory() (stop func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(memoryLimit(liveBytes()))
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				debug.SetMemoryLimit(memoryLimit(liveBytes()))
			case <-ending:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(ending)
		<-ended
		debug.SetMemoryLimit(math.MaxInt64)
	})
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
