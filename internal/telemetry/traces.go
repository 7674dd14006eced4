package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"funnelweb/framework"
)

// TracesConfig is the section traces of a configuration.
type TracesConfig struct {
	// Endpoint is where a collector takes traces, OTLP over HTTP: https://collector.example:4318. Spans go to /v1/traces
	// below it unless it has a path. Without it nothing is traced.
	Endpoint string `yaml:"endpoint"`
	// Header carries a credential, such as Authorization.
	Header string `yaml:"header"`
	// Value is that header's value.
	Value framework.Secret `yaml:"value"`
	// Sample is the part of the calls that is traced, above 0 and at most 1. Default 1.
	Sample float64 `yaml:"sample"`
}

// Check returns what of the settings cannot be used, or would be unsafe.
func (c TracesConfig) Check() error {
	endpoint, err := url.Parse(c.Endpoint)
	switch {
	case c.Sample < 0 || c.Sample > 1:
		return errors.New("sample: must be above 0 and at most 1")
	case (c.Header == "") != c.Value.IsZero():
		return errors.New("header and value: give both or none")
	case c.Endpoint == "":
		return nil
	case err != nil || endpoint.Host == "" || endpoint.User != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https":
		return errors.New("endpoint: must be a URL such as https://collector.example:4318, without a user")
	case endpoint.Scheme == "http" && c.Header != "" && !isLoopback(endpoint.Hostname()):
		return errors.New("endpoint: must be https, since a credential goes with it")
	}
	return nil
}

// address is where spans are sent: to a path of the collector's own choice, or to that of the specification of OTLP.
func (c TracesConfig) address() string {
	endpoint, err := url.Parse(c.Endpoint)
	if err == nil && strings.Trim(endpoint.Path, "/") == "" {
		return endpoint.JoinPath("v1", "traces").String()
	}
	return c.Endpoint
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

const (
	exportTimeout = 10 * time.Second
	maxQueued     = 8192 // spans that wait for the collector; more are dropped, never waited for
)

// Traces sends a trace for each webhook: the call, the jobs on its event, and the calls to services that these make.
// Before Start nothing is traced. It is a framework.CallObserver and, with Attempt, part of an engine.Observer.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer // nil before Start
}

// Start begins to trace to an endpoint. Without one nothing is traced. It must be called before what is observed runs.
func (t *Traces) Start(ctx context.Context, config TracesConfig, version string, log *slog.Logger) error {
	if config.Endpoint == "" {
		return nil
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(config.address()), otlptracehttp.WithTimeout(exportTimeout)}
	if config.Header != "" {
		options = append(options, otlptracehttp.WithHeaders(map[string]string{config.Header: config.Value.Reveal()}))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return fmt.Errorf("make exporter of traces: %w", err)
	}
	t.start(&quietExporter{SpanExporter: exporter, log: log}, cmp.Or(config.Sample, 1), version)
	return nil
}

func (t *Traces) start(exporter sdk.SpanExporter, sample float64, version string) {
	about := resource.NewSchemaless(attribute.String("service.name", "funnelweb"), attribute.String("service.version", version))
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(maxQueued)), sdk.WithResource(about),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(sample))),
	)
	t.tracer = t.provider.Tracer("funnelweb")
}

// Close sends what is left, for as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send last traces: %w", err)
	}
	return nil
}

// quietExporter logs when the collector does not take spans, and when it does again, instead of handing each error to
// OpenTelemetry's global handler.
type quietExporter struct {
	sdk.SpanExporter

	log    *slog.Logger
	failed bool // the SDK exports one batch at a time
}

// ExportSpans never fails: what could not be sent is gone.
func (e *quietExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.failed:
		e.log.Warn("the collector takes no traces: check traces.endpoint", "spans_lost", len(spans), "err", err)
	case err == nil && e.failed:
		e.log.Info("the collector takes traces again")
	}
	e.failed = err != nil
	return nil
}

// Call begins a trace. What a caller says about a trace of its own is not believed: callers are strangers.
func (t *Traces) Call(ctx context.Context, method, route, requestID string) (context.Context, func(int)) {
	if t.tracer == nil {
		return ctx, func(int) {}
	}
	ctx, span := t.tracer.Start(ctx, method+" "+route, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.String("funnelweb.request_id", requestID),
	))
	return framework.WithTrace(ctx, parentOf(ctx)), func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// Attempt goes on with the trace of the call that brought the event.
func (t *Traces) Attempt(ctx context.Context, job framework.Job) (context.Context, func(framework.Result, error)) {
	if t.tracer == nil {
		return ctx, func(framework.Result, error) {}
	}
	name := job.Automation
	if job.Name != "" {
		name += " / " + job.Name
	}
	ctx, span := t.tracer.Start(follow(ctx, job.Event.Trace), name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("funnelweb.event_id", job.Event.ID), attribute.String("funnelweb.event_type", job.Event.Type),
		attribute.String("funnelweb.automation", job.Automation), attribute.String("funnelweb.job", job.Name),
		attribute.Int("funnelweb.attempt", job.Attempt),
	))
	ctx = framework.WithRelation(ctx, func(origin framework.Event) {
		span.SetAttributes(attribute.String("funnelweb.origin_event_id", origin.ID))
		if related := trace.SpanContextFromContext(follow(context.Background(), origin.Trace)); related.IsValid() {
			span.AddLink(trace.Link{SpanContext: related})
		}
	})
	return ctx, func(result framework.Result, err error) { endAttempt(span, result, err) }
}

// endAttempt tells the reason that people may see, never the cause: that may hold anything.
func endAttempt(span trace.Span, result framework.Result, err error) {
	defer span.End()
	var wait *framework.Wait
	switch {
	case err == nil:
		span.SetAttributes(attribute.String("funnelweb.result", result.Summary))
	case errors.As(err, &wait):
		span.SetAttributes(attribute.String("funnelweb.waits", framework.Reason(err)))
	default:
		span.SetStatus(codes.Error, framework.Reason(err))
	}
}

// Client returns a client whose calls to a service are part of the trace of what makes them. Services are not told of it.
func (t *Traces) Client(client *http.Client, service string) *http.Client {
	traced := *client
	traced.Transport = &tracedTransport{client.Transport, t, service}
	return &traced
}

type tracedTransport struct {
	http.RoundTripper

	traces  *Traces
	service string
}

// Around implements framework.Wrapper.
func (t *tracedTransport) Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	return &tracedTransport{change(t.RoundTripper), t.traces, t.service}
}

// RoundTrip makes a span until the headers of the answer. It holds no URL: paths and queries may hold secrets.
func (t *tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(r.Context()).IsValid() {
		return t.RoundTripper.RoundTrip(r) // nothing is traced, or a check of readiness
	}
	ctx, span := t.traces.tracer.Start(r.Context(), r.Method+" "+t.service, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("peer.service", t.service), attribute.String("server.address", r.URL.Hostname()),
	))
	defer span.End()
	response, err := t.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	if response.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, http.StatusText(response.StatusCode))
	}
	return response, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t *tracedTransport) CloseIdleConnections() {
	if closer, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// parentOf writes the trace of a context as a header traceparent does.
func parentOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// follow returns a context that goes on with a trace that parentOf wrote.
func follow(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}
