package ticket

import (
	"context"

	"funnelweb/framework"
)

var _ framework.Prober = (*Action)(nil)

// Probe asks the ticket system whether tickets of this kind could be made. One that cannot tell is not asked.
func (a *Action) Probe(ctx context.Context) []framework.Probed {
	prober, ok := a.tickets.(framework.TicketProber)
	if !ok {
		return nil
	}
	plan := framework.TicketPlan{
		Project: a.config.Project, Type: a.config.IssueType, Assignee: a.config.Assignee,
		Transition: a.config.Transition, Links: a.config.EventsURL != "",
	}
	if a.config.Priority != "" {
		plan.Fields = append(plan.Fields, "priority")
	}
	for _, field := range a.fields {
		plan.Fields = append(plan.Fields, field.name)
	}
	return prober.ProbeTickets(ctx, plan)
}
