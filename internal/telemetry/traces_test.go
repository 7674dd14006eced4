package telemetry

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// traceCollector takes traces as a collector does.
type traceCollector struct {
	*httptest.Server

	mu     sync.Mutex
	spans  []*tracepb.Span
	header http.Header
	path   string
	refuse bool
}

func newCollector(t *testing.T) *traceCollector {
	t.Helper()
	c := new(traceCollector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.take(t, w, r) }))
	t.Cleanup(c.Close)
	return c
}

func (c *traceCollector) take(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body = unzipped
	}
	encoded, err := io.ReadAll(body)
	var sent collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(encoded, &sent)); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c.header, c.path = r.Header, r.URL.Path
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// seen is a span for comparing: its parent by name.
type seen struct {
	Name, Parent, Status string
	SameTrace            bool // as the first span that began
}

func (c *traceCollector) seen() []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	for _, span := range c.spans {
		names[string(span.GetSpanId())] = span.GetName()
	}
	var all []seen
	for _, span := range c.spans {
		all = append(all, seen{
			span.GetName(), names[string(span.GetParentSpanId())], span.GetStatus().GetMessage(),
			string(span.GetTraceId()) == string(c.spans[len(c.spans)-1].GetTraceId()),
		})
	}
	return all
}

func startTraces(t *testing.T, config TracesConfig) (*Telemetry, *frameworktest.Log) {
	t.Helper()
	log := new(frameworktest.Log)
	telemetry := New(time.Now)
	if err := telemetry.Traces.Start(t.Context(), config, "1.2.3", log.Logger()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTraces(t, telemetry) })
	return telemetry, log
}

