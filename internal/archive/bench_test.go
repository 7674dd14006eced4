package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"funnelweb/framework/frameworktest"
)

// BenchmarkDirListHour lists the 60 objects of one hour in an archive of 10,000 objects and in one of 100,000, in turn.
// What it costs must not depend on the size: ratio is the time in the larger over that in the smaller.
func BenchmarkDirListHour(b *testing.B) {
	small, large := fill(b, 10_000), fill(b, 100_000)
	var inSmall, inLarge time.Duration
	for b.Loop() {
		inSmall += listHour(b, small)
		inLarge += listHour(b, large)
	}
	b.ReportMetric(float64(inLarge)/float64(inSmall), "ratio")
	b.ReportMetric(float64(inLarge)/float64(b.N), "ns/large")
}

func listHour(b *testing.B, dir *Dir) time.Duration {
	b.Helper()
	begun, found := time.Now(), 0
	for _, err := range dir.List(b.Context(), "webhooks/", "webhooks/2026/11/20/12/00", "webhooks/2026/11/20/13/00") {
		if err != nil {
			b.Fatal(err)
		}
		found++
	}
	if found != 60 {
		b.Fatalf("found %d", found)
	}
	return time.Since(begun)
}

// BenchmarkDirPut stores objects of 2 KB: each waits for the disk.
func BenchmarkDirPut(b *testing.B) {
	dir, err := NewDir(b.TempDir(), new(frameworktest.Clock).Now)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 2048)
	for i := 0; b.Loop(); i++ {
		if err := dir.Put(b.Context(), fmt.Sprintf("webhooks/2026/11/20/12/00/%d", i), body); err != nil {
			b.Fatal(err)
		}
	}
}

// fill makes an archive with an object in each minute around an hour, without waiting for the disk.
func fill(b *testing.B, objects int) *Dir {
	b.Helper()
	dir, err := NewDir(b.TempDir(), new(frameworktest.Clock).Now)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Date(2026, 11, 20, 12, 30, 0, 0, time.UTC).Add(-time.Duration(objects/2) * time.Minute)
	for i := range objects {
		folder := filepath.Join(dir.path, "webhooks", start.Add(time.Duration(i)*time.Minute).Format("2006/01/02/15/04"))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("alert-%06d", i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}
