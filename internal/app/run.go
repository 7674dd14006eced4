package app

import (
	"context"
	"errors"
	"fmt"

	"funnelweb/framework"
)

// Routes lists what is served.
func (s *Server) Routes() []framework.Mounted { return s.funnel.Routes() }

// OpenAPI returns the document of what is served.
func (s *Server) OpenAPI() ([]byte, error) { return s.funnel.OpenAPI() }

// Run opens the store and the address, serves and works until ctx is done, then drains: it lets running jobs end while it
// still serves, since what they do at other services comes back as webhooks; takes no more calls, answers those under way,
// and closes the store. When it serves it calls ready with its base URL. Nothing is done before the address is its own.
func (s *Server) Run(ctx context.Context, ready func(url string)) (err error) {
	if err := s.telemetry.Traces.Start(ctx, s.config.Traces, s.options.Version, s.options.Log.With("part", "traces")); err != nil {
		return err
	}
	defer s.closeTraces(context.WithoutCancel(ctx))
	if err := secureData(s.config.Data); err != nil {
		return err
	}
	opened, err := s.store.open(ctx, s.engine)
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Server.Drain)
		defer cancel()
		err = errors.Join(err, opened.Close(drain))
	}()
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if err := opened.Run(s.automations); err != nil { //nolint:contextcheck // its jobs outlive ctx: Drain ends them
		return errors.Join(fmt.Errorf("start automations: %w", err), listener.Close())
	}
	return s.serve(ctx, listener, ready)
}
