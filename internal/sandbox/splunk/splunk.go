// Package splunk is a strict stand-in for the part of Splunk's REST interface that reads what a search found: the job and its
// results by the search id, version 2 of the endpoints, with token authentication, over a real loopback socket. It answers in
// Splunk's words (REST API Reference and splunk-sdk-python, read 2026-11), forgets what a real one has forgotten by then, and
// can be told to misbehave.
package splunk

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/loopback"
)

const (
	// DefaultCount is how many rows are given unless more are asked for.
	DefaultCount = 100
	// MaxCount is how many rows are given at most unless Options say fewer.
	MaxCount = 50_000
)

// Options say what Start starts.
type Options struct {
	Addr  string           // where to listen; 127.0.0.1:0 when empty
	Token framework.Secret // the authentication token; required
	Now   func() time.Time // required
	Log   *slog.Logger     // required
	// AtOnce is how many rows are given at most, whatever is asked for: limits.conf's maxresultrows, which is MaxCount unless an
	// administrator lowers it.
	AtOnce int
}

// Job is a search and what it found.
type Job struct {
	SID      string
	Fields   []string         // in the order of the columns
	Rows     []map[string]any // a field with several values is a list of strings; fields without a value are missing
	ReadyAt  time.Time        // it runs until then
	ExpireAt time.Time        // it is forgotten from then on; never when zero
	Failed   string           // why it ended without results
	RealTime bool             // it never ends
	Owner    string           // another user's, whom the token may not read, when not empty
}

// Server is a running stand-in.
type Server struct {
	options Options
	faults  fault.Faults
	http    *loopback.Server

	mutex    sync.Mutex
	jobs     map[string]Job
	requests []string
}

// Start listens and serves until Close is called or the context ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Token.IsZero() || options.Now == nil || options.Log == nil {
		return nil, errors.New("the Splunk stand-in needs a token, a clock and a log")
	}
	s := &Server{options: options, jobs: map[string]Job{}}
	var err error
	s.http, err = loopback.Serve(ctx, "Splunk", options.Addr, s.faults.Wrap(s.handler()), options.Log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the root of the management port, without a trailing slash.
func (s *Server) URL() string { return s.http.URL() }

// Faults make it misbehave.
func (s *Server) Faults() *fault.Faults { return &s.faults }

// Add adds a search, or replaces the one with its id.
func (s *Server) Add(job Job) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.jobs[job.SID] = job
}

// Requests returns method and address, with its query, of every call that was let in.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

// Close stops serving and waits for it.
func (s *Server) Close() error { return s.http.Close() }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const jobs = "/services/search/v2/jobs/{sid}"
	mux.Handle("GET /services/search/v2/jobs", s.api(s.list))
	mux.Handle("GET "+jobs, s.api(s.job))
	mux.Handle("GET "+jobs+"/results", s.api(s.results))
	mux.Handle("POST "+jobs+"/results", s.api(s.results))
	mux.Handle("GET /services/authentication/current-context", s.api(func(w http.ResponseWriter, _ *http.Request) {
		whose := map[string]any{"username": "svc-funnelweb", "realname": "", "roles": []string{"power", "user"}, "capabilities": []string{"search", "list_search_head_clustering"}}
		answer(w, http.StatusOK, map[string]any{"entry": []any{map[string]any{"name": "context", "content": whose}}})
	}))
	mux.Handle("/services/search/jobs/", s.api(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "ERROR", "This endpoint has been removed. Please use the v2 version.")
	}))
	mux.Handle("/", s.api(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "ERROR", "Not Found")
	}))
	mux.Handle(fault.ControlPath, s.faults.Control())
	mux.HandleFunc("POST /_sandbox/jobs", s.control)
	return mux
}

