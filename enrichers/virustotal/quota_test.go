package virustotal

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func newTLSServer(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(eicarFile(t))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTheQuotaWaitsAndNothingIsSent(t *testing.T) {
	quota := new(frameworktest.MemoryQuota)
	until := frameworktest.Start().Add(40 * time.Second)
	quota.Make("virustotal", &framework.Wait{Until: until, Reason: "quota of 4 a minute"})
	server := serve(t, eicarFile(t))
	enricher := newEnricher(t, validConfig(server.URL), func(d *framework.Deps) { d.Quota = quota })
	_, err := enricher.Enrich(t.Context(), md5())
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok || !wait.Until.Equal(until) || framework.Reason(err) != "quota of 4 a minute" || server.asked() != nil {
		t.Fatalf("got %v, and it was asked for %v", err, server.asked())
	}
	want := []framework.Limit{{Count: 4, Per: time.Minute}, {Count: 500, Per: 24 * time.Hour}}
	if diff := cmp.Diff(want, quota.Limits("virustotal")); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	quota.Make("virustotal", nil)
	if finding, err := enricher.Enrich(t.Context(), md5()); err != nil || finding.Verdict != framework.Malicious {
		t.Errorf("after the wait: %+v, %v", finding, err)
	}
}

func TestVirusTotalsOwnQuotaWaits(t *testing.T) {
	start := frameworktest.Start()
	cases := []struct {
		name, message, after string
		want                 time.Time
	}{
		{"of a day", "Daily quota exceeded", "", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)},
		{"of a month", "You have exceeded your monthly quota", "", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)},
		{"of a minute", "Quota exceeded", "", start.Add(time.Minute)},
		{"with a wait", "Quota exceeded", "15", start.Add(15 * time.Second)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				refuses(429, "QuotaExceededError", c.message)(w, r)
			})
			quota := new(frameworktest.MemoryQuota)
			_, err := newEnricher(t, validConfig(server.URL), func(d *framework.Deps) { d.Quota = quota }).Enrich(t.Context(), md5())
			wait, ok := errors.AsType[*framework.Wait](err)
			if !ok || !wait.Until.Equal(c.want) || !strings.Contains(wait.Reason, "quota") {
				t.Fatalf("got %v, want a wait until %s", err, c.want)
			}
			if diff := cmp.Diff([]framework.Wait{*wait}, quota.Told("virustotal")); diff != "" {
				t.Errorf("what the others are told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersAreKeptWhileFresh(t *testing.T) {
	quota, clock := new(frameworktest.MemoryQuota), new(frameworktest.Clock)
	server := serve(t, eicarFile(t))
	enricher := newEnricher(t, validConfig(server.URL), clocked(clock), func(d *framework.Deps) { d.Quota = quota })
	ask := func() framework.Finding {
		t.Helper()
		finding, err := enricher.Enrich(t.Context(), md5())
		if err != nil {
			t.Fatal(err)
		}
		return finding
	}
	first := ask()
	clock.Advance(24*time.Hour - time.Second)
	again := ask()
	if diff := cmp.Diff(first, again); diff != "" || quota.Taken("virustotal") != 1 {
		t.Errorf("%d calls; (-first +again):\n%s", quota.Taken("virustotal"), diff)
	}
	again.Facts[0].Value = "changed by whoever got it"
	if ask().Facts[0].Value == again.Facts[0].Value {
		t.Error("callers share their facts")
	}
	clock.Advance(time.Second)
	if later := ask(); !later.AskedAt.Equal(clock.Now()) || quota.Taken("virustotal") != 2 {
		t.Errorf("a stale answer of %s was used again", later.AskedAt)
	}
}

func TestTheSameLookupAtTheSameTimeIsMadeOnce(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	answer := eicarFile(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		answer(w, r)
	})
	enricher := newEnricher(t, validConfig(server.URL))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			finding, err := enricher.Enrich(t.Context(), md5())
			if err != nil || finding.Verdict != framework.Malicious {
				t.Errorf("got %+v, %v", finding, err)
			}
		})
	}
	<-arrived
	close(release)
	all.Wait()
	if asked := server.asked(); len(asked) != 1 {
		t.Errorf("it was asked %d times", len(asked))
	}
}

func TestACallerThatGoesDoesNotTakeTheOthersWithIt(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	answer := eicarFile(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
			answer(w, r)
		case <-r.Context().Done():
		}
	})
	enricher := newEnricher(t, validConfig(server.URL))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := enricher.Enrich(ctx, md5()); err == nil {
			t.Error("the one who went got an answer")
		}
	})
	<-arrived
	all.Go(func() {
		if finding, err := enricher.Enrich(t.Context(), md5()); err != nil || finding.Verdict != framework.Malicious {
			t.Errorf("the one who stayed got %+v, %v", finding, err)
		}
	})
	cancel()
	<-arrived // the one who stayed asks
	close(release)
	all.Wait()
}

func TestFailedLookupsAreNotKept(t *testing.T) {
	answers := []http.HandlerFunc{refuses(503, "TransientError", ""), eicarFile(t)}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		next := answers[0]
		answers = answers[1:]
		next(w, r)
	})
	enricher := newEnricher(t, validConfig(server.URL))
	if _, err := enricher.Enrich(t.Context(), md5()); err == nil {
		t.Fatal("a failure was taken for an answer")
	}
	if _, err := enricher.Enrich(t.Context(), md5()); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestCheckCostsOneLookupADay(t *testing.T) {
	quota, clock := new(frameworktest.MemoryQuota), new(frameworktest.Clock)
	file := eicarFile(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Apikey") == "" {
			refuses(401, "AuthenticationRequiredError", "X-Apikey header is missing")(w, r)
			return
		}
		file(w, r)
	})
	enricher := newEnricher(t, validConfig(server.URL), func(d *framework.Deps) { d.Quota, d.Now = quota, clock.Now })
	for range 10 {
		if err := enricher.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
	}
	if taken := quota.Taken("virustotal"); taken != 1 || len(server.asked()) != 10 {
		t.Errorf("%d of %d requests were taken from the quota", taken, len(server.asked()))
	}
	clock.Advance(24 * time.Hour)
	quota.Make("virustotal", &framework.Wait{Until: clock.Now().Add(time.Minute)})
	if err := enricher.Check(t.Context()); err != nil {
		t.Errorf("a full quota is no fault: %v", err)
	}
	server.Close()
	if err := enricher.Check(t.Context()); err != nil && framework.RetryAfter(err) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestCheckTellsOfARefusedKeyAndOfAFailure(t *testing.T) {
	answer := refuses(401, "WrongCredentialsError", "")
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
	enricher := newEnricher(t, validConfig(server.URL))
	want := "virustotal: check: the key was refused: correct it (status 401)"
	for range 3 {
		if diff := cmp.Diff(want, framework.Reason(enricher.Check(t.Context()))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if asked := server.asked(); len(asked) != 1 {
		t.Errorf("a refused key was tried %d times", len(asked))
	}
	answer = eicarFile(t)
	if _, err := enricher.Enrich(t.Context(), md5()); err != nil {
		t.Fatal(err)
	}
	answer = refuses(401, "AuthenticationRequiredError", "")
	if err := enricher.Check(t.Context()); err != nil {
		t.Errorf("a key that works again: %v", err)
	}
	answer = refuses(503, "TransientError", "")
	want = "virustotal: check: VirusTotal has a problem of its own (status 503)"
	if diff := cmp.Diff(want, framework.Reason(enricher.Check(t.Context()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
