package virustotal

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	standin "funnelweb/internal/sandbox/virustotal"
)

// startStandIn starts the VirusTotal of the sandbox, which is strict about keys, paths and methods.
func startStandIn(t *testing.T, change ...func(*standin.Options)) *standin.Server {
	t.Helper()
	deps := frameworktest.Deps(t)
	options := standin.Options{Key: framework.NewSecret(canary), Now: deps.Now, Log: deps.Log}
	for _, one := range change {
		one(&options)
	}
	server, err := standin.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func TestTheStandInsStory(t *testing.T) {
	server := startStandIn(t)
	enricher := newEnricher(t, validConfig(server.URL()))
	got := map[string]framework.Finding{}
	for _, text := range []string{
		"md5 " + standin.EICARMD5, "sha1 " + standin.EICARSHA1, "sha256 " + standin.EICARSHA256,
		"sha256 " + standin.HarmlessSHA256, "sha256 " + standin.UndetectedSHA256, "md5 " + strings.Repeat("0", 32),
		"ip " + standin.MaliciousIP, "domain " + standin.MaliciousDomain, "url " + standin.MaliciousURL,
		"url " + standin.MaliciousURL + "?to=jdoe@lab.example", "ip 10.0.0.1",
	} {
		kind, value, _ := strings.Cut(text, " ")
		indicator, err := framework.ParseIndicator(framework.Kind(kind), value)
		if err != nil {
			t.Fatal(err)
		}
		finding, err := enricher.Enrich(t.Context(), indicator)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got[text] = finding
	}
	readable, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "story.golden", append(readable, '\n'))
	if submissions := server.Submissions(); submissions != nil {
		t.Errorf("something was submitted: %v", submissions)
	}
	asked := strings.Join(server.Requests(), "\n")
	if strings.Contains(asked, "jdoe") || regexp.MustCompile(`[?#]`).MatchString(asked) {
		t.Errorf("it was told more than it needs:\n%s", asked)
	}
	if err := enricher.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestTheStandInsQuotaWaits(t *testing.T) {
	clock := new(frameworktest.Clock)
	server := startStandIn(t, func(o *standin.Options) { o.PerMinute, o.Now = 1, clock.Now })
	enricher := newEnricher(t, validConfig(server.URL()), func(d *framework.Deps) { d.Now = clock.Now })
	if _, err := enricher.Enrich(t.Context(), md5()); err != nil {
		t.Fatal(err)
	}
	other := framework.Indicator{Kind: framework.SHA256, Value: standin.HarmlessSHA256}
	_, err := enricher.Enrich(t.Context(), other)
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok {
		t.Fatalf("got %v, want a wait", err)
	}
	clock.Advance(wait.Until.Sub(clock.Now()))
	if finding, err := enricher.Enrich(t.Context(), other); err != nil || finding.Verdict != framework.Harmless {
		t.Errorf("after the wait: %+v, %v", finding, err)
	}
}

func TestAFaultOfTheStandInPasses(t *testing.T) {
	cases := []struct {
		name  string
		fault fault.Fault
		want  string
		after time.Duration
	}{
		{"429 with a wait", fault.Fault{Status: 429, RetryAfter: 3 * time.Second}, "too many requests (status 429)", 3 * time.Second},
		{"503", fault.Fault{Status: 503}, "VirusTotal has a problem of its own (status 503)", 0},
		{"a web page", fault.Fault{HTML: true}, "the answer is not JSON but text/html; charset=utf-8: correct url, or look for a proxy in between (status 200)", 0},
		{"cut before", fault.Fault{CutBefore: true}, "the connection could not be made, or was cut before the answer was complete", 0},
		{"cut after", fault.Fault{CutAfter: true}, "the connection could not be made, or was cut before the answer was complete", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := startStandIn(t)
			c.fault.Match, c.fault.Times = "GET /api/v3/files/", 1
			server.Faults().Add(c.fault)
			enricher := newEnricher(t, validConfig(server.URL()))
			_, err := enricher.Enrich(t.Context(), md5())
			if diff := cmp.Diff("virustotal: look up md5: "+c.want, framework.Reason(err)); diff != "" || framework.RetryAfter(err) != c.after {
				t.Errorf("(-want +got):\n%s\nretry after %s", diff, framework.RetryAfter(err))
			}
			if finding, err := enricher.Enrich(t.Context(), md5()); err != nil || finding.Verdict != framework.Malicious {
				t.Errorf("after the fault: %+v, %v", finding, err)
			}
		})
	}
}

func TestTheStandInRefusesAWrongKey(t *testing.T) {
	server := startStandIn(t)
	config := validConfig(server.URL())
	config.Key = framework.NewSecret("an0ther-k3y-canary")
	_, err := newEnricher(t, config).Enrich(t.Context(), md5())
	if diff := cmp.Diff("virustotal: look up md5: the key was refused: correct it (status 401)", framework.Reason(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	frameworktest.LeaksNoSecret(t, "an0ther-k3y-canary", err.Error())
}
