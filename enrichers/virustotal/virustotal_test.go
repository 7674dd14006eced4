package virustotal

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

var golden = flag.Bool("golden", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	canary    = "c4naryc4naryc4naryc4nary"
	eicarMD5  = "44d88612fea8a8f36de82e1278abb02f"
	eicarSHA1 = "3395856ce81f2b7382dee72602f798b642f14140"
	eicarHash = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
)

// provider is a VirusTotal that answers with answer and records what it was asked.
type provider struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func serve(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	made := new(provider)
	made.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made.mu.Lock()
		made.requests = append(made.requests, r.Clone(r.Context()))
		made.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(made.Close)
	return made
}

// asked returns the paths that were asked for, in order.
func (p *provider) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var paths []string
	for _, request := range p.requests {
		paths = append(paths, request.URL.EscapedPath())
	}
	return paths
}

// says answers with a status and a body that is JSON.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func refuses(status int, code, message string) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message))
}

func eicarFile(t *testing.T) http.HandlerFunc {
	t.Helper()
	body, err := os.ReadFile("testdata/eicar.json")
	if err != nil {
		t.Fatal(err)
	}
	return says(http.StatusOK, string(body))
}

func validConfig(url string) Config {
	config := Defaults()
	config.Key, config.URL = framework.NewSecret(canary), url
	return config
}

func newEnricher(t *testing.T, config Config, change ...func(*framework.Deps)) *Enricher {
	t.Helper()
	deps := frameworktest.Deps(t)
	for _, one := range change {
		one(&deps)
	}
	enricher, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	return enricher
}

// clocked gives everything one clock.
func clocked(clock *frameworktest.Clock) func(*framework.Deps) {
	return func(d *framework.Deps) { d.Now, d.Answers = clock.Now, &frameworktest.MemoryAnswers{Now: clock.Now} }
}

func md5() framework.Indicator { return framework.Indicator{Kind: framework.MD5, Value: eicarMD5} }

