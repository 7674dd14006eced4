package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"funnelweb/framework"
)

// The time limits of the server. A webhook is small: whoever takes longer is slow on purpose.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	drainTimeout      = 10 * time.Second // of SIGTERM: then what still runs is left to be done again after the next start
)

// Routes lists what is served.
func (s *Server) Routes() []framework.Mounted { return s.funnel.Routes() }

// OpenAPI returns the document of what is served.
func (s *Server) OpenAPI() ([]byte, error) { return s.funnel.OpenAPI() }

// Run opens the store, serves and works until ctx is done, then drains: it takes no more calls, answers those under
// way, lets running jobs end, and closes the store. When it serves it calls ready with its base URL.
func (s *Server) Run(ctx context.Context, ready func(url string)) (err error) {
	opened, err := s.store.open(ctx, engineOptions(s.config, s.options))
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err = errors.Join(err, opened.Close(drain))
	}()
	if err := opened.Run(s.automations); err != nil { //nolint:contextcheck // its jobs outlive ctx: Close ends them, draining
		return fmt.Errorf("start automations: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.serve(ctx, listener, ready)
}

func (s *Server) serve(ctx context.Context, listener net.Listener, ready func(url string)) error {
	server := &http.Server{
		Handler: s.funnel, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: errorLog(s.options.Log),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ready("http://" + listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
