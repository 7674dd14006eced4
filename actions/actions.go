// Package actions lists the actions that a configuration may name.
package actions

import (
	"funnelweb/actions/archive"
	"funnelweb/framework"
)

// Register lists every action, in the order of the alphabet.
func Register(r *framework.Registry) {
	framework.AddAction(r, "archive", archive.Defaults, archive.New)
}
