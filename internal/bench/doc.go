// Command bench measures what the funnel costs beside three other ways to take the same webhook: net/http with checks
// by hand, gin with its validator, and Huma on gin. All are measured in turn, in rounds of one run, because only
// ratios of one run mean something on a machine that others use too. `make bench` runs it and writes docs/benchmarks.md.
package main
