package archive

import (
	"fmt"
	"testing"

	"funnelweb/framework/frameworktest"
)

// BenchmarkDirPut stores objects of 2 KB: each waits for the disk.
func BenchmarkDirPut(b *testing.B) {
	dir := newDirAt(b, b.TempDir())
	body := make([]byte, 2048)
	for i := 0; b.Loop(); i++ {
		if err := dir.Put(b.Context(), fmt.Sprintf("webhooks/2026/11/20/12/00/%d", i), body); err != nil {
			b.Fatal(err)
		}
	}
}

func newDirAt(tb testing.TB, path string) *Dir {
	tb.Helper()
	dir, err := NewDir(path, new(frameworktest.Clock).Now)
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
