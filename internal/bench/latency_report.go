package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const latencyHeading = "## From an alert to its ticket"

const latencyIntroduction = latencyHeading + `

A signed Splunk alert of 2 KB makes a ticket; the webhook of Jira for that ticket has each of some enrichers look the user up, and all of
them write into one comment. The server has its store on the disk, Jira is the strict stand-in over loopback, the enrichers do nothing but
wait, evenly up to %s. One alert at a time: %d for the ticket alone, %d with each number of enrichers. The clock is that of a front before Jira.
Figures are medians, with the least and the greatest. %s

| what | bar | measured | |
|---|---|---|---|
`

// figure takes one figure out of every alert.
func figure(all []times, of func(times) float64) spread {
	var values []float64
	for _, one := range all {
		values = append(values, of(one))
	}
	return newSpread(values)
}

func (t times) added() float64 { return milliseconds(t.asked) }

func (t times) ofSlowest() float64 { return t.whole.Seconds() / t.slowest.Seconds() }

func (r latencyResult) bars() []bar {
	bars := []bar{{what: "from the answer to the alert until Jira is asked for the ticket, ms", limit: 10, most: true, got: figure(r.tickets, times.added)}}
	for _, count := range enricherCounts() {
		bars = append(bars, bar{
			what: fmt.Sprintf("the ticket complete with %d of them, of the slowest", count), limit: 1.1, most: true, got: figure(r.enriched[count], times.ofSlowest),
		})
	}
	return bars
}

// quantile is the value below which that part of some durations lies.
func quantile(all []times, part float64, of func(times) time.Duration) time.Duration {
	var values []time.Duration
	for _, one := range all {
		values = append(values, of(one))
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(part*float64(len(values))))]
}

func (r latencyResult) markdown() string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, latencyIntroduction, r.options.slowest, r.options.alerts, r.options.rounds, machine())
	for _, b := range r.bars() {
		judged := "missed"
		if b.reached() {
			judged = "reached"
		}
		_, _ = fmt.Fprintf(&text, "| %s | ≤ %.1f | %s | %s |\n", b.what, b.limit, b.got, judged)
	}
	_, _ = fmt.Fprint(&text, "\n| of the ticket alone, ms | median | 99 % |\n|---|---|---|\n")
	for _, row := range []struct {
		what string
		of   func(times) time.Duration
	}{
		{"the alert is accepted: safe against power loss", func(t times) time.Duration { return t.accept }},
		{"from there until Jira is asked", func(t times) time.Duration { return t.asked }},
		{"Jira's own answer", func(t times) time.Duration { return t.jira }},
	} {
		_, _ = fmt.Fprintf(&text, "| %s | %.2f | %.2f |\n", row.what, milliseconds(quantile(r.tickets, 0.5, row.of)), milliseconds(quantile(r.tickets, 0.99, row.of)))
	}
	_, _ = fmt.Fprint(&text, "\n| enrichers | all of their time, s | from the alert to the complete ticket, s |\n|---|---|---|\n")
	for _, count := range enricherCounts() {
		var sum time.Duration
		for _, delay := range delays(count, r.options.slowest) {
			sum += delay
		}
		whole := figure(r.enriched[count], func(t times) float64 { return t.whole.Seconds() })
		_, _ = fmt.Fprintf(&text, "| %d | %.2f | %s |\n", count, sum.Seconds(), whole)
	}
	return text.String()
}
