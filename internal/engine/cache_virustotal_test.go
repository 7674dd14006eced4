package engine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
	dir := t.TempDir()
	engine := open(t, dir, nil)
	oneCall(t, 200, engine)
	closeEngine(t, engine)
	holdsNoSecret(t, dir)
}

func TestManyEventsWithOneHashAreOneCallOfAllReplicas(t *testing.T) {
	cluster := startNATS(t, 3, "")
	oneCall(t, 100, cluster.join(t, nil), cluster.join(t, nil))
}

func TestTortureTenThousandEventsWithOneHash(t *testing.T) {
	if os.Getenv("TRIALS") == "" {
		t.Skip("make torture runs it")
	}
	oneCall(t, 10_000, open(t, t.TempDir(), nil))
}

// oneCall publishes events that three automations look up, with four workers each in every replica, none of which knows
// of the others.
func oneCall(t *testing.T, count int, replicas ...*Engine) {
	t.Helper()
	server, err := standin.Start(t.Context(), standin.Options{
		Key: framework.NewSecret(frameworktest.Canary), Now: time.Now, Log: frameworktest.Deps(t).Log, PerMinute: 4, PerDay: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	var done atomic.Int32
	for _, engine := range replicas {
		enricher := virusTotal(t, engine, server.URL())
		run(t, engine, onAlert("first", lookUp(enricher, &done)), onAlert("second", lookUp(enricher, &done)),
			onAlert("third", lookUp(virusTotal(t, engine, server.URL()), &done)))
	}
	begun := time.Now()
	for i := 0; i < count; i += 100 {
		var events []framework.Event
		for j := i; j < min(count, i+100); j++ {
			events = append(events, alert(t, fmt.Sprint(j)))
		}
		publish(t, replicas[0], events...)
	}
	all := int32(3 * count)
	for last := int32(-1); done.Load() < all; { // however long that takes, as long as it goes on
		if last == done.Load() {
			t.Fatalf("it stands still at %d of %d", last, all)
		}
		last = done.Load()
		waiting, cancel := context.WithTimeout(t.Context(), deadline)
		for waiting.Err() == nil && done.Load() < min(all, last+1000) {
			pause(waiting, 5*time.Millisecond)
		}
		cancel()
	}
	t.Logf("%d events, %d lookups in %d replicas in %s", count, done.Load(), len(replicas), time.Since(begun).Round(time.Millisecond))
	if diff := cmp.Diff([]string{"GET /api/v3/files/" + standin.EICARMD5}, server.Requests()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
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
