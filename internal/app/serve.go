package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Strict-Transport-Security: a browser that has seen the server once takes no plain HTTP in its place for a year.
const (
	hstsHeader = "Strict-Transport-Security"
	hsts       = "max-age=31536000"
)

// maxStreams bounds the calls that one connection of HTTP/2 may have under way.
const maxStreams = 100

// listen opens the address of the configuration.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// layers puts around a listener what guards it, from the socket up: the bound on connections, TLS, and what answers for
// net/http where that speaks by itself.
func (s *Server) layers(ctx context.Context, listener net.Listener) net.Listener {
	listener = newBoundedListener(listener, s.maxConnections())
	if s.tls != nil {
		listener = listenTLS(ctx, listener, handshake{
			config: s.tls, timeout: s.config.Server.ReadHeader, log: s.options.Log.With("part", "tls"), refuse: s.refuseClear,
		})
	}
	return httpListener{listener, s.refuseHTTP}
}

// httpServer is net/http with the limits of the configuration.
func (s *Server) httpServer() *http.Server {
	limits := &s.config.Server
	return &http.Server{
		Handler: s.handler(), DisableGeneralOptionsHandler: true, TLSConfig: s.tls,
		ReadHeaderTimeout: limits.ReadHeader, ReadTimeout: limits.Read, WriteTimeout: limits.Write, IdleTimeout: limits.Idle,
		// The handler holds to the limit exactly, and with a problem on HTTP/2 too; beyond this net/http does not read on.
		MaxHeaderBytes: 2 * limits.MaxHeaderBytes, ErrorLog: errorLog(s.options.Log),
		ConnState: connState, ConnContext: connContext,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
}

// handler is what net/http calls: the funnel, and what holds for every call to it.
func (s *Server) handler() http.Handler {
	var all bodies
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.begin()
		defer s.calls.end()
		if watched, ok := r.Context().Value(httpConnKey{}).(*httpConn); ok {
			watched.handling.Store(true)
		}
		if r.TLS != nil {
			w.Header().Set(hstsHeader, hsts)
		}
		if limit := s.config.Server.MaxHeaderBytes; headerBytes(r) > limit {
			s.funnel.Refuse(w, r, refused(http.StatusRequestHeaderFieldsTooLarge, limit)) //nolint:contextcheck // it takes that of the request
			return
		}
		if r.Method == "PRI" && r.RequestURI == "*" { // the preface of HTTP/2, which is spoken over TLS alone
			s.funnel.Refuse(w, r, refused(http.StatusHTTPVersionNotSupported, 0)) //nolint:contextcheck // it takes that of the request
			return
		}
		bounded, release := all.bound(r)
		defer release()
		s.funnel.ServeHTTP(w, bounded)
	})
}

// headerBytes is the size of request line and headers, as HTTP/1 writes them.
func headerBytes(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}

// serve answers calls until ctx is done, then drains.
func (s *Server) serve(ctx context.Context, listener net.Listener, ready func(url string)) error {
	var background sync.WaitGroup
	defer background.Wait()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	scheme := "http://"
	if s.tls != nil {
		scheme = "https://"
		background.Go(func() { s.certificate.watch(watching, s.config.Server.TLS.reload()) })
	}
	background.Go(func() { s.evidence.Run(watching) })
	server := s.httpServer()
	failed := make(chan error, 1)
	layers := s.layers(context.WithoutCancel(ctx), listener)
	go func() { failed <- server.Serve(layers) }()
	ready(scheme + listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	err := s.drain(context.WithoutCancel(ctx), server)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// callbackWait is for how long calls are still taken when the last jobs have ended: Jira sends the webhook of a ticket a moment after
// it has answered who made it, and a Data Center may not repeat it.
const callbackWait = time.Second

// drain sends callers elsewhere, lets running jobs end, then takes no more calls and waits for those under way.
func (s *Server) drain(ctx context.Context, server *http.Server) error {
	s.readiness.stop()
	// From here on answers say Connection: close, and HTTP/2 connections are told to go away.
	server.SetKeepAlivesEnabled(false)
	if delay := s.config.Server.DrainDelay; delay > 0 {
		notice, cancel := context.WithTimeout(ctx, delay)
		<-notice.Done()
		cancel()
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Server.Drain)
	defer cancel()
	working := s.store.underWay() > 0
	interrupted, err := s.drainJobs(ctx)
	if working {
		callbacks, cancel := context.WithTimeout(ctx, callbackWait)
		<-callbacks.Done()
		cancel()
	}
	cutOff := 0
	if down := server.Shutdown(ctx); down != nil {
		cutOff = s.calls.count()
		err = errors.Join(err, fmt.Errorf("drain: %w", down), server.Close())
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), handlerGrace)
		defer cancel()
		s.calls.wait(grace)
	}
	if cutOff+interrupted > 0 {
		s.logAbandoned("the time to drain is over", cutOff, interrupted)
	}
	return err
}

// drainJobs waits for jobs, and interrupts those that take longer than most of the time to drain: calls under way are to have
// some of it left.
func (s *Server) drainJobs(ctx context.Context) (interrupted int, err error) {
	jobs, cancel := context.WithCancel(ctx)
	defer cancel()
	var under atomic.Int64
	limit := time.AfterFunc(s.config.Server.Drain*4/5, func() {
		under.Store(int64(s.store.underWay()))
		cancel()
	})
	defer limit.Stop()
	err = s.store.drain(jobs)
	return int(under.Load()), err
}
