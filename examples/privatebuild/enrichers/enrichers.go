// Package enrichers lists the enrichers of this module.
package enrichers

import (
	"example.com/privatebuild/enrichers/assets"

	"funnelweb/framework"
)

// Register adds each under the name of its folder, in the order of the alphabet.
func Register(r *framework.Registry) {
	framework.AddEnricher(r, "assets", assets.Defaults, assets.New)
}
