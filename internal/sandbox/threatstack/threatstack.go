// Package threatstack is a strict stand-in for Threat Stack's API, version 1, over a real loopback socket. Threat Stack
// itself no longer answers (its hosts are gone since 2026), so that this follows what threatstack-to-s3 called and kept.
package threatstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/loopback"
)

// Options say what Start starts.
type Options struct {
	Addr string           // where to listen; 127.0.0.1:0 when empty
	Key  framework.Secret // the API key; required
	Now  func() time.Time // required: the story's alerts are a few minutes old
	Log  *slog.Logger     // required
}

// Server is a running stand-in.
type Server struct {
	options Options
	faults  fault.Faults
	alerts  []Alert
	http    *loopback.Server

	mutex    sync.Mutex
	requests []string
}

// base is the root of the API below the server's address, as in https://app.threatstack.com/api/v1.
const base = "/api/v1"

// Start listens and serves until Close is called or the context ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Key.IsZero() || options.Now == nil || options.Log == nil {
		return nil, errors.New("the Threat Stack stand-in needs a key, a clock and a log")
	}
	s := &Server{options: options, alerts: story(options.Now())}
	mux := http.NewServeMux()
	mux.Handle("GET "+base+"/alerts/{id}", s.api(s.one))
	mux.Handle("GET "+base+"/alerts", s.api(s.list))
	mux.Handle(fault.ControlPath, s.faults.Control())
	var err error
	if s.http, err = loopback.Serve(ctx, "Threat Stack", options.Addr, s.faults.Wrap(mux), options.Log); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the root of the API, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() + base }

// Faults make it misbehave.
func (s *Server) Faults() *fault.Faults { return &s.faults }

// Requests returns method and path of every authenticated call so far.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

// Close stops serving and waits for it.
func (s *Server) Close() error { return s.http.Close() }

// Alerts returns the alerts that the API knows, oldest first.
func (s *Server) Alerts() []Alert { return append([]Alert(nil), s.alerts...) }

// Webhook returns the body of the webhook that announces all alerts in one call.
func (s *Server) Webhook() []byte {
	body, err := json.Marshal(map[string]any{"alerts": announced(s.alerts)}, json.Deterministic(true))
	if err != nil {
		s.options.Log.Error("the Threat Stack stand-in cannot encode its webhook", "err", err)
	}
	return body
}

// api refuses callers without the key, which stands bare in Authorization: no Bearer, no Basic.
func (s *Server) api(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Values("Authorization")
		if len(given) != 1 || !s.options.Key.Equal(given[0]) {
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
			return
		}
		s.mutex.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mutex.Unlock()
		handle(w, r)
	})
}

func (s *Server) one(w http.ResponseWriter, r *http.Request) {
	for _, alert := range s.alerts {
		if alert.ID == r.PathValue("id") {
			answer(w, http.StatusOK, alert)
			return
		}
	}
	answer(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	count := len(s.alerts)
	if asked := r.URL.Query().Get("count"); asked != "" {
		if _, err := fmt.Sscanf(asked, "%d", &count); err != nil || count < 1 || strings.Trim(asked, "0123456789") != "" {
			answer(w, http.StatusBadRequest, map[string]any{"message": "count must be a positive integer"})
			return
		}
	}
	answer(w, http.StatusOK, s.alerts[:min(count, len(s.alerts))])
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, body) // the caller is gone: nobody to tell
}
