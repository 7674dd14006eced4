package activedirectory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/fault"
)

// newWithCanary returns an enricher whose password is the suites' canary, and the directory of the sandbox, which takes
// the password given.
func newWithCanary(t *testing.T, password string) (*directory.Server, *Enricher) {
	t.Helper()
	server, config := startStandIn(t, password)
	config.Password = framework.NewSecret(frameworktest.Canary)
	return server, newEnricher(t, config)
}

func TestItKeepsWhatEveryEnricherKeeps(t *testing.T) {
	known := frameworktest.EnricherCase{Indicator: jdoe()}
	unknown := frameworktest.EnricherCase{Indicator: framework.Indicator{Kind: framework.Host, Value: "ws-999"}, Source: frameworktest.Unknown}
	fails := frameworktest.EnricherCase{Indicator: jdoe(), Source: frameworktest.Fails}
	hangs := frameworktest.EnricherCase{Indicator: jdoe(), Source: frameworktest.Hangs}

	t.Run("while the directory answers", func(t *testing.T) {
		_, enricher := newWithCanary(t, frameworktest.Canary)
		frameworktest.RunEnricherSuite(t, enricher, known, unknown)
	})
	t.Run("while it is busy", func(t *testing.T) {
		server, enricher := newWithCanary(t, frameworktest.Canary)
		server.Faults().Add(fault.Fault{Match: "search", Status: 503})
		frameworktest.RunEnricherSuite(t, enricher, fails)
	})
	t.Run("while it does not answer", func(t *testing.T) {
		server, enricher := newWithCanary(t, frameworktest.Canary)
		server.Faults().Add(fault.Fault{Match: "search", Latency: time.Hour})
		frameworktest.RunEnricherSuite(t, enricher, hangs)
	})
	t.Run("with a password that is refused", func(t *testing.T) {
		_, enricher := newWithCanary(t, canary)
		frameworktest.RunEnricherSuite(t, enricher, fails)
	})
}

func TestOneBurstOfQuestionsAboutAUserIsOneLookup(t *testing.T) {
	server, config := startStandIn(t, canary)
	clock := new(frameworktest.Clock)
	deps := frameworktest.Deps(t)
	answers := &frameworktest.MemoryAnswers{Now: clock.Now}
	deps.Now, deps.Answers = clock.Now, answers
	enricher := newWith(t, config, deps)
	first, err := enricher.Enrich(t.Context(), jdoe())
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute - time.Second)
	server.Faults().Add(fault.Fault{Match: "search", Status: 503}) // nobody may ask again
	again, err := enricher.Enrich(t.Context(), jdoe())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" || !again.AskedAt.Equal(frameworktest.Start()) {
		t.Errorf("it was asked at %s, and now (-first +again):\n%s", again.AskedAt, diff)
	}
	clock.Advance(time.Second)
	if _, err := enricher.Enrich(t.Context(), jdoe()); err == nil || answers.Asked() != 2 {
		t.Errorf("after a minute it was asked %d times, error %v", answers.Asked(), err)
	}
}