func closeTraces(t *testing.T, telemetry *Telemetry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := telemetry.Traces.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestATraceGoesFromTheWebhookToTheCallThatAJobMakes(t *testing.T) {
	taken := newCollector(t)
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer service.Close()
	secret := framework.NewSecret("Bearer canary-of-the-collector")
	telemetry, _ := startTraces(t, TracesConfig{Endpoint: taken.URL, Header: "Authorization", Value: secret})

	call, answered := telemetry.Call(t.Context(), http.MethodPost, "/api/v1/splunk/alert", "request-1")
	event := framework.Event{ID: "splunk-abc", Type: "splunk.alert", Trace: framework.Trace(call)}
	answered(http.StatusAccepted)

	job, ended := telemetry.Attempt(t.Context(), framework.Job{Automation: "enrich", Name: "virustotal", Event: event, Attempt: 1})
	client := telemetry.Client(service.Client(), "virustotal")
	defer client.CloseIdleConnections()
	getWith(job, t, client, service.URL+"/secret-in-path")
	ended(framework.Result{}, &framework.ServiceError{Service: "jira", Op: "comment", Reason: "too many calls", Err: errors.New("canary-of-the-cause")})
	closeTraces(t, telemetry)

	want := []seen{
		{"POST /api/v1/splunk/alert", "", "", true},
		{"GET virustotal", "enrich / virustotal", "", true},
		{"enrich / virustotal", "POST /api/v1/splunk/alert", "jira: comment: too many calls", true},
	}
	if diff := cmp.Diff(want, taken.seen()); diff != "" {
		t.Error(diff)
	}
	if taken.path != "/v1/traces" || taken.header.Get("Authorization") != "Bearer canary-of-the-collector" {
		t.Errorf("the collector was called at %s with %v", taken.path, taken.header)
	}
	for _, span := range taken.spans {
		if text := span.String(); strings.Contains(text, "canary") || strings.Contains(text, "secret-in-path") {
			t.Errorf("a span tells a secret: %s", text)
		}
	}
}

func TestAJobOnAnEventThatAnotherLedToIsLinkedToItsTrace(t *testing.T) {
	taken := newCollector(t)
	telemetry, _ := startTraces(t, TracesConfig{Endpoint: taken.URL})
	call, answered := telemetry.Call(t.Context(), http.MethodPost, "/alert", "request-1")
	origin := framework.Event{ID: "splunk-abc", Trace: framework.Trace(call)}
	answered(http.StatusAccepted)
	job, ended := telemetry.Attempt(t.Context(), framework.Job{Automation: "enrich", Event: framework.Event{ID: "jira-def"}})
	framework.Relate(job, origin)
	ended(framework.Result{Summary: "done"}, nil)
	closeTraces(t, telemetry)
	if len(taken.spans) != 2 || len(taken.spans[1].GetLinks()) != 1 {
		t.Fatalf("spans %v", taken.spans)
	}
	if got, want := string(taken.spans[1].GetLinks()[0].GetTraceId()), string(taken.spans[0].GetTraceId()); got != want {
		t.Errorf("linked to %x, want %x", got, want)
	}
}

func TestAWaitIsNoError(t *testing.T) {
	taken := newCollector(t)
	telemetry, _ := startTraces(t, TracesConfig{Endpoint: taken.URL})
	_, ended := telemetry.Attempt(t.Context(), framework.Job{Automation: "enrich"})
	ended(framework.Result{}, &framework.Wait{Until: time.Now(), Reason: "quota"})
	closeTraces(t, telemetry)
	if diff := cmp.Diff([]seen{{"enrich", "", "", true}}, taken.seen()); diff != "" {
		t.Error(diff)
	}
}

func TestACallersOwnTraceIsNotBelieved(t *testing.T) {
	taken := newCollector(t)
	telemetry, _ := startTraces(t, TracesConfig{Endpoint: taken.URL})
	stranger := follow(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_, answered := telemetry.Call(stranger, http.MethodPost, "/alert", "request-1")
	answered(http.StatusAccepted)
	closeTraces(t, telemetry)
	if got := taken.spans[0]; len(got.GetParentSpanId()) != 0 || string(got.GetTraceId()[:2]) == "\x0a\xf7" {
		t.Errorf("the span goes on with a stranger's trace: %v", got)
	}
}

func TestACollectorThatRefusesIsLoggedOnceAndHarmsNothing(t *testing.T) {
	taken := newCollector(t)
	taken.refuse = true
	telemetry, log := startTraces(t, TracesConfig{Endpoint: taken.URL})
	_, answered := telemetry.Call(t.Context(), http.MethodPost, "/alert", "request-1")
	answered(http.StatusAccepted)
	closeTraces(t, telemetry)
	if got := strings.Count(log.String(), "the collector takes no traces"); got != 1 {
		t.Errorf("logged %d times: %s", got, log)
	}
}

func TestWithoutAnEndpointNothingIsTraced(t *testing.T) {
	telemetry, _ := startTraces(t, TracesConfig{})
	call, answered := telemetry.Call(t.Context(), http.MethodPost, "/alert", "request-1")
	answered(http.StatusAccepted)
	_, ended := telemetry.Attempt(call, framework.Job{Automation: "enrich"})
	ended(framework.Result{}, nil)
	if got := framework.Trace(call); got != "" {
		t.Errorf("there is a trace: %s", got)
	}
}

func TestUnsafeOrUselessSettingsOfTracesAreRefused(t *testing.T) {
	secret := framework.NewSecret("Bearer canary")
	for name, c := range map[string]struct {
		config TracesConfig
		want   string
	}{
		"nothing is said":                         {TracesConfig{}, ""},
		"a collector next to the server":          {TracesConfig{Endpoint: "http://127.0.0.1:4318", Header: "Authorization", Value: secret}, ""},
		"a collector over TLS":                    {TracesConfig{Endpoint: "https://collector.example", Sample: 0.1}, ""},
		"a credential in the clear":               {TracesConfig{Endpoint: "http://collector.example", Header: "Authorization", Value: secret}, "must be https"},
		"a header without a value":                {TracesConfig{Endpoint: "https://collector.example", Header: "Authorization"}, "give both or none"},
		"a user in the address":                   {TracesConfig{Endpoint: "https://me:secret@collector.example"}, "without a user"},
		"an address of another protocol":          {TracesConfig{Endpoint: "grpc://collector.example:4317"}, "must be a URL"},
		"an address that is none":                 {TracesConfig{Endpoint: "://"}, "must be a URL"},
		"more than all calls":                     {TracesConfig{Sample: 2}, "sample"},
		"a part of the calls that is less than 0": {TracesConfig{Sample: -1}, "sample"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.config.Check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
