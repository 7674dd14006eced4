package enrich

import (
	"context"

	"funnelweb/framework"
)

var _ framework.Prober = (*Action)(nil)

// Probe asks the ticket system whether tickets that others make can be commented on. Where another automation makes them, that one
// looks at its project. A system that cannot tell is not asked.
func (a *Action) Probe(ctx context.Context) []framework.Probed {
	prober, ok := a.tickets.(framework.TicketProber)
	if !ok || a.config.TicketOf != "" {
		return nil
	}
	return prober.ProbeTickets(ctx, framework.TicketPlan{})
}
