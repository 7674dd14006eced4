package demo

import (
	"context"
	"errors"
	"testing"
	"time"

	"funnelweb/internal/sandbox/fault"
)

func TestATicketThatIsMadeWhileDrainingHasItsWebhookReceived(t *testing.T) {
	s := setTestStage(t)
	s.sandbox.Jira.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue$", Times: 1, Latency: time.Second})
	s.must(t, (*story).postAlert)
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	defer cancel()
	err := until(ctx, func() error {
		if s.sandbox.Jira.Faults().Hits() == 0 {
			return errors.New("Jira was not asked yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.stop() // as SIGTERM does, while the ticket is being made
	if err := <-s.stopped; err != nil {
		t.Errorf("drain: %v", err)
	}
	s.stopped <- nil // for close
	if issues := s.sandbox.Jira.Issues(); len(issues) != 1 {
		t.Fatalf("%d tickets", len(issues))
	}
	if err := s.sandbox.Jira.Delivered(ctx); err != nil {
		t.Fatal(err)
	}
	for _, delivery := range s.sandbox.Jira.Deliveries() {
		if delivery.Event == "jira:issue_created" && (delivery.Status != 202 || delivery.Attempts != 1) {
			t.Errorf("the webhook of %s was not received: %+v", delivery.IssueKey, delivery)
		}
	}
}
