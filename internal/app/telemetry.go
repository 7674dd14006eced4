package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// Alarm says when operators are to look.
type Alarm struct {
	// OldestWaiting is the age of the oldest event that waits for a job, from which on /ready and /metrics tell of it.
	// Default 1h.
	OldestWaiting time.Duration `yaml:"oldest_waiting"`
}

const defaultOldestWaiting = time.Hour

// stats reads the engine's state, once it is open.
func (s *Server) stats(ctx context.Context) (engine.Stats, error) { return s.store.stats(ctx) }

// backlog is a check of readiness: not that events can be stored, but that what was stored is worked on.
func (s *Server) backlog(ctx context.Context) error {
	stats, err := s.stats(ctx)
	if err != nil {
		return &framework.ServiceError{Service: "backlog", Op: "check", Reason: "the event store does not say what waits", Err: err}
	}
	for _, queue := range stats.Queues {
		if queue.Oldest > s.config.Alarm.OldestWaiting {
			return &framework.ServiceError{Service: "backlog", Op: "check", Reason: backlogReason(queue, s.config.Alarm.OldestWaiting)}
		}
	}
	return nil
}

func backlogReason(queue engine.QueueStats, limit time.Duration) string {
	name := "automation " + queue.Automation
	if queue.Job != "" {
		name += ", job " + queue.Job
	}
	return fmt.Sprintf("%s: %d events wait, the oldest for %s (limit %s); funnelweb events shows why",
		name, queue.Waiting, queue.Oldest.Round(time.Second), limit)
}

// services is a check of readiness: that those which jobs need are not down, as far as jobs have met them.
func (s *Server) services(ctx context.Context) error {
	stats, err := s.stats(ctx)
	if err != nil {
		return &framework.ServiceError{Service: "services", Op: "check", Reason: "the event store does not say which are down", Err: err}
	}
	var down []string
	for _, service := range stats.Services {
		if service.State == framework.CircuitOpen {
			down = append(down, fmt.Sprintf("%s since %s", service.Service, service.Since.UTC().Format(time.RFC3339)))
		}
	}
	if down == nil {
		return nil
	}
	return &framework.ServiceError{Service: "services", Op: "check", Reason: "down: " + strings.Join(down, ", ") + "; what needs them waits"}
}

// lastTraces bounds how long a stopping server waits for the collector.
const lastTraces = 2 * time.Second

// closeTraces sends what is left. A collector that does not take it must not make a stop look like a failure.
func (s *Server) closeTraces(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastTraces)
	defer cancel()
	if err := s.telemetry.Traces.Close(ctx); err != nil {
		s.options.Log.Warn("the last traces are lost", "err", err)
	}
}
