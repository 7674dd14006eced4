// Funnelweb is a pluggable security automation server: see internal/cli for its commands.
package main

import (
	"os"

	"funnelweb/actions"
	"funnelweb/endpoints"
	"funnelweb/enrichers"
	"funnelweb/internal/cli"
	"funnelweb/plugins"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr,
		plugins.Register, enrichers.Register, endpoints.Register, actions.Register))
}
