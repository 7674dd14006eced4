// Package jira is a strict stand-in for Jira Cloud or Jira Data Center: the part of REST version 2 that an automation
// uses and signed webhooks, over a real loopback socket, in memory. It refuses what Jira refuses, in Jira's words, and
// can be told to misbehave. What it says and does follows Atlassian's REST and webhook documentation and recorded
// payloads, as of 2026-11.
package jira

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/fault"
)

// The two flavours of Jira, which differ in search, log-in, users and webhooks.
const (
	Cloud      = "cloud"
	DataCenter = "datacenter"
)

// Options say what Start starts.
type Options struct {
	Addr   string           // where to listen; 127.0.0.1:0 when empty
	Flavor string           // Cloud, which is the default, or DataCenter
	User   string           // Cloud: the e-mail address that logs in; Data Center: the name of the token's user
	Token  framework.Secret // Cloud: the API token; Data Center: the personal access token; required
	// Projects are the names of the issue types by project key.
	Projects map[string][]string
	// Fields stand on every screen; OffScreen exist and stand on none.
	Fields, OffScreen []Field
	Users             []User // to whom issues can be assigned
	UploadLimit       int    // bytes that an attachment may have; 10 MiB when 0, none may be attached when negative

	WebhookURL    string           // where events are sent; nowhere when empty
	WebhookSecret framework.Secret // signs the events; they are unsigned without one
	RetryDelay    time.Duration    // between deliveries of one event; 200 ms when 0, where Atlassian takes minutes

	SearchLag  time.Duration // Cloud: how old an issue must be to be found by a search
	WriteEvery time.Duration // the least time between two writes to one issue; writes that come sooner get 429

	Now func() time.Time // required
	Log *slog.Logger     // required
}

// Server is a running stand-in.
type Server struct {
	options Options
	faults  fault.Faults
	store   *store
	courier *courier

	url      string
	http     *http.Server
	stop     context.CancelFunc
	running  sync.WaitGroup
	closing  sync.Once
	closeErr error
}

// Start listens and serves until Close is called or the context ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", options.Addr)
	if err != nil {
		return nil, fmt.Errorf("start the Jira stand-in: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	server := &Server{options: options, url: "http://" + listener.Addr().String(), stop: stop}
	server.courier = newCourier(options)
	server.store = newStore(options, server.url, server.courier.send)
	server.http = &http.Server{
		Handler:           server.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	server.running.Go(func() { server.courier.run(ctx) })
	server.running.Go(func() {
		if err := server.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			options.Log.Error("the Jira stand-in stopped serving", "err", err)
		}
	})
	server.running.Go(func() {
		<-ctx.Done()
		_ = server.http.Close() // Close says what went wrong
	})
	return server, nil
}

func (o *Options) complete() error {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Flavor == "" {
		o.Flavor = Cloud
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = 200 * time.Millisecond
	}
	if o.UploadLimit == 0 {
		o.UploadLimit = uploadLimit
	}
	switch {
	case !slices.Contains([]string{Cloud, DataCenter}, o.Flavor):
		return fmt.Errorf("flavor %q is neither %s nor %s", o.Flavor, Cloud, DataCenter)
	case o.User == "":
		return errors.New("the Jira stand-in needs a user")
	case o.Token.IsZero():
		return errors.New("the Jira stand-in needs a token")
	case o.Now == nil || o.Log == nil:
		return errors.New("the Jira stand-in needs a clock and a log")
	}
	return nil
}

// URL is the root of the stand-in, without a trailing slash.
func (s *Server) URL() string { return s.url }

// Faults make it misbehave.
func (s *Server) Faults() *fault.Faults { return &s.faults }

// SetWebhook sends events to another address from now on; an empty one sends them nowhere.
func (s *Server) SetWebhook(url string, secret framework.Secret) { s.courier.address(url, secret) }

// Close stops serving and delivering, waits for both, and may be called more than once. Events that
// were not delivered are dropped.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.closeErr = s.http.Close()
		s.running.Wait()
	})
	return s.closeErr
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range s.routes() {
		mux.Handle(pattern, s.rest(handle))
	}
	mux.Handle("/rest/", s.rest(noRoute))
	mux.HandleFunc("POST /rest/api/2/issue/{issue}/attachments", s.attach)
	mux.Handle(fault.ControlPath, s.faults.Control())
	s.pages(mux)

	// A ServeMux cannot tell createmeta from the key of an issue, as Jira does.
	const createmeta = "/rest/api/2/issue/createmeta/"
	meta := http.NewServeMux()
	meta.Handle("GET "+createmeta+"{project}/issuetypes", s.rest(s.listIssueTypes))
	meta.Handle("GET "+createmeta+"{project}/issuetypes/{type}", s.rest(s.listScreen))
	meta.Handle("/", s.rest(noRoute))
	return s.faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, createmeta) {
			meta.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func (s *Server) routes() map[string]handle {
	const api, issue = "/rest/api/2", "/rest/api/2/issue/{issue}"
	routes := map[string]handle{
		"POST " + api + "/issue": s.createIssue,
		"GET " + issue:           s.getIssue,
		"PUT " + issue:           s.updateIssue,

		"GET " + issue + "/comment":         s.listComments,
		"POST " + issue + "/comment":        s.addComment,
		"GET " + issue + "/comment/{id}":    s.getComment,
		"PUT " + issue + "/comment/{id}":    s.updateComment,
		"DELETE " + issue + "/comment/{id}": s.deleteComment,

		"GET " + api + "/comment/{id}/properties":       s.listCommentProperties,
		"GET " + api + "/comment/{id}/properties/{key}": s.getCommentProperty,

		"GET " + issue + "/properties/{key}": s.getIssueProperty,
		"GET " + issue + "/remotelink":       s.listRemoteLinks,
		"POST " + issue + "/remotelink":      s.addRemoteLink,
		"GET " + issue + "/transitions":      s.listTransitions,
		"POST " + issue + "/transitions":     s.doTransition,

		"GET " + api + "/attachment/meta":        s.attachmentMeta,
		"GET " + api + "/field":                  s.listFields,
		"GET " + api + "/user/assignable/search": s.assignable,

		"GET " + api + "/myself":            s.myself,
		"GET " + api + "/mypermissions":     s.permissions,
		"GET " + api + "/serverInfo":        s.serverInfo,
		"GET " + api + "/project/{project}": s.getProject,
	}
	s.searchRoutes(routes)
	return routes
}