func TestTheFindingForEICAR(t *testing.T) {
	server := serve(t, eicarFile(t))
	finding, err := newEnricher(t, validConfig(server.URL)).Enrich(t.Context(), md5())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(finding, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "eicar.golden", append(got, '\n'))
	request := server.requests[0]
	if key := request.Header.Values("X-Apikey"); len(key) != 1 || key[0] != canary {
		t.Error("the key did not go with the request")
	}
	if agent := request.UserAgent(); !strings.HasPrefix(agent, "funnelweb/test;") {
		t.Errorf("user agent %q", agent)
	}
	frameworktest.LeaksNoSecret(t, canary, request.URL.String(), string(got))
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *golden {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestEachKindHasItsPlace(t *testing.T) {
	server := serve(t, refuses(404, "NotFoundError", "no"))
	enricher := newEnricher(t, validConfig(server.URL+"/api/v3/"))
	cases := []struct {
		kind  framework.Kind
		value string
		want  string
	}{
		{framework.MD5, eicarMD5, "/api/v3/files/" + eicarMD5},
		{framework.SHA1, eicarSHA1, "/api/v3/files/" + eicarSHA1},
		{framework.SHA256, eicarHash, "/api/v3/files/" + eicarHash},
		{framework.IP, "8.8.8.8", "/api/v3/ip_addresses/8.8.8.8"},
		{framework.IP, "2606:4700::1111", "/api/v3/ip_addresses/2606:4700::1111"},
		{framework.Domain, "evil.example", "/api/v3/domains/evil.example"},
		{framework.URL, "http://evil.example/a/../b", "/api/v3/urls/aHR0cDovL2V2aWwuZXhhbXBsZS9hLy4uL2I"},
	}
	for i, c := range cases {
		indicator, err := framework.ParseIndicator(c.kind, c.value)
		if err != nil {
			t.Fatal(err)
		}
		finding, err := enricher.Enrich(t.Context(), indicator)
		if err != nil || finding.Verdict != framework.Unknown || finding.Link != "" {
			t.Errorf("%s: %+v, %v", indicator, finding, err)
		}
		if got := server.asked(); len(got) != i+1 || got[i] != c.want {
			t.Errorf("%s was asked for at %v, want %s", indicator, got, c.want)
		}
	}
}

func TestUnknownIsNotClean(t *testing.T) {
	server := serve(t, refuses(404, "NotFoundError", "File not found"))
	deps := frameworktest.Deps(t)
	enricher := newEnricher(t, validConfig(server.URL))
	got, err := enricher.Enrich(t.Context(), md5())
	if err != nil {
		t.Fatal(err)
	}
	want := framework.Finding{
		Source: "virustotal", Indicator: md5(), Verdict: framework.Unknown,
		Summary: "Never seen by VirusTotal; unknown is not clean.", AskedAt: deps.Now(), StaleAt: deps.Now().Add(time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAValueThatIsNotInNormalFormIsNotAsked(t *testing.T) {
	server := serve(t, eicarFile(t))
	enricher := newEnricher(t, validConfig(server.URL))
	for _, indicator := range []framework.Indicator{
		{Kind: framework.MD5, Value: "../../users/me"},
		{Kind: framework.MD5, Value: strings.ToUpper(eicarMD5)},
		{Kind: framework.Domain, Value: "evil.example/../x"},
		{Kind: framework.Domain, Value: "%zz"},
		{Kind: framework.IP, Value: "008.8.8.8"},
		{Kind: framework.URL, Value: "javascript:alert(1)"},
		{Kind: framework.User, Value: "jdoe"},
		{Kind: "file", Value: eicarMD5},
		{},
	} {
		if _, err := enricher.Enrich(t.Context(), indicator); !framework.IsPermanent(err) {
			t.Errorf("%q: got %v, want a permanent error", indicator, err)
		}
	}
	if asked := server.asked(); asked != nil {
		t.Errorf("it was asked for %v", asked)
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no key", func(c *Config) { c.Key = framework.Secret{} }, "key is required, and is made of letters and digits"},
		{"a key with a line break", func(c *Config) { c.Key = framework.NewSecret(canary + "\nx") }, "key is required, and is made of letters and digits"},
		{"plain HTTP", func(c *Config) { c.URL = "http://vt.example/api/v3" }, "url is http: the credentials would travel in the clear; only this machine may be reached so"},
		{"no URL", func(c *Config) { c.URL = "" }, "url is missing"},
		{"a key in the URL", func(c *Config) { c.URL = "https://u:p@vt.example" }, "url holds a user or password; they have keys of their own"},
		{"no engines", func(c *Config) { c.MaliciousFrom = 0 }, "malicious_from must be at least 1 engine"},
		{"a negative quota", func(c *Config) { c.PerDay = -1 }, "per_minute and per_day must not be negative"},
		{"no time", func(c *Config) { c.Timeout = 0 }, "timeout and fresh must be longer than 0"},
		{
			"a network that is none", func(c *Config) { c.InternalNetworks = []string{"198.51.100.7"} },
			"internal_networks are blocks of addresses such as 203.0.113.0/24",
		},
		{
			"a pattern as a name", func(c *Config) { c.InternalNames = []string{"*.corp.example"} },
			"internal_names are domains such as corp.example.com; all names below them are meant, too",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := validConfig("https://www.virustotal.com/api/v3")
			c.change(&config)
			_, err := New(config, frameworktest.Deps(t))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
}

func TestTheReadmesConfigurationLoads(t *testing.T) {
	t.Setenv("VT_API_KEY", canary)
	config := Defaults()
	frameworktest.ReadmeConfig(t, "enrichers.virustotal", &config)
	newEnricher(t, config)
	config.Key, config.InternalNames, config.InternalNetworks, config.User = framework.Secret{}, nil, nil, ""
	if diff := cmp.Diff(Defaults(), config, cmp.AllowUnexported(framework.Secret{})); diff != "" {
		t.Errorf("the README's defaults differ (-code +README):\n%s", diff)
	}
}

// closing counts the answers whose body was closed.
type closing struct {
	http.RoundTripper
	opened, closed atomic.Int32
}

func (c *closing) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.opened.Add(1)
	response.Body = &closingBody{response.Body, c}
	return response, nil
}

type closingBody struct {
	io.ReadCloser
	counter *closing
}

func (b *closingBody) Close() error {
	b.counter.closed.Add(1)
	return b.ReadCloser.Close()
}

func TestEveryAnswerIsClosed(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a good one": eicarFile(t), "a refusal": refuses(http.StatusNotFound, "NotFoundError", "not found"), "nonsense": says(http.StatusOK, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			counter := &closing{}
			enricher := newEnricher(t, validConfig(serve(t, answer).URL), func(deps *framework.Deps) {
				counter.RoundTripper = deps.HTTP.Transport
				if counter.RoundTripper == nil {
					counter.RoundTripper = http.DefaultTransport
				}
				deps.HTTP = &http.Client{Transport: counter, Timeout: deps.HTTP.Timeout}
			})
			_, _ = enricher.Enrich(t.Context(), md5())
			if counter.opened.Load() != 1 || counter.closed.Load() != 1 {
				t.Errorf("%d answers were opened and %d closed", counter.opened.Load(), counter.closed.Load())
			}
		})
	}
}
