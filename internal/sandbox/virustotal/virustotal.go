// Package virustotal is a strict stand-in for the lookups of VirusTotal's API, version 3, over a real loopback socket. It
// answers in VirusTotal's words (docs.virustotal.com, errors and objects, read 2026-11), keeps a quota, refuses everything that
// would submit something, and can be told to misbehave.
package virustotal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/loopback"
)

// Options say what Start starts.
type Options struct {
	Addr      string           // where to listen; 127.0.0.1:0 when empty
	Key       framework.Secret // the API key; required
	PerMinute int              // calls in a minute of the clock; 0 for no limit
	PerDay    int              // calls in a day of UTC; 0 for no limit
	Now       func() time.Time // required
	Log       *slog.Logger     // required
}

// Server is a running stand-in.
type Server struct {
	options Options
	faults  fault.Faults
	reports map[string]report // by collection/id
	http    *loopback.Server

	mutex    sync.Mutex
	requests []string
	refused  []string
	taken    map[string]int // by the minute or day of the clock
}

// base is the root of the API below the server's address, as in https://www.virustotal.com/api/v3.
const base = "/api/v3"

// Start listens and serves until Close is called or the context ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Key.IsZero() || options.Now == nil || options.Log == nil {
		return nil, errors.New("the VirusTotal stand-in needs a key, a clock and a log")
	}
	s := &Server{options: options, reports: story(options.Now()), taken: map[string]int{}}
	var err error
	s.http, err = loopback.Serve(ctx, "VirusTotal", options.Addr, s.guard(s.faults.Wrap(s.handler())), options.Log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the root of the API, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() + base }

// Faults make it misbehave.
func (s *Server) Faults() *fault.Faults { return &s.faults }

// Requests returns method and path of every lookup that was within the quota.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

// Submissions returns method and path of every call that would have sent something in, whatever key it had and whatever
// fault it met: there must be none.
func (s *Server) Submissions() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.refused...)
}

// Close stops serving and waits for it.
func (s *Server) Close() error { return s.http.Close() }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, collection := range collections() {
		mux.Handle("GET "+base+"/"+collection+"/{id}", s.api(s.lookUp(collection)))
	}
	mux.Handle("GET "+base+"/users/{id}", s.api(s.user))
	mux.Handle("/", s.api(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "NotFoundError", "Resource not found.")
	}))
	mux.Handle(fault.ControlPath, s.faults.Control())
	return mux
}

// api checks the key.
func (s *Server) api(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Values("X-Apikey")
		switch {
		case len(given) == 0:
			refuse(w, http.StatusUnauthorized, "AuthenticationRequiredError", "X-Apikey header is missing")
		case len(given) > 1 || !s.options.Key.Equal(given[0]):
			refuse(w, http.StatusUnauthorized, "WrongCredentialsError", "Wrong API key")
		default:
			handle(w, r)
		}
	})
}

// guard refuses every call that does not only read, ahead of everything else.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.URL.Path == fault.ControlPath {
			next.ServeHTTP(w, r)
			return
		}
		s.mutex.Lock()
		s.refused = append(s.refused, r.Method+" "+r.URL.Path)
		s.mutex.Unlock()
		refuse(w, http.StatusForbidden, "ForbiddenError", "You are not authorized to perform the requested operation")
	})
}

func (s *Server) lookUp(collection string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !s.take(r) {
			refuse(w, http.StatusTooManyRequests, "QuotaExceededError", "Quota exceeded")
			return
		}
		if message := malformed(collection, id); message != "" {
			refuse(w, http.StatusBadRequest, "BadRequestError", message)
			return
		}
		found, known := s.reports[collection+"/"+canonical(collection, id)]
		if !known {
			refuse(w, http.StatusNotFound, "NotFoundError", fmt.Sprintf("%s %q not found", objectNames()[collection], id))
			return
		}
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{
			"id": found.id, "type": found.kind, "links": map[string]any{"self": s.URL() + "/" + collection + "/" + found.id},
			"attributes": found.attributes,
		}})
	}
}

// take takes one call from the quota; what is over it counts against it too, as at VirusTotal.
func (s *Server) take(r *http.Request) bool {
	now := s.options.Now().UTC()
	minute, day := now.Format("2006-01-02T15:04"), now.Format("2006-01-02")
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.taken[minute]++
	s.taken[day]++
	if over(s.taken[minute], s.options.PerMinute) || over(s.taken[day], s.options.PerDay) {
		return false
	}
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	return true
}

func over(taken, limit int) bool { return limit > 0 && taken > limit }
