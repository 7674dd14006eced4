package framework

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Deps is what the server gives to a part: everything that a part would otherwise reach for globally. New
// must not use any of it for input or output yet: a configuration is also built only to be checked.
type Deps struct {
	Log     *slog.Logger
	Now     func() time.Time
	HTTP    *http.Client // time limit 30 s, answers cut off at 32 MiB, no redirects to other hosts
	Version string       // of the program

	Events    Publisher
	Activity  Activity
	Ledger    Ledger
	Quota     Quota
	Answers   Answers
	Tickets   Tickets // nil when none is configured: refuse to be built then
	Archive   Archive
	Enrichers map[string]Enricher // by name; complete before any action is built
	// Ready returns the state of every dependency, in a few seconds at most. Each is asked again only when its last answer is
	// old, however often Ready is called and by how many.
	Ready func(ctx context.Context) []Readiness
}
