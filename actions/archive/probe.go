package archive

import (
	"context"

	"funnelweb/framework"
)

var _ framework.Prober = (*Action)(nil)

// Probe asks Threat Stack whether it takes the key; without one there is nothing to ask.
func (a *Action) Probe(ctx context.Context) []framework.Probed {
	if a.details == nil {
		return nil
	}
	return []framework.Probed{framework.Try(a.details.deps.Now, "threatstack", func() (string, error) {
		return "the key is taken", a.Check(ctx)
	})}
}
