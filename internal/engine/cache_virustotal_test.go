package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	standin "funnelweb/internal/sandbox/virustotal"
)

// manyEvents is how many events of one hash there are; FUNNELWEB_SAME_HASH says another number, and make torture says 10000.
func manyEvents(t *testing.T) int {
	t.Helper()
	if count, err := strconv.Atoi(os.Getenv("FUNNELWEB_SAME_HASH")); err == nil {
		return count
	}
	return 200
}

// lookUp is an action that asks an enricher about the story's hash.
func lookUp(enricher framework.Enricher, done *atomic.Int32) framework.Action {
	return &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		finding, err := enricher.Enrich(ctx, framework.Indicator{Kind: framework.MD5, Value: standin.EICARMD5})
		if err == nil && finding.Verdict == framework.Malicious {
			done.Add(1)
		}
		return framework.Result{Summary: finding.Summary}, err
	}}
}

func virusTotal(t *testing.T, engine *Engine, url string) framework.Enricher {
	t.Helper()
	config := virustotal.Defaults()
	config.Key, config.URL = framework.NewSecret(frameworktest.Canary), url
	deps := frameworktest.Deps(t)
	deps.Now, deps.HTTP = time.Now, &http.Client{Timeout: deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	deps.Quota, deps.Answers = engine.Quota(), engine.Answers()
	enricher, err := virustotal.New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	return enricher
}

func TestManyEventsWithOneHashAreOneCall(t *testing.T) {
	count := manyEvents(t)
	deps := frameworktest.Deps(t)
	server, err := standin.Start(t.Context(), standin.Options{Key: framework.NewSecret(frameworktest.Canary), Now: time.Now, Log: deps.Log, PerMinute: 4, PerDay: 500})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	engine := open(t, dir, nil)
	var done atomic.Int32
	// Three automations ask, with four workers each, and none knows of the others.
	enricher := virusTotal(t, engine, server.URL())
	run(t, engine, onAlert("first", lookUp(enricher, &done)), onAlert("second", lookUp(enricher, &done)),
		onAlert("third", lookUp(virusTotal(t, engine, server.URL()), &done)))
	begun := time.Now()
	for i := 0; i < count; i += 100 {
		var events []framework.Event
		for j := i; j < min(count, i+100); j++ {
			events = append(events, alert(t, fmt.Sprint(j)))
		}
		publish(t, engine, events...)
	}
	for last := int32(-1); int(done.Load()) < 3*count; { // however long that takes, as long as it goes on
		if last == done.Load() {
			t.Fatalf("it stands still at %d of %d", last, 3*count)
		}
		last = done.Load()
		waiting, cancel := context.WithTimeout(t.Context(), deadline)
		for waiting.Err() == nil && done.Load() < last+1000 && int(done.Load()) < 3*count {
			pause(waiting, 5*time.Millisecond)
		}
		cancel()
	}
	t.Logf("%d events, %d lookups in %s", count, done.Load(), time.Since(begun).Round(time.Millisecond))
	if diff := cmp.Diff([]string{"GET /api/v3/files/" + standin.EICARMD5}, server.Requests()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	closeEngine(t, engine)
	holdsNoSecret(t, dir)
}

// holdsNoSecret reads all that the store wrote.
func holdsNoSecret(t *testing.T, dir string) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || strings.Contains(path, "KV_answers") && len(data) > 0
		if strings.Contains(string(data), frameworktest.Canary) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("answers were stored: %t, error %v", found, err)
	}
}
