package archive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
)

// The range that the cost of a list is measured on: an hour with an object in each minute, amid an archive.
const (
	hourFrom, hourTo = "webhooks/2026/11/20/12/00", "webhooks/2026/11/20/13/00"
	hourObjects      = 60
)

// fillFolder makes objects in each minute around the hour, below a folder that holds a store's files, without waiting for the disk.
func fillFolder(tb testing.TB, folder string, objects int) {
	tb.Helper()
	start := time.Date(2026, 11, 20, 12, 30, 0, 0, time.UTC).Add(-time.Duration(objects/2) * time.Minute)
	for i := range objects {
		minute := filepath.Join(folder, "webhooks", start.Add(time.Duration(i)*time.Minute).Format("2006/01/02/15/04"))
		if err := os.MkdirAll(minute, 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(minute, fmt.Sprintf("alert-%06d", i)), []byte("{}"), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// The sizes of the archives that are compared, in objects: of the tests, and of the benchmarks.
const (
	testSmall, testLarge   = 200, 2_000
	benchSmall, benchLarge = 10_000, 100_000
)

func TestAListOpensAsManyFoldersHoweverLargeTheArchive(t *testing.T) {
	for _, objects := range []int{testSmall, testLarge} {
		folder := t.TempDir()
		fillFolder(t, folder, objects)
		// The hour, its 60 minutes, and where the hour before and the one after begin.
		if opened := foldersOpened(t, folder); opened > 1+hourObjects+2 {
			t.Errorf("of %d objects: opened %d folders", objects, opened)
		}
	}
}

// foldersOpened counts the folders that a list of the hour opens.
func foldersOpened(tb testing.TB, folder string) int {
	tb.Helper()
	root, err := os.OpenRoot(folder)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	asked, err := newSpan("webhooks/", hourFrom, hourTo)
	if err != nil {
		tb.Fatal(err)
	}
	opened, found := 0, 0
	list := walk{asked: asked, yield: func(string, error) bool { found++; return true }}
	list.open = func(name string) (*os.File, error) { opened++; return root.Open(name) }
	start, _ := splitBound(asked.prefix)
	list.folder(tb.Context(), start)
	if found != hourObjects {
		tb.Fatalf("found %d objects", found)
	}
	return opened
}

// TestAListMakesAsManyCallsHoweverLargeTheBucket counts the calls that a real S3 server gets.
func TestAListMakesAsManyCallsHoweverLargeTheBucket(t *testing.T) {
	gateway := startVersityGatewayIn(t, t.TempDir())
	var calls atomic.Int64
	counting := countCalls(t, gateway.url, &calls)
	for _, objects := range []int{testSmall, testLarge} {
		store := filledBucket(t, gateway, counting, objects)
		calls.Store(0)
		if found := len(list(t, store, "webhooks/", hourFrom, hourTo)); found != hourObjects || calls.Load() != 1 {
			t.Errorf("of %d objects: found %d in %d calls, want %d in 1", objects, found, calls.Load(), hourObjects)
		}
	}
}

// filledBucket is a new bucket of a gateway with objects in it, behind a proxy.
func filledBucket(tb testing.TB, gateway gateway, proxy string, objects int) *S3 {
	tb.Helper()
	config := newBucket(tb, gateway.url)
	fillFolder(tb, filepath.Join(gateway.folder, config.Bucket, config.Prefix), objects)
	config.Endpoint = proxy
	return newS3(tb, config)
}

// countCalls returns the URL of a proxy that counts. The host stays as it was signed.
func countCalls(tb testing.TB, target string, calls *atomic.Int64) string {
	tb.Helper()
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		calls.Add(1)
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(proxy.ServeHTTP))
	tb.Cleanup(server.Close)
	return server.URL
}

// The benchmarks list the hour in an archive of 10,000 objects and in one of 100,000, in turn. What it costs must not depend
// on the size: ratio is the time in the larger over that in the smaller.

func BenchmarkDirListHour(b *testing.B) {
	small, large := newDirAt(b, b.TempDir()), newDirAt(b, b.TempDir())
	fillFolder(b, small.path, benchSmall)
	fillFolder(b, large.path, benchLarge)
	compareHour(b, small, large)
	b.ReportMetric(float64(foldersOpened(b, small.path)), "folders/small")
	b.ReportMetric(float64(foldersOpened(b, large.path)), "folders/large")
}

func BenchmarkS3ListHour(b *testing.B) {
	gateway := startVersityGatewayIn(b, b.TempDir())
	var calls atomic.Int64
	proxy := countCalls(b, gateway.url, &calls)
	small, large := filledBucket(b, gateway, proxy, benchSmall), filledBucket(b, gateway, proxy, benchLarge)
	calls.Store(0)
	compareHour(b, small, large)
	b.ReportMetric(float64(calls.Load())/float64(2*b.N), "calls/list")
}

func compareHour(b *testing.B, small, large framework.Archive) {
	b.Helper()
	var inSmall, inLarge time.Duration
	for b.Loop() {
		inSmall += listHour(b, small)
		inLarge += listHour(b, large)
	}
	b.ReportMetric(float64(inLarge)/float64(inSmall), "ratio")
	b.ReportMetric(float64(inLarge)/float64(b.N), "ns/large")
}

func listHour(b *testing.B, archive framework.Archive) time.Duration {
	b.Helper()
	begun, found := time.Now(), 0
	for _, err := range archive.List(b.Context(), "webhooks/", hourFrom, hourTo) {
		if err != nil {
			b.Fatal(err)
		}
		found++
	}
	if found != hourObjects {
		b.Fatalf("found %d", found)
	}
	return time.Since(begun)
}
