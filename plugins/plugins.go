// Package plugins lists the before and after plugins that a configuration may name.
package plugins

import (
	"funnelweb/framework"
	"funnelweb/plugins/allowip"
	"funnelweb/plugins/basic"
	"funnelweb/plugins/hmac"
	"funnelweb/plugins/jwt"
	"funnelweb/plugins/ratelimit"
	"funnelweb/plugins/scrub"
	"funnelweb/plugins/token"
)

// Register adds every plugin under the name of its folder. The signatures that one registry checks are one server's: hmac
// knows a replay on whatever route it comes.
func Register(r *framework.Registry) {
	framework.AddPlugin(r, "allowip", allowip.Defaults, allowip.New)
	framework.AddPlugin(r, "basic", basic.Defaults, basic.New)
	framework.AddPlugin(r, "hmac", hmac.Defaults, hmac.Sharing())
	framework.AddPlugin(r, "jwt", jwt.Defaults, jwt.New)
	framework.AddPlugin(r, "ratelimit", ratelimit.Defaults, ratelimit.New)
	framework.AddPlugin(r, "scrub", scrub.Defaults, scrub.New)
	framework.AddPlugin(r, "token", token.Defaults, token.New)
}
