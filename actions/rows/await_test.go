package rows

import (
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/splunk"
)

// forgetful is a ledger that says that it lost records.
type forgetful struct{ *frameworktest.MemoryLedger }

func (forgetful) Forgets() bool { return true }

func TestRowsOfATicketThatTheLedgerForgotAreAttachedToIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.splunk.Add(splunk.Job{SID: sid, Rows: numbered(2)})
	activity := new(frameworktest.RecordingActivity)
	activity.AddEvent(s.job.Event, framework.Run{
		Automation: "ticket-for-alert", State: framework.RunDone, Result: "created SEC-1", Link: s.tickets.Link("SEC-1"),
	})
	s.Action.ledger, s.activity = forgetful{s.ledger}, activity
	if _, err := s.tickets.Create(t.Context(), framework.NewTicket{Project: "SEC", Type: "Task", Summary: "x"}); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	if got := s.attached(t); len(got) != 3 {
		t.Errorf("attached %q", got)
	}
}
