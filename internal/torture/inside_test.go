package torture

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"funnelweb"
	"funnelweb/framework"
	"funnelweb/internal/app"
)

// clock is what a server inside the test's process takes for the time.
type clock struct {
	began time.Time

	mu     sync.Mutex
	speed  int // as many times as fast as the real one
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began.Add(time.Since(c.began)*time.Duration(c.speed) + c.offset).Round(0)
}

// run has the time go on from now on as many times as fast as the real one.
func (c *clock) run(speed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += time.Since(c.began) * time.Duration(c.speed-speed)
	c.speed = speed
}

func (c *clock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// inside is a server in the test's own process, which is the only way to give it a clock.
type inside struct {
	end   context.CancelFunc
	ended chan error
	once  sync.Once
}

func (w *world) startInside(t *testing.T, clock *clock) *inside {
	t.Helper()
	file, err := os.OpenFile(w.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	config, err := app.ReadConfig(w.config)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := app.EnsureAccessToken(w.data)
	if err != nil {
		t.Fatal(err)
	}
	registry := framework.NewRegistry()
	funnelweb.Parts(registry)
	log := slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelWarn}))
	built, err := app.Build(t.Context(), config, registry, app.Options{Version: "torture", Log: log, Now: clock.now, TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	running, end := context.WithCancel(context.Background())
	s := &inside{end: end, ended: make(chan error, 1)}
	serving := make(chan struct{})
	go func() { s.ended <- built.Run(running, func(string) { close(serving) }) }()
	t.Cleanup(func() { s.stop(t) })
	select {
	case <-serving:
	case err := <-s.ended:
		s.ended <- err
		t.Fatalf("%v\n%s", err, w.logTail())
	}
	return s
}

func (s *inside) stop(t *testing.T) {
	t.Helper()
	s.once.Do(func() {
		s.end()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}
