package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// server is a process of the program.
type server struct {
	command *exec.Cmd
	began   time.Time
	ended   chan struct{} // closed when the process is gone
	err     error         // how it ended; read after ended
}

// start begins a process and does not wait for it to serve.
func (w *world) start(t *testing.T) *server {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(w.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(program, "serve", "--config", w.config, "--log-level", "warn")
	command.Stderr = log
	s := &server{command: command, began: time.Now(), ended: make(chan struct{})}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	w.latest = s
	go func() {
		s.err = command.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.kill)
	return s
}

// kill ends the process as the kernel's out-of-memory killer does, and waits until it is gone.
func (s *server) kill() {
	_ = s.command.Process.Kill() // it may be gone
	<-s.ended
}

var errEnded = errors.New("the server ended")

// ready waits until the server can store events and returns how long that took since its start.
func (w *world) ready(t *testing.T, s *server) (time.Duration, error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if w.isReady(t.Context()) {
			return time.Since(s.began), nil
		}
		select {
		case <-s.ended:
			return 0, fmt.Errorf("%w: %w", errEnded, s.err)
		case <-time.After(3 * time.Millisecond):
		}
	}
	return 0, errors.New("the server is not ready")
}

func (w *world) isReady(ctx context.Context) bool {
	response, err := w.get(ctx, "/ready", "")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (w *world) get(ctx context.Context, path, token string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return w.http.Do(request)
}

// mustStart starts a server and waits until it is ready.
func (w *world) mustStart(t *testing.T) (*server, time.Duration) {
	t.Helper()
	s := w.start(t)
	took, err := w.ready(t, s)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.logTail())
	}
	return s, took
}

// stop asks the server to drain. It must end by itself and without an error.
func (w *world) stop(t *testing.T, s *server) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Error("the server does not end after SIGTERM")
		s.kill()
	}
	if s.err != nil {
		t.Errorf("the server ended after SIGTERM with %v\n%s", s.err, w.logTail())
	}
}
