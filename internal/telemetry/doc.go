// Package telemetry tells operators what the server does: numbers for Prometheus, and traces for a collector of
// OpenTelemetry. It is the only importer of either.
//
// A metric never has a label that outsiders choose: routes are those that are mounted, sources, automations, jobs and
// services those of the configuration.
package telemetry
