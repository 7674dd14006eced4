package framework_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestOnlyOneOfTwoWorkersDoesIt(t *testing.T) {
	var clock frameworktest.Clock
	ledger := newLedger(&clock)
	var s service
	var second error
	s.do = func(context.Context) (string, error) {
		s.do = nil
		_, second = s.once(t, ledger, &clock)
		return "SEC-1", nil
	}
	first, err := s.once(t, ledger, &clock)
	if err != nil || first != "SEC-1" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", first, err, s.done)
	}
	wantWait(t, second, clock.Now().Add(framework.DefaultLimit+time.Minute))

	// Both have read the ledger before either has written to it.
	var other frameworktest.MemoryLedger
	other.BeforePut = func(string) error {
		other.BeforePut = nil
		_, err := s.once(t, &other, &clock)
		return err
	}
	s.done = 0
	_, err = s.once(t, &other, &clock)
	wantWait(t, err, clock.Now().Add(time.Second))
	if s.done != 1 {
		t.Errorf("done %d times", s.done)
	}
}

// forgetting is a ledger that may have lost what it held.
type forgetting struct{ framework.Ledger }

func (forgetting) Forgets() bool { return true }

func TestOnceLooksFirstWhereTheLedgerForgets(t *testing.T) {
	clock := &frameworktest.Clock{}
	effect := func(exists bool, calls *[]string) framework.Effect {
		return framework.Effect{
			Find: func(context.Context) (string, error) {
				*calls = append(*calls, "find")
				if exists {
					return "SEC-1", nil
				}
				return "", nil
			},
			Do: func(context.Context) (string, error) {
				*calls = append(*calls, "do")
				return "SEC-2", nil
			},
		}
	}
	for name, test := range map[string]struct {
		ledger framework.Ledger
		exists bool
		result string
		calls  []string
	}{
		"a ledger that forgets, and an effect from before": {forgetting{&frameworktest.MemoryLedger{}}, true, "SEC-1", []string{"find"}},
		"a ledger that forgets, and none":                  {forgetting{&frameworktest.MemoryLedger{}}, false, "SEC-2", []string{"find", "do"}},
		"a ledger that would know of it":                   {&frameworktest.MemoryLedger{}, true, "SEC-2", []string{"do"}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			for range 2 { // the second is in every ledger
				result, err := framework.Once(t.Context(), test.ledger, clock.Now, "ticket.abc", effect(test.exists, &calls))
				if result != test.result || err != nil {
					t.Errorf("got %q, %v", result, err)
				}
			}
			if diff := cmp.Diff(test.calls, calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// lossy is a ledger that has lost records some time ago.
type lossy struct {
	forgetting

	clock *frameworktest.Clock
	lost  time.Duration
}

func (l lossy) Age(revision uint64) time.Duration {
	if revision == 0 {
		return l.clock.Elapsed() - l.lost
	}
	return l.Ledger.Age(revision)
}

func TestOnceLooksForWhatWasLostOnlyWhenItIsSeen(t *testing.T) {
	clock := &frameworktest.Clock{}
	ledger := lossy{forgetting{newLedger(clock)}, clock, 0}
	var s service
	clock.Advance(20 * time.Second)
	_, err := s.once(t, ledger, clock)
	wantWait(t, err, clock.Now().Add(framework.DefaultLimit+time.Minute-20*time.Second))
	if s.looked != 0 || s.done != 0 {
		t.Errorf("looked %d times, done %d times, while the attempt that was lost may be under way", s.looked, s.done)
	}
	clock.Advance(framework.DefaultLimit + time.Minute - 20*time.Second)
	s.found = "SEC-1"
	if got, err := s.once(t, ledger, clock); err != nil || got != "SEC-1" || s.done != 0 {
		t.Errorf("got %q, %v, done %d times", got, err, s.done)
	}
}
