// Package framework is the one package that a part of Funnelweb imports. It holds the funnel, through which every call
// goes, and the words that parts share: Endpoint, Before and After plugins, Problem, Event, Action, Indicator, Finding,
// Enricher, and the services that a part is given in Deps.
//
// # The life of a request
//
//  1. Funnel.ServeHTTP (funnel.go) finds the operation by method and path, and Funnel.serve makes the request id. Nothing
//     found is a 404 or 405 Problem (refuse.go); no call is redirected to another spelling of its path, which loses webhooks.
//  2. operation.admit (operation.go) runs the before plugins in the order of the configuration. Those at the beginning that
//     need no body (HeadersOnly) run before it is read, bounded, the others on headers and raw bytes. The first error ends
//     the call; nothing has been decoded yet.
//  3. operation.authorize (scope.go) refuses a caller whose plugin does not give the scope that the Endpoint asks for.
//  4. binding.bind (bind.go) checks parameters and body against the published schema: node.fill (check.go, with
//     check_scalar.go and check_container.go) walks the document once (scan.go, scan_string.go), driven by a tree (node.go)
//     compiled from the published schema (schema.go, schema_registry.go, schema_fill.go), and collects every place that breaks
//     a rule. On the same way it fills the input of the Endpoint (endpoint.go, form.go), over the defaults (defaults.go); with
//     a broken rule the input goes no further. Text that is not Unicode is refused, or replaced before (mend.go) where the
//     Endpoint says Mend.
//  5. The Endpoint's Handle runs. A webhook's handler publishes an Event (event.go) and returns; it is answered once the
//     event is safe against power loss.
//  6. operation.encode encodes the output, strips members that the schema does not declare and checks the rest by the
//     same walk.
//  7. operation.run passes the complete, buffered answer through the after plugins, Problems included. If one fails,
//     none of the answer leaves. An Endpoint with Stream gives its answer in parts: each is encoded, checked and passed through
//     the after plugins as an answer of its own, and sent before the next one is made (stream.go).
//  8. Funnel.serve writes the answer and one log line.
//
// An error that is not a Problem (problem.go), and any panic, becomes a bare 500; its cause is logged under the request id.
//
// # The life of an event
//
// The engine gives a stored Event to the jobs of every automation on its type. A job calls Action.Do (action.go), which
// may run more than once: each side effect goes through Once (ledger.go), and what an error means for the next try is
// told by failure.go.
package framework
