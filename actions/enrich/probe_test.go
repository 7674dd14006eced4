package enrich

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// planned is a ticket system that is told of plans.
type planned struct {
	framework.Tickets
	plans []framework.TicketPlan
}

func (p *planned) ProbeTickets(_ context.Context, plan framework.TicketPlan) []framework.Probed {
	p.plans = append(p.plans, plan)
	return []framework.Probed{{Name: "tickets of others", OK: true}}
}

func TestWhetherTicketsOfOthersCanBeCommentedOnIsLookedAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ticketOf string
		plans    []framework.TicketPlan
	}{
		"on Jira's webhook":                           {"", []framework.TicketPlan{{}}},
		"beside an automation that makes the tickets": {"ticket-for-alert", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, system := newStage(t, func(c2 *Config) { c2.TicketOf = c.ticketOf }), new(planned)
			s.Action.tickets = system
			got := s.Probe(t.Context())
			if diff := cmp.Diff(c.plans, system.plans); diff != "" || len(got) != len(c.plans) {
				t.Errorf("got %v, plans (-want +got):\n%s", got, diff)
			}
		})
	}
}

func TestATicketSystemThatCannotTellIsNotAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.Action.tickets = struct{ framework.Tickets }{}
	if got := s.Probe(t.Context()); got != nil {
		t.Errorf("got %+v", got)
	}
}
