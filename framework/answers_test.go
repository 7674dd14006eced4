package framework_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestAFindingIsKeptAsLongAsItIsFreshAndNoLongerThanAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		fresh, atMost, kept time.Duration
	}{
		"until it is stale":  {time.Minute, time.Hour, time.Minute},
		"as long as allowed": {time.Hour, time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			clock := new(frameworktest.Clock)
			answers := &frameworktest.MemoryAnswers{Now: clock.Now}
			ask := func() framework.Finding {
				finding, err := framework.FindingOnce(t.Context(), answers, "reputation", "192.0.2.1", c.atMost, func(context.Context) (framework.Finding, error) {
					return framework.Finding{
						Source: "reputation", Indicator: framework.Indicator{Kind: framework.IP, Value: "192.0.2.1"}, Verdict: framework.Suspicious,
						Summary: "Reported 3 times.", Facts: []framework.Fact{{Key: "a", Label: "A", Value: "1"}},
						AskedAt: clock.Now(), StaleAt: clock.Now().Add(c.fresh),
					}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return finding
			}
			first := ask()
			clock.Advance(c.kept - 1)
			if diff := cmp.Diff(first, ask()); diff != "" {
				t.Errorf("asked again (-first +again):\n%s", diff)
			}
			clock.Advance(1)
			if again := ask(); !again.AskedAt.Equal(clock.Now()) {
				t.Errorf("an answer of %s was used at %s", again.AskedAt, clock.Now())
			}
		})
	}
}

func TestAFailureIsReturnedAsItIsAndNotKept(t *testing.T) {
	answers := &frameworktest.MemoryAnswers{Now: frameworktest.Start}
	planned := errors.New("planned")
	for range 2 {
		_, err := framework.FindingOnce(t.Context(), answers, "reputation", "q", time.Hour, func(context.Context) (framework.Finding, error) {
			return framework.Finding{}, planned
		})
		if !errors.Is(err, planned) {
			t.Errorf("got %v", err)
		}
	}
	if answers.Asked() != 2 {
		t.Errorf("asked %d times", answers.Asked())
	}
}
