package framework_test

import (
	"context"
	"errors"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestTheOutcomeOfAnEffectIsKnownOnceItIsProven(t *testing.T) {
	t.Parallel()
	ledger, now := new(frameworktest.MemoryLedger), frameworktest.Start
	outcome := func(want string) {
		t.Helper()
		got, err := framework.Outcome(t.Context(), ledger, "k")
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	attempt := func(err error) {
		t.Helper()
		_, _ = framework.Once(t.Context(), ledger, now, "k", framework.Effect{
			Do: func(context.Context) (string, error) { outcome(""); return "SEC-1", err },
		})
	}
	outcome("")
	attempt(&framework.ServiceError{Reason: "it surely did nothing"})
	outcome("")
	attempt(nil)
	outcome("SEC-1")
}

func TestAnOutcomeThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	ledger := &frameworktest.MemoryLedger{BeforeGet: func(string) error { return away }}
	if _, err := framework.Outcome(t.Context(), ledger, "k"); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	ledger = new(frameworktest.MemoryLedger)
	if _, err := ledger.Put(t.Context(), "k", []byte("{"), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := framework.Outcome(t.Context(), ledger, "k"); err == nil {
		t.Errorf("got %q", got)
	}
}
