package frameworktest

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"funnelweb/framework"
)

// clientTimeout is that of the server's client for parts.
const clientTimeout = 30 * time.Second

// Deps returns dependencies of which each is empty and works: the log goes to the test's output, the clock stands at
// Start, and ledger, publisher, archive, quota, answers and activity are fresh ones of this package. Tickets is nil, as in a
// server without a ticket system. A test replaces the fields that it wants to look into.
func Deps(tb testing.TB) framework.Deps {
	tb.Helper()
	clock := new(Clock)
	client := &http.Client{Timeout: clientTimeout, Transport: &http.Transport{}, CheckRedirect: stay}
	tb.Cleanup(client.CloseIdleConnections)
	return framework.Deps{
		Log:       slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       clock.Now,
		HTTP:      client,
		Version:   "test",
		Events:    new(MemoryPublisher),
		Activity:  new(RecordingActivity),
		Ledger:    &MemoryLedger{Elapsed: clock.Elapsed},
		Quota:     new(MemoryQuota),
		Answers:   &MemoryAnswers{Now: clock.Now},
		Archive:   new(MemoryArchive),
		Enrichers: map[string]framework.Enricher{},
		Ready:     func(context.Context) []framework.Readiness { return nil },
	}
}

// stay follows redirects only within the host, as the server's client does.
func stay(next *http.Request, via []*http.Request) error {
	if len(via) >= 10 || next.URL.Host != via[0].URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}
