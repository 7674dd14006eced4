package app

import (
	"context"
	"sync/atomic"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// store stands for the engine while parts are made, and is the engine from Run on. So a configuration can be built, and
// checked, without a data directory. Its methods must not be called before open, and parts do not: framework.Deps says so.
type store struct {
	framework.Publisher
	framework.Activity
	framework.Ledger
	framework.Quota
	framework.Answers
	ready func(context.Context) error
	drain func(context.Context) error
	stats func(context.Context) (engine.Stats, error)

	opened atomic.Pointer[engine.Engine] // for those who may ask before open
}

// open opens the engine.
func (s *store) open(ctx context.Context, options engine.Options) (*engine.Engine, error) {
	opened, err := engine.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	s.Publisher, s.Activity, s.Ledger, s.Quota = opened, opened, opened.Ledger(), opened.Quota()
	s.Answers = opened.Answers()
	s.ready, s.drain, s.stats = opened.Ready, opened.Drain, opened.Stats
	s.opened.Store(opened)
	return opened, nil
}

// Forgets passes on what the engine's ledger says.
func (s *store) Forgets() bool {
	ledger, ok := s.Ledger.(framework.Forgetful)
	return ok && ledger.Forgets()
}

// underWay is how many jobs are under way; none are before open.
func (s *store) underWay() int {
	if opened := s.opened.Load(); opened != nil {
		return opened.UnderWay()
	}
	return 0
}

// readyNow asks the engine.
func (s *store) readyNow(ctx context.Context) error { return s.ready(ctx) }

// leftNow asks the engine whether something waits for automations that the configuration does not have.
func (s *store) leftNow(ctx context.Context) error {
	if opened := s.opened.Load(); opened != nil {
		return opened.Left(ctx)
	}
	return nil
}
