// Package funnelweb is the program as a library, for a private build: a module of your own whose main adds its parts to
// ours.
//
//	func main() { os.Exit(funnelweb.Main(funnelweb.Parts, enrichers.Register)) }
//
// A part itself imports funnelweb/framework alone. How to write one is in docs/parts.md; examples/privatebuild is such a
// module.
package funnelweb

import (
	"os"

	"funnelweb/actions"
	"funnelweb/endpoints"
	"funnelweb/enrichers"
	"funnelweb/framework"
	"funnelweb/internal/cli"
	"funnelweb/plugins"
)

// Parts lists every plugin, enricher, endpoint and action that comes with Funnelweb.
func Parts(r *framework.Registry) {
	plugins.Register(r)
	enrichers.Register(r)
	endpoints.Register(r)
	actions.Register(r)
}

// Main runs the command line of this process with the parts that the functions list, and returns its exit code: 0 when
// it did what it was asked, 1 when it could not, 2 when it was called wrongly or the configuration has mistakes. A name
// that is listed twice for one kind of part is a mistake of the build, told at the start of every command that uses parts.
func Main(register ...func(*framework.Registry)) int {
	return cli.Main(os.Args[1:], os.Stdout, os.Stderr, register...)
}
