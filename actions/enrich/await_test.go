package enrich

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// alertJob is a job on the alert itself, beside the automation ticket-for-alert, which makes its ticket.
func alertJob(t *testing.T) framework.Job {
	t.Helper()
	return framework.Job{Automation: "enrich-alert", Name: "virustotal", Event: event(t, "splunk.alert", alert), Attempt: 1}
}

// makeTicket records a ticket as the action ticket does.
func (s stage) makeTicket(t *testing.T, key string) {
	t.Helper()
	making := framework.Job{Automation: "ticket-for-alert", Event: alertJob(t).Event}
	effect := framework.Effect{Do: func(context.Context) (string, error) { return key, nil }}
	if _, err := framework.Once(t.Context(), s.ledger, s.clock.Now, "ticket."+making.Key(), effect); err != nil {
		t.Fatal(err)
	}
}

func awaiting(t *testing.T) stage {
	t.Helper()
	return newStage(t, func(c *Config) { c.TicketOf = "ticket-for-alert" })
}

func TestAnAlertIsEnrichedWithoutJirasWebhook(t *testing.T) {
	t.Parallel()
	s := awaiting(t)
	job := alertJob(t)
	_, err := s.Do(t.Context(), job)
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := &framework.Wait{Until: s.clock.Now().Add(time.Second), Reason: "the automation ticket-for-alert has not made a ticket of this event yet"}
	if diff := cmp.Diff(want, wait); diff != "" {
		t.Errorf("wait (-want +got):\n%s", diff)
	}
	if err := s.Failed(t.Context(), job, framework.Failure{Reason: wait.Reason, Waiting: true, Next: wait.Until}); err != nil {
		t.Errorf("showing that it waits: %v", err)
	}
	if len(s.vt.asked) > 0 || len(s.comments()) > 0 {
		t.Errorf("asked %v, wrote %q", s.vt.asked, s.comments())
	}
	s.makeTicket(t, "SEC-1")
	if diff := cmp.Diff("virustotal: malicious on SEC-1", s.do(t, job).Summary); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	compareGolden(t, "first.golden", s.comment(t))
}

func TestATicketIsAwaitedEverLongerAndNotForever(t *testing.T) {
	t.Parallel()
	s := awaiting(t)
	waits := 0
	for {
		_, err := s.Do(t.Context(), alertJob(t))
		wait, ok := errors.AsType[*framework.Wait](err)
		if !ok {
			if !framework.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
			break
		}
		if next := wait.Until.Sub(s.clock.Now()); next < time.Second || next > 10*time.Minute {
			t.Fatalf("waits %s", next)
		}
		waits++
		s.clock.Advance(wait.Until.Sub(s.clock.Now()))
	}
	if waits < 100 || waits > 600 {
		t.Errorf("looked %d times in %s", waits, framework.AwaitLimit)
	}
	s.makeTicket(t, "SEC-1") // somebody replayed both dead letters
	s.do(t, alertJob(t))
}

func TestWhatIsNoTicketsKeyIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	s := awaiting(t)
	s.makeTicket(t, "../SEC-1")
	if _, err := s.Do(t.Context(), alertJob(t)); !framework.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestALedgerThatIsAwayIsNotATicketThatIsMissing(t *testing.T) {
	t.Parallel()
	s := awaiting(t)
	away := errors.New("away")
	s.ledger.BeforeGet = func(string) error { return away }
	if _, err := s.Do(t.Context(), alertJob(t)); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
}
