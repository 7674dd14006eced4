// Package torture kills, cuts off, fills up, damages and confuses a running Funnelweb, and then counts: is every event that
// was accepted done, and done once? It has nothing but tests. `go test` runs a few trials of each kind; `make torture` runs
// as many as it is told and writes docs/torture.md.
package torture
