// Privatebuild is a Funnelweb with parts of its own beside those that come with it.
package main

import (
	"os"

	"example.com/privatebuild/enrichers"

	"funnelweb"
)

func main() { os.Exit(funnelweb.Main(funnelweb.Parts, enrichers.Register)) }
