package ticket_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// planned is a ticket system that is told of plans.
type planned struct {
	framework.Tickets
	plans []framework.TicketPlan
}

func (p *planned) ProbeTickets(_ context.Context, plan framework.TicketPlan) []framework.Probed {
	p.plans = append(p.plans, plan)
	return []framework.Probed{{Name: "project " + plan.Project, OK: true}}
}

func TestThePlanIsAllThatTicketsNeed(t *testing.T) {
	tickets := new(planned)
	deps := frameworktest.Deps(t)
	deps.Tickets = tickets
	small := ticket.Defaults()
	small.Project = "SEC"
	large := small
	large.IssueType, large.Priority, large.Assignee, large.Transition = "Incident", "High", "jdoe@lab.example", "Start"
	large.EventsURL = "https://automation.example.com/api/v1/events"
	large.Fields = map[string]ticket.Texts{"Severity": {"major"}, "Affected host": {"{{.result.dest}}"}, "Tools": {"SIEM", "EDR"}, "Mixed": {"SIEM", "{{.tool}}"}, "Said": {"{{/* nothing */}}x"}}
	for _, config := range []ticket.Config{small, large} {
		action, err := ticket.New(config, deps)
		if err != nil {
			t.Fatal(err)
		}
		if got := action.Probe(t.Context()); len(got) != 1 || got[0].Name != "project SEC" {
			t.Errorf("got %+v", got)
		}
	}
	want := []framework.TicketPlan{
		{Project: "SEC", Type: "Task"},
		{Project: "SEC", Type: "Incident", Fields: []framework.TicketField{
			{Name: "priority", Values: []string{"High"}},
			{Name: "Affected host"},
			{Name: "Mixed"},
			{Name: "Said", Values: []string{"x"}},
			{Name: "Severity", Values: []string{"major"}},
			{Name: "Tools", Values: []string{"SIEM", "EDR"}},
		}, Assignee: "jdoe@lab.example", Transition: "Start", Links: true},
	}
	if diff := cmp.Diff(want, tickets.plans); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATicketSystemThatCannotTellIsNotAsked(t *testing.T) {
	config := ticket.Defaults()
	config.Project = "SEC"
	deps := frameworktest.Deps(t)
	deps.Tickets = struct{ framework.Tickets }{}
	action, err := ticket.New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	if got := action.Probe(t.Context()); got != nil {
		t.Errorf("got %+v", got)
	}
}
