package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
)

// BenchmarkPublish stores events of 2 KB, one per call, from several goroutines, each acknowledged when it is safe. It
// reports the disk's own rate beside it: how often one writer can append 2 KB and make that safe.
func BenchmarkPublish(b *testing.B) {
	for _, publishers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("goroutines=%d", publishers), func(b *testing.B) {
			dir := b.TempDir()
			raw := rawSyncRate(b, dir)
			engine := open(b, dir, func(o *Options) { o.MaxStore = 8 << 30 })
			data := framework.JSON(`"` + strings.Repeat("x", 2000) + `"`)
			var next atomic.Int64
			publish := func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					event, err := framework.NewEvent("splunk.alert", strconv.FormatInt(n, 10), data)
					if err == nil {
						_, err = engine.Publish(b.Context(), event)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			}
			b.ResetTimer()
			var all sync.WaitGroup
			for range publishers {
				all.Go(publish)
			}
			all.Wait()
			rate := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "events/s")
			b.ReportMetric(raw, "fsyncs/s")
			b.ReportMetric(rate/raw, "events/fsync")
		})
	}
}

// rawSyncRate appends 2 KB and syncs, for half a second, and returns how often a second that went.
func rawSyncRate(b *testing.B, dir string) float64 {
	b.Helper()
	file, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	record := make([]byte, 2048)
	syncs, start := 0, time.Now()
	for time.Since(start) < 500*time.Millisecond {
		if _, err := file.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
		syncs++
	}
	return float64(syncs) / time.Since(start).Seconds()
}

// BenchmarkOpen starts an engine on an empty store until it is ready.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		engine := open(b, b.TempDir(), nil)
		if err := engine.Ready(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		closeEngine(b, engine)
		b.StartTimer()
	}
}

// BenchmarkRun takes events through one queue: condition, run record, job, acknowledgement.
func BenchmarkRun(b *testing.B) {
	engine := open(b, b.TempDir(), nil)
	var left sync.WaitGroup
	left.Add(b.N)
	run(b, engine, onAlert("ticket", &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		left.Done()
		return framework.Result{}, nil
	}}))
	const batch = 500
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		var events []framework.Event
		for i := n; i < min(n+batch, b.N); i++ {
			events = append(events, alert(b, strconv.Itoa(i)))
		}
		publish(b, engine, events...)
	}
	left.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
