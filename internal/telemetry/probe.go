package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"funnelweb/framework"
)

// Probe sends a collector an export of no spans, which it takes and keeps nothing of. Without an endpoint there is nothing to try.
func (c TracesConfig) Probe(ctx context.Context, client *http.Client, now func() time.Time) []framework.Probed {
	if c.Endpoint == "" {
		return nil
	}
	deps := framework.Deps{HTTP: client, Now: now}
	var status int
	probed := framework.Try(now, "export", func() (string, error) {
		// An empty message in Protocol Buffers has no bytes.
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address(), http.NoBody)
		if err != nil {
			return "", &framework.ServiceError{Service: "traces", Op: "export", Reason: "the endpoint cannot be called", Permanent: true}
		}
		request.Header.Set("Content-Type", "application/x-protobuf")
		if c.Header != "" {
			request.Header.Set(c.Header, c.Value.Reveal())
		}
		_, err = framework.Fetch(deps, "traces", "export", request)
		if failure, ok := errors.AsType[*framework.ServiceError](err); ok {
			status = failure.Status
		}
		return "the collector takes traces", err
	})
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		probed.Advice = "correct traces.header and traces.value"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		probed.Advice = "nothing takes OTLP over HTTP at that path: correct traces.endpoint; the port is usually 4318"
	}
	return []framework.Probed{probed}
}
