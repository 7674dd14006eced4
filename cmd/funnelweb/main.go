// Funnelweb is a pluggable security automation server: see internal/cli for its commands.
package main

import (
	"os"

	"funnelweb"
)

func main() { os.Exit(funnelweb.Main(funnelweb.Parts)) }
