package main

import (
	"fmt"
	"strings"
	"time"
)

// acceptResult is everything that was measured of the durable accept.
type acceptResult struct {
	options acceptOptions
	missing []string
	rounds  map[int][]acceptRound // by connections
}

// over takes one figure out of every round.
func (r acceptResult) over(connections int, figure func(acceptRound) float64) spread {
	var values []float64
	for _, round := range r.rounds[connections] {
		values = append(values, figure(round))
	}
	return newSpread(values)
}

func (r acceptResult) bars() []bar {
	perSync := func(round acceptRound) float64 { return round.contender[nameFunnelweb].rate / round.syncs }
	bars := []bar{
		{what: "accepted/s with 32 connections, of the disk's serial fdatasync rate", got: r.over(32, perSync), limit: 10},
		{what: "99th percentile with 32 connections, ms", limit: 25, most: true, got: r.over(32, func(round acceptRound) float64 {
			return milliseconds(round.contender[nameFunnelweb].p99)
		})},
		{what: "median answer with 1 connection, of one fdatasync", limit: 1.3, most: true, got: r.over(1, func(round acceptRound) float64 {
			return round.contender[nameFunnelweb].p50.Seconds() * round.syncs
		})},
	}
	for _, peer := range []struct {
		name string
		bar  float64
	}{{nameBento, 10}, {nameN8N, 50}} {
		if r.measured(32, peer.name) {
			bars = append(bars, bar{what: "accepted/s with 32 connections, of " + peer.name + "'s", limit: peer.bar, got: r.faster(32, peer.name)})
		}
	}
	return bars
}

// measured reports whether the contender was there.
func (r acceptResult) measured(connections int, name string) bool {
	_, measured := r.rounds[connections][0].contender[name]
	return measured
}

// faster is how many times as many alerts as the contender's ours are.
func (r acceptResult) faster(connections int, name string) spread {
	return r.over(connections, func(round acceptRound) float64 {
		return round.contender[nameFunnelweb].rate / round.contender[name].rate
	})
}

const acceptIntroduction = acceptHeading + `

A signed alert of 2 KB, another one each time, over loopback; the answer is sent when the alert is safe against power loss. All write to one
directory and take turns, in %d rounds of %s each; the disk itself is asked before and after: one writer that appends 2 KB and calls
fdatasync. Figures are medians over the rounds; ratios are taken round by round, with the least and the greatest. CPU time is that of the server
and its children; the load comes from the same CPUs. Who is not measured is held meanwhile (SIGSTOP). %s

`

const acceptLimits = `
The first and the last bar are multiples of what the disk does alone, and so say as much of the disk as of the server: the last lines of each
number of connections, which are of a server that stores nothing, tell how much of them is left where a sync is fast.
`

func (r acceptResult) markdown() string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, acceptIntroduction, r.options.rounds, r.options.sample, machine())
	for _, a := range acceptors("") {
		_, _ = fmt.Fprintf(&text, "* **%s**: %s\n", a.name, a.is)
	}
	for _, what := range r.missing {
		_, _ = fmt.Fprintf(&text, "\nNot measured, as it is not installed: %s\n", what)
	}
	_, _ = fmt.Fprint(&text, "\n| what | bar | measured | |\n|---|---|---|---|\n")
	for _, b := range r.bars() {
		sign, judged := "≥", "missed"
		if b.most {
			sign = "≤"
		}
		if b.reached() {
			judged = "reached"
		}
		_, _ = fmt.Fprintf(&text, "| %s | %s %.1f | %s | %s |\n", b.what, sign, b.limit, b.got, judged)
	}
	_, _ = fmt.Fprint(&text, acceptLimits)
	_, _ = fmt.Fprint(&text, "\n| connections | | accepted/s | of the disk's serial syncs | median ms | 99 % ms | CPU µs each | funnelweb is faster by |\n|---|---|---|---|---|---|---|---|\n")
	for _, connections := range acceptCounts() {
		_, _ = fmt.Fprintf(&text, "| %d | the disk, one writer | %.0f | 1.00 | %.2f | | | |\n", connections,
			r.over(connections, func(round acceptRound) float64 { return round.syncs }).median,
			r.over(connections, func(round acceptRound) float64 { return 1000 / round.syncs }).median)
		for _, a := range acceptors("") {
			r.row(&text, connections, a.name)
		}
	}
	return text.String()
}

func (r acceptResult) row(text *strings.Builder, connections int, name string) {
	if !r.measured(connections, name) {
		return
	}
	of := func(figure func(acceptFigures) float64) float64 {
		return r.over(connections, func(round acceptRound) float64 { return figure(round.contender[name]) }).median
	}
	_, _ = fmt.Fprintf(text, "| %d | %s | %.0f | %s | %.2f | %.2f | %.0f | %s |\n", connections, name,
		of(func(f acceptFigures) float64 { return f.rate }),
		r.over(connections, func(round acceptRound) float64 { return round.contender[name].rate / round.syncs }),
		of(func(f acceptFigures) float64 { return milliseconds(f.p50) }), of(func(f acceptFigures) float64 { return milliseconds(f.p99) }),
		of(func(f acceptFigures) float64 { return float64(f.cpu.Microseconds()) }),
		r.faster(connections, name))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
