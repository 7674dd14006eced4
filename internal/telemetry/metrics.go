package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"funnelweb/framework"
)

const (
	scrapes       = 4 // at once
	scrapeTimeout = 10 * time.Second
)

// Metrics are the numbers of a server. It is a framework.CallObserver and an engine.Observer.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	calls        *prometheus.HistogramVec
	stored       *prometheus.CounterVec
	duplicates   *prometheus.CounterVec
	settled      *prometheus.CounterVec
	attempts     *prometheus.HistogramVec
	serviceCalls *prometheus.HistogramVec
}

// callBuckets are in seconds: a webhook is accepted within milliseconds.
func callBuckets() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// workBuckets are in seconds: a job calls services that may take a minute together.
func workBuckets() []float64 {
	return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60}
}

// NewMetrics returns metrics without a state to read; what the process and the Go runtime use is among them.
func NewMetrics(now func() time.Time) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: now}
	m.calls = m.histogram("http_request_seconds", "Time to answer a call, by route and status.", callBuckets(), "method", "route", "status")
	m.stored = m.counter("events_accepted_total", "Events stored and acknowledged, by source.", "source")
	m.duplicates = m.counter("events_deduplicated_total", "Events that were delivered again and acknowledged without being stored twice, by source.", "source")
	m.settled = m.counter("runs_total",
		"What deliveries of events to jobs came to: done, skipped (the when does not hold), retrying, waiting (for a quota or a service) or dead.",
		"automation", "job", "outcome")
	m.attempts = m.histogram("attempt_seconds", "Time that one attempt at a job took, by whether it succeeded.", workBuckets(), "automation", "job", "ok")
	m.serviceCalls = m.histogram("service_request_seconds", "Time until an outside service answered a call over HTTP; status 0 for no answer.", workBuckets(),
		"service", "status")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(counter)
	return counter
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(histogram)
	return histogram
}

const namespace = "funnelweb"

// Handler serves the metrics in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, Timeout: scrapeTimeout, ErrorHandling: promhttp.ContinueOnError})
}

// Call measures how long a call takes.
func (m *Metrics) Call(ctx context.Context, method, route, _ string) (context.Context, func(int)) {
	start := m.now()
	return ctx, func(status int) {
		m.calls.WithLabelValues(knownMethod(method), route, strconv.Itoa(status)).Observe(m.now().Sub(start).Seconds())
	}
}

// knownMethod bounds what callers can make of a label.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// Stored counts an event.
func (m *Metrics) Stored(source string, duplicate bool) {
	if duplicate {
		m.duplicates.WithLabelValues(source).Inc()
		return
	}
	m.stored.WithLabelValues(source).Inc()
}

// Attempt measures how long an attempt takes.
func (m *Metrics) Attempt(ctx context.Context, job framework.Job) (context.Context, func(framework.Result, error)) {
	start := m.now()
	return ctx, func(_ framework.Result, err error) {
		m.attempts.WithLabelValues(job.Automation, job.Name, strconv.FormatBool(err == nil)).Observe(m.now().Sub(start).Seconds())
	}
}

// Settled counts what a delivery came to.
func (m *Metrics) Settled(automation, job string, state framework.RunState) {
	m.settled.WithLabelValues(automation, job, string(state)).Inc()
}

// Client returns a client that measures the calls it makes to a service.
func (m *Metrics) Client(client *http.Client, service string) *http.Client {
	measured := *client
	measured.Transport = &measuredTransport{client.Transport, m, service}
	return &measured
}

type measuredTransport struct {
	http.RoundTripper

	metrics *Metrics
	service string
}

// Around implements framework.Wrapper.
func (t *measuredTransport) Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	return &measuredTransport{change(t.RoundTripper), t.metrics, t.service}
}

// RoundTrip measures until the headers of the answer.
func (t *measuredTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	start := t.metrics.now()
	response, err := t.RoundTripper.RoundTrip(r)
	status := 0
	if err == nil {
		status = response.StatusCode
	}
	t.metrics.serviceCalls.WithLabelValues(t.service, strconv.Itoa(status)).Observe(t.metrics.now().Sub(start).Seconds())
	return response, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t *measuredTransport) CloseIdleConnections() {
	if closer, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