// api checks the token, and that JSON is asked for: Splunk's own form is Atom.
func (s *Server) api(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || !s.options.Token.Equal(token) {
			refuse(w, http.StatusUnauthorized, "WARN", "call not properly authenticated")
			return
		}
		s.mutex.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mutex.Unlock()
		if r.FormValue("output_mode") != "json" {
			w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>jobs</title></feed>`)
			return
		}
		handle(w, r)
	})
}

// find returns the search of a call, or refuses the call.
func (s *Server) find(w http.ResponseWriter, r *http.Request) (Job, bool) {
	s.mutex.Lock()
	job, ok := s.jobs[r.PathValue("sid")]
	s.mutex.Unlock()
	if !ok || !job.ExpireAt.IsZero() && !s.options.Now().Before(job.ExpireAt) {
		refuse(w, http.StatusNotFound, "FATAL", "Unknown sid.")
		return job, false
	}
	if job.Owner != "" {
		refuse(w, http.StatusForbidden, "ERROR", "You do not have permission to view this search job.")
		return job, false
	}
	return job, true
}

func (s *Server) isDone(job Job) bool { return !job.RealTime && !s.options.Now().Before(job.ReadyAt) }

// list gives the searches of the token's user.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	count, err := natural(r.FormValue("count"), 30)
	if err != nil {
		refuse(w, http.StatusBadRequest, "FATAL", "invalid value for count")
		return
	}
	s.mutex.Lock()
	sids := slices.Sorted(maps.Keys(s.jobs))
	s.mutex.Unlock()
	entries := []map[string]any{}
	for _, sid := range sids[:min(count, len(sids))] {
		entries = append(entries, map[string]any{"name": sid})
	}
	answer(w, http.StatusOK, map[string]any{"entry": entries, "paging": map[string]int{"total": len(sids), "perPage": count, "offset": 0}})
}

func (s *Server) job(w http.ResponseWriter, r *http.Request) {
	job, ok := s.find(w, r)
	if !ok {
		return
	}
	state, messages := "RUNNING", []message{}
	switch {
	case job.Failed != "":
		state, messages = "FAILED", []message{{"FATAL", job.Failed}}
	case s.isDone(job):
		state = "DONE"
	}
	answer(w, http.StatusOK, map[string]any{"entry": []map[string]any{{
		"name": job.SID,
		"content": map[string]any{
			"sid": job.SID, "isDone": s.isDone(job) || job.Failed != "", "isFailed": job.Failed != "", "dispatchState": state,
			"isRealTimeSearch": job.RealTime, "resultCount": len(job.Rows), "ttl": 600, "messages": messages,
		},
	}}})
}

func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	job, ok := s.find(w, r)
	if !ok {
		return
	}
	if !s.isDone(job) || job.Failed != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	count, err := natural(r.FormValue("count"), DefaultCount)
	offset, wrong := natural(r.FormValue("offset"), 0)
	if err = errors.Join(err, wrong); err != nil {
		refuse(w, http.StatusBadRequest, "FATAL", "invalid value for count or offset")
		return
	}
	if most := cmp.Or(s.options.AtOnce, MaxCount); count == 0 || count > most {
		count = most
	}
	start := min(offset, len(job.Rows))
	rows := job.Rows[start:min(start+count, len(job.Rows))]
	fields := []map[string]string{}
	for _, name := range job.Fields {
		fields = append(fields, map[string]string{"name": name})
	}
	answer(w, http.StatusOK, map[string]any{
		"preview": false, "init_offset": offset, "messages": []message{}, "fields": fields, "results": append([]map[string]any{}, rows...), "highlighted": map[string]any{},
	})
}

func natural(text string, fallback int) (int, error) {
	if text == "" {
		return fallback, nil
	}
	number, err := strconv.ParseUint(text, 10, 31)
	return int(number), err
}

// control adds a search while the stand-in runs, for those who work with it by hand.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	var job struct {
		SID    string           `json:"sid"`
		Fields []string         `json:"fields"`
		Rows   []map[string]any `json:"rows"`
	}
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 16<<20), &job, json.RejectUnknownMembers(true))
	if err != nil || job.SID == "" {
		http.Error(w, "a search is {\"sid\":…,\"fields\":[…],\"rows\":[{…}]}", http.StatusBadRequest)
		return
	}
	s.Add(Job{SID: job.SID, Fields: job.Fields, Rows: job.Rows})
	w.WriteHeader(http.StatusNoContent)
}

type message struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	answer(w, status, map[string]any{"messages": []message{{kind, text}}})
}

func answer(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the caller may be gone
}
