// Package loopback serves the HTTP of a stand-in on a real socket, so that nothing of it is left when it is closed.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a running HTTP server.
type Server struct {
	url  string
	http *http.Server
	stop context.CancelFunc

	running sync.WaitGroup // what serves
	calls   sync.WaitGroup // what is served
	mutex   sync.Mutex     // guards closed, and calls against being waited for and added to at a time
	closed  bool
}

// Serve listens on an address, 127.0.0.1:0 when empty, and serves until Close is called or the context ends. The name is
// for errors: "VirusTotal".
func Serve(ctx context.Context, name, address string, handler http.Handler, log *slog.Logger) (*Server, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start the %s stand-in: %w", name, err)
	}
	ctx, stop := context.WithCancel(ctx)
	server := &Server{url: "http://" + listener.Addr().String(), stop: stop}
	server.http = &http.Server{
		Handler:           server.count(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	server.running.Go(func() {
		if err := server.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a stand-in stopped serving", "stand_in", name, "err", err)
		}
	})
	server.running.Go(func() {
		<-ctx.Done()
		_ = server.http.Close() // Close says what went wrong
	})
	return server, nil
}

// URL is the root of the server, without a trailing slash.
func (s *Server) URL() string { return s.url }

// Close ends all calls, which see their contexts end, and returns when they have.
func (s *Server) Close() error {
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.stop()
	err := s.http.Close()
	s.running.Wait()
	s.calls.Wait()
	return err
}

// count keeps track of the calls, which http.Server does not wait for when it is closed.
func (s *Server) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		if s.closed {
			s.mutex.Unlock()
			http.Error(w, "closing", http.StatusServiceUnavailable)
			return
		}
		s.calls.Add(1)
		s.mutex.Unlock()
		defer s.calls.Done()
		next.ServeHTTP(w, r)
	})
}
