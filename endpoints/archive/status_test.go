package archive

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// threatStackAnswering is an API that gives one answer, and only to the canary.
func threatStackAnswering(t *testing.T, status int) Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if diff := cmp.Diff("GET /api/v1/alerts?count=1", r.Method+" "+r.URL.String()); diff != "" {
			t.Errorf("call (-want +got):\n%s", diff)
		}
		if r.Header.Get("Authorization") != canary {
			t.Error("the key is not in Authorization")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"echo":"` + r.Header.Get("Authorization") + `"}`))
	}))
	t.Cleanup(server.Close)
	return Config{ThreatStack: ThreatStack{URL: server.URL + "/api/v1", Key: framework.NewSecret(canary)}}
}

func TestStatusTellsTheTruth(t *testing.T) {
	cases := []struct {
		name    string
		config  func(t *testing.T) Config
		archive error
		status  int
		want    string
	}{
		{
			"all can be used", func(t *testing.T) Config { t.Helper(); return threatStackAnswering(t, 200) }, nil, 200,
			`{"success":true,"s3":{"success":true},"threatstack":{"success":true}}`,
		},
		{
			"Threat Stack is not configured", func(*testing.T) Config { return Defaults() }, nil, 200,
			`{"success":true,"s3":{"success":true}}`,
		},
		{
			"the key is refused", func(t *testing.T) Config { t.Helper(); return threatStackAnswering(t, 401) }, nil, 503,
			`{"success":false,"s3":{"success":true},"threatstack":{"success":false,
			  "reason":"threatstack: check: the key is refused: check threatstack.key (status 401)"}}`,
		},
		{
			"Threat Stack is in trouble", func(t *testing.T) Config { t.Helper(); return threatStackAnswering(t, 502) }, nil, 503,
			`{"success":false,"s3":{"success":true},"threatstack":{"success":false,
			  "reason":"threatstack: check: it cannot answer at the moment (status 502)"}}`,
		},
		{
			"Threat Stack is not there", func(t *testing.T) Config { t.Helper(); return notListening(t) }, nil, 503,
			`{"success":false,"s3":{"success":true},"threatstack":{"success":false,
			  "reason":"threatstack: check: no answer: check its address and the network"}}`,
		},
		{
			"the archive cannot be used", func(t *testing.T) Config { t.Helper(); return threatStackAnswering(t, 200) },
			&framework.ServiceError{Service: "s3", Op: "check archive", Reason: "access denied"}, 503,
			`{"success":false,"s3":{"success":false,"reason":"s3: check archive: access denied"},"threatstack":{"success":true}}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.config(t))
			s.archive.Fail = func(call, _ string) error {
				if call != "check" {
					t.Errorf("the archive was asked to %s", call)
				}
				return c.archive
			}
			answer := s.call(t, http.MethodGet, "/api/v1/s3/status", "")
			wantAnswer(t, answer, c.status, c.want)
			frameworktest.LeaksNoSecret(t, canary, answer.Body.String())
		})
	}
}

// notListening is an address at which nobody listens any more.
func notListening(t *testing.T) Config {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return Config{ThreatStack: ThreatStack{URL: server.URL, Key: framework.NewSecret(canary)}}
}

func TestTheKeyIsNeitherLoggedNorFollowsARedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("redirected with Authorization of %d bytes", len(r.Header.Get("Authorization")))
	}))
	t.Cleanup(elsewhere.Close)
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/?from=threatstack", http.StatusFound))
	t.Cleanup(redirecting.Close)
	var log bytes.Buffer
	deps := frameworktest.Deps(t)
	deps.Log = slog.New(slog.NewJSONHandler(&log, nil))
	service, err := newThreatStack(ThreatStack{URL: redirecting.URL, Key: framework.NewSecret(canary)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	probe := prober{archive: deps.Archive, threatStack: service, log: deps.Log}
	status, err := probe.status(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status.Success || !strings.Contains(log.String(), `"service":"threatstack"`) {
		t.Errorf("got %+v and the log %s", status, log.String())
	}
	frameworktest.LeaksNoSecret(t, canary, log.String(), status.ThreatStack.Reason)
}
