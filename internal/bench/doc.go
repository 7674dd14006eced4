// Command bench measures what the funnel costs beside three other ways to take the same webhook: net/http with checks
// by hand, gin with its validator, and Huma on gin. All are measured in turn, in rounds of one run, because only
// ratios of one run mean something on a machine that others use too. With -accept it measures the durable
// accept, with -latency the time from an alert to its enriched ticket. `make bench` runs all and writes docs/benchmarks.md.
package main
