// Package endpoints lists the endpoints that a configuration may name.
package endpoints

import (
	"funnelweb/endpoints/archive"
	"funnelweb/endpoints/events"
	"funnelweb/endpoints/jira"
	"funnelweb/endpoints/splunk"
	"funnelweb/endpoints/status"
	"funnelweb/framework"
)

// Register lists every endpoint, in the order of the alphabet.
func Register(r *framework.Registry) {
	framework.AddEndpoint(r, "archive", archive.Defaults, archive.New)
	framework.AddEndpoint(r, "events", events.Defaults, events.New)
	framework.AddEndpoint(r, "jira", jira.Defaults, jira.New)
	framework.AddEndpoint(r, "splunk", splunk.Defaults, splunk.New)
	framework.AddEndpoint(r, "status", status.Defaults, status.New)
}
