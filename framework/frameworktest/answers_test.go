package frameworktest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestAnswers(t *testing.T) {
	ctx := t.Context()
	answers := &frameworktest.MemoryAnswers{Now: frameworktest.Start}
	value := []byte("first")
	give := func(context.Context) (framework.Answer, error) {
		return framework.Answer{Value: value, StaleAt: frameworktest.Start().Add(time.Second)}, ctx.Err()
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := answers.Ask(ctx, "reputation", "a", give); err != nil || string(got.Value) != "first" {
				t.Errorf("got %q, %v", got.Value, err)
			} else {
				copy(got.Value, "XXXXX")
			}
		})
	}
	all.Wait()
	copy(value, "other")
	if got, _ := answers.Ask(ctx, "reputation", "a", give); string(got.Value) != "first" || answers.Asked() != 1 {
		t.Errorf("asked %d times, and now there is %q", answers.Asked(), got.Value)
	}
	if got, _ := answers.Ask(ctx, "reputation", "b", give); string(got.Value) != "other" {
		t.Errorf("another question got %q", got.Value)
	}
	if got, _ := answers.Ask(ctx, "directory", "a", give); string(got.Value) != "other" {
		t.Errorf("another service's question got %q", got.Value)
	}
}

func TestNobodyWaitsLongerThanTheyWantForAnAnswer(t *testing.T) {
	answers := &frameworktest.MemoryAnswers{Now: frameworktest.Start}
	begun, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, _ = answers.Ask(t.Context(), "reputation", "a", func(context.Context) (framework.Answer, error) {
			close(begun)
			<-release
			return framework.Answer{}, errPlanned
		})
	})
	<-begun
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := answers.Ask(gone, "reputation", "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	all.Wait()
}

func TestQuotaIsToldThatTheProviderGivesNoMore(t *testing.T) {
	var quota frameworktest.MemoryQuota
	until := frameworktest.Start().Add(time.Hour)
	if err := quota.Exhausted(t.Context(), "reputation", until, "used up"); err != nil {
		t.Fatal(err)
	}
	told := quota.Told("reputation")
	if len(told) != 1 || !told[0].Until.Equal(until) || told[0].Reason != "used up" {
		t.Errorf("told %v", told)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := quota.Exhausted(gone, "reputation", until, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
