// Package enrichers lists the enrichers that come with Funnelweb.
package enrichers

import (
	"funnelweb/enrichers/activedirectory"
	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
)

// Register lists them all. A private build lists its own beside them.
func Register(r *framework.Registry) {
	framework.AddEnricher(r, "activedirectory", activedirectory.Defaults, activedirectory.New)
	framework.AddEnricher(r, "virustotal", virustotal.Defaults, virustotal.New)
}
