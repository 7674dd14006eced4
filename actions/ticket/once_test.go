package ticket_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestDeliveriesAtTheSameTimeMakeOneTicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	job := job(t, malware)
	errs := make([]error, 8)
	var working sync.WaitGroup
	for i := range errs {
		working.Go(func() { _, errs[i] = s.Do(t.Context(), job) })
	}
	working.Wait()
	for _, err := range errs {
		if _, waits := errors.AsType[*framework.Wait](err); err != nil && !waits {
			t.Errorf("a delivery failed: %v", err)
		}
	}
	s.clock.Advance(time.Minute)
	s.run(t, job)
	if got := len(s.tickets.Tickets()); got != 1 {
		t.Errorf("%d tickets", got)
	}
}

func TestTheSearchIsLeftItsLagBeforeATicketIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	job := job(t, malware)
	s.tickets.CommitThenFailNext(frameworktest.Create, ambiguous())
	began := s.clock.Now()
	if _, err := s.Do(t.Context(), job); framework.IsPermanent(err) || !framework.MayHaveHappened(err) {
		t.Fatalf("got %v", err)
	}
	_, err := s.Do(t.Context(), job)
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok {
		t.Fatalf("got %v, want to wait", err)
	}
	if diff := cmp.Diff(framework.DefaultLimit+30*time.Second, wait.Until.Sub(began)); diff != "" {
		t.Errorf("wait (-want +got):\n%s", diff)
	}
	if calls := s.tickets.Calls(); len(calls) != 1 || !strings.HasPrefix(calls[0], "Create ") {
		t.Errorf("Jira was called meanwhile: %v", calls)
	}
}
