package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/telemetry"
)

func TestACollectorIsSentNothing(t *testing.T) {
	const canary = "c4nary-of-the-collector"
	cases := []struct {
		name   string
		status int
		want   framework.Probed
	}{
		{"it takes traces", 200, framework.Probed{OK: true, Detail: "the collector takes traces"}},
		{"a wrong credential", 401, framework.Probed{Detail: "traces: export: the credentials are refused: check them (status 401)", Advice: "correct traces.header and traces.value"}},
		{"another path", 404, framework.Probed{Detail: "traces: export: it refuses the call (status 404)", Advice: "nothing takes OTLP over HTTP at that path: correct traces.endpoint; the port is usually 4318"}},
		{"down", 503, framework.Probed{Detail: "traces: export: it cannot answer at the moment (status 503)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got struct{ Path, Type, Credential, Body string }
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got.Path, got.Type, got.Credential, got.Body = r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("X-Key"), string(body)
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			config := telemetry.TracesConfig{Endpoint: server.URL, Header: "X-Key", Value: framework.NewSecret(canary)}
			probed := config.Probe(t.Context(), server.Client(), time.Now)
			if len(probed) != 1 {
				t.Fatalf("got %+v", probed)
			}
			probed[0].Took, c.want.Name = 0, "export"
			if diff := cmp.Diff(c.want, probed[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			want := struct{ Path, Type, Credential, Body string }{"/v1/traces", "application/x-protobuf", canary, ""}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("it was sent (-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, probed[0].Detail, probed[0].Advice)
		})
	}
	if probed := (telemetry.TracesConfig{}).Probe(t.Context(), http.DefaultClient, time.Now); probed != nil {
		t.Errorf("without an endpoint it tried %+v", probed)
	}
}
