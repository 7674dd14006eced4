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

// Run opens the store, serves and works until ctx is done, then drains: it takes no more calls, answers those under
// way, lets running jobs end, and closes the store. When it serves it calls ready with its base URL.
func (s *Server) Run(ctx context.Context, ready func(url string)) (err error) {
	opened, err := s.store.open(ctx, engineOptions(s.config, s.options))
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Server.Drain)
		defer cancel()
		err = errors.Join(err, opened.Close(drain))
	}()
	if err := opened.Run(s.automations); err != nil { //nolint:contextcheck // its jobs outlive ctx: Close ends them, draining
		return fmt.Errorf("start automations: %w", err)
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	return s.serve(ctx, listener, ready)
}
