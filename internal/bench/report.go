package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// section is what was measured in one run of rounds.
type section struct {
	inProcessly bool
	line        bool // each contestant logs a line a request
	entries     []*entry
}

type report struct{ sections []section }

// spread is the median of some values, with the least and the greatest.
type spread struct{ median, least, most float64 }

func newSpread(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most) }

func (s section) find(name string) *entry {
	i := slices.IndexFunc(s.entries, func(e *entry) bool { return e.name == name })
	return s.entries[i]
}

// each takes one figure out of every sample.
func (e *entry) each(figure func(figures) float64) []float64 {
	values := make([]float64, len(e.got))
	for i, got := range e.got {
		values[i] = figure(got)
	}
	return values
}

func cpu(f figures) float64    { return float64(f.cpu) }
func rate(f figures) float64   { return float64(time.Second) / float64(f.wall) }
func size(f figures) float64   { return f.bytes }
func allocs(f figures) float64 { return f.allocs }

// ratio compares two contestants round by round: what disturbed one round disturbed both.
func (s section) ratio(name, base string, figure func(figures) float64) spread {
	ours, theirs := s.find(name).each(figure), s.find(base).each(figure)
	for i := range ours {
		ours[i] /= theirs[i]
	}
	return newSpread(ours)
}

// bar is what the funnel has to reach.
type bar struct {
	what  string
	got   spread
	limit float64
	most  bool // limit is the most, else the least
}

func (b bar) reached() bool { return b.got.median <= b.limit == b.most || b.got.median == b.limit }

func (r report) bars() []bar {
	quiet, wire := r.sections[0], r.sections[2]
	return []bar{
		{what: "CPU a request, of gin's, in process", got: quiet.ratio(nameFunnel, nameGin, cpu), limit: 0.6, most: true},
		{what: "requests/s, of those by hand, over loopback", got: wire.ratio(nameFunnel, nameByHand, rate), limit: 0.9},
		{what: "forged requests/s, of good ones by hand, over loopback", got: wire.ratio(nameForged, nameByHand, rate), limit: 0.75},
	}
}

func (r report) missed() bool {
	return slices.ContainsFunc(r.bars(), func(b bar) bool { return !b.reached() })
}

const introduction = `# Benchmarks

` + "`make bench`" + ` writes this page. The same webhook, of %d bytes with eleven fields under rules, is served in these ways:

%s
Only the funnel tells who calls, checks its answer, looks through it for cards and social security numbers, gives each request an
id and sets security headers. CPU time is that of the process that serves, garbage collection and kernel included.

The contestants take turns, in %d rounds of %d calls in process, without a socket, and of %d over loopback, each as a server process of
its own with %d connections kept alive. Figures are medians; ratios are taken round by round and shown with the least and the greatest, which
tell how noisy the machine was. %s

## The bars

| what | bar | measured | |
|---|---|---|---|
`

func (r report) markdown(o options) string {
	var text strings.Builder
	var list strings.Builder
	for _, c := range contestants() {
		_, _ = fmt.Fprintf(&list, "* **%s**: %s\n", c.name, c.is)
	}
	_, _ = fmt.Fprintf(&text, introduction, len(goodCall().body), list.String(), o.rounds, o.calls, o.callsByWire, connections, machine())
	for _, b := range r.bars() {
		sign, judged := "≥", "missed"
		if b.most {
			sign = "≤"
		}
		if b.reached() {
			judged = "reached"
		}
		_, _ = fmt.Fprintf(&text, "| %s | %s %.2f | %s | %s |\n", b.what, sign, b.limit, b.got, judged)
	}
	for _, s := range r.sections {
		s.write(&text)
	}
	return text.String()
}

func (s section) write(text *strings.Builder) {
	where, how := "Over loopback", "no log line"
	if s.inProcessly {
		where = "In process"
	}
	if s.line {
		how = "each with a log line a request, as JSON to nowhere"
	}
	_, _ = fmt.Fprintf(text, "\n## %s, %s\n\n| | CPU µs | of gin's | of by hand | requests/s | of by hand |", where, how)
	rule := "\n|---|---|---|---|---|---|"
	if s.inProcessly {
		_, _ = fmt.Fprintf(text, " B | allocations |")
		rule += "---|---|"
	}
	_, _ = fmt.Fprintf(text, "%s\n", rule)
	for _, e := range s.entries {
		_, _ = fmt.Fprintf(text, "| %s | %.1f | %s | %s | %.0f | %s |", e.name, newSpread(e.each(cpu)).median/float64(time.Microsecond),
			s.ratio(e.name, nameGin, cpu), s.ratio(e.name, nameByHand, cpu), newSpread(e.each(rate)).median, s.ratio(e.name, nameByHand, rate))
		if s.inProcessly {
			_, _ = fmt.Fprintf(text, " %.0f | %.0f |", newSpread(e.each(size)).median, newSpread(e.each(allocs)).median)
		}
		_, _ = fmt.Fprintln(text)
	}
}

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// machine says where it was measured, as far as the system tells.
func machine() string {
	text := fmt.Sprintf("%s, %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := modelName.FindSubmatch(info); found != nil {
			text += " (" + string(found[1]) + ")"
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		text += ", load " + strings.Fields(string(load))[0] + " at the end"
	}
	return text + "."
}
