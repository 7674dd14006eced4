package app

import "funnelweb/framework"

// What stands for a service whose section has mistakes, so that the parts that need it do not call it missing. Build
// then returns an error, and none of this is ever called.
type (
	unmadeTickets  struct{ framework.Tickets }
	unmadeEnricher struct{ framework.Enricher }
)

// Kinds are all: whether they fit cannot be told.
func (unmadeEnricher) Kinds() []framework.Kind { return framework.Kinds() }
