// Package actions lists the actions that a configuration may name.
package actions

import (
	"funnelweb/actions/archive"
	"funnelweb/actions/enrich"
	"funnelweb/actions/rows"
	"funnelweb/actions/ticket"
	"funnelweb/framework"
)

// Register lists every action, in the order of the alphabet.
func Register(r *framework.Registry) {
	framework.AddAction(r, "archive", archive.Defaults, archive.New)
	framework.AddAction(r, "enrich", enrich.Defaults, enrich.New)
	framework.AddAction(r, "rows", rows.Defaults, rows.New)
	framework.AddAction(r, "ticket", ticket.Defaults, ticket.New)
}
