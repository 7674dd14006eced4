package telemetry

import (
	"context"
	"net/http"
	"time"

	"funnelweb/framework"
)

// Telemetry is metrics and traces together: what the funnel and the engine are observed by.
type Telemetry struct {
	*Metrics

	Traces *Traces
}

// New returns telemetry that measures, and traces from Traces.Start on.
func New(now func() time.Time) *Telemetry { return &Telemetry{NewMetrics(now), new(Traces)} }

// Call measures and traces a call.
func (t *Telemetry) Call(ctx context.Context, method, route, requestID string) (context.Context, func(int)) {
	ctx, measured := t.Metrics.Call(ctx, method, route, requestID)
	ctx, traced := t.Traces.Call(ctx, method, route, requestID)
	return ctx, func(status int) { measured(status); traced(status) }
}

// Attempt measures and traces an attempt at a job.
func (t *Telemetry) Attempt(ctx context.Context, job framework.Job) (context.Context, func(framework.Result, error)) {
	ctx, measured := t.Metrics.Attempt(ctx, job)
	ctx, traced := t.Traces.Attempt(ctx, job)
	return ctx, func(result framework.Result, err error) { measured(result, err); traced(result, err) }
}

// Client measures and traces the calls to a service.
func (t *Telemetry) Client(client *http.Client, service string) *http.Client {
	return t.Traces.Client(t.Metrics.Client(client, service), service)
}
