package ticket

import (
	"context"
	"strings"
	"text/template/parse"

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
		plan.Fields = append(plan.Fields, framework.TicketField{Name: "priority", Values: constants(a.priority)})
	}
	for _, field := range a.fields {
		plan.Fields = append(plan.Fields, framework.TicketField{Name: field.name, Values: constants(field.values...)})
	}
	return prober.ProbeTickets(ctx, plan)
}

// constants returns what templates write whatever the event is, or nil when one of them depends on it.
func constants(texts ...*text) []string {
	var values []string
	for _, one := range texts {
		var value strings.Builder
		for _, node := range one.template.Root.Nodes {
			literal, ok := node.(*parse.TextNode)
			if !ok {
				return nil
			}
			value.Write(literal.Text)
		}
		values = append(values, value.String())
	}
	return values
}
