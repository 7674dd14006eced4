package app

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// Checked is one thing that was tried at a service of a configuration.
type Checked struct {
	Service string // as the configuration names it: jira, virustotal, automation ticket-for-alert
	framework.Probed
}

// probe looks at one service.
type probe struct {
	service string
	client  string // of whose calls the clock is taken; empty for none
	run     func(ctx context.Context) []framework.Probed
}

// The bounds of what a service says.
const (
	maxProbed     = 20 // rows of one service
	maxProbedText = 400
	probeGrace    = 500 * time.Millisecond // from the end of the time until those who know of it have said so
)

// CheckOnline reaches every service of the configuration, side by side, and returns what came of it in the order of the
// configuration. It ends soon after ctx: a service that has not answered by then is told as one that fails. No text holds a
// secret of the configuration. The Server must have been built with Options.Online, and must not be run.
func (s *Server) CheckOnline(ctx context.Context) []Checked {
	s.store.Quota = plenty{} // the real one is the running server's
	defer s.http.CloseIdleConnections()
	type outcome struct {
		at  int
		got []Checked
	}
	outcomes := make(chan outcome, len(s.probes))
	for i, one := range s.probes {
		go func() { outcomes <- outcome{i, s.runProbe(ctx, one)} }()
	}
	all := make([][]Checked, len(s.probes))
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(probeGrace, cancel) })()
	for range s.probes {
		select {
		case one := <-outcomes:
			all[one.at] = one.got
		case <-late.Done():
			return s.clean(all)
		}
	}
	return s.clean(all)
}

// runProbe adds what the service's clock says. A probe that panics has failed.
func (s *Server) runProbe(ctx context.Context, one probe) (checked []Checked) {
	checked = []Checked{} // done: nil is for those that are not
	defer func() {
		if thrown := recover(); thrown != nil {
			s.options.Log.Error("a probe panicked", "service", one.service, "panic", fmt.Sprint(thrown), "stack", string(debug.Stack()))
			checked = append(checked, Checked{one.service, framework.Probed{Name: "look", Detail: "internal error: looking at it failed in itself"}})
		}
	}()
	probed := one.run(ctx)
	if clock, ok := s.clocks.of(one.client); ok && len(probed) > 0 {
		probed = append(probed, clock)
	}
	for _, each := range probed[:min(len(probed), maxProbed)] {
		checked = append(checked, Checked{one.service, each})
	}
	return checked
}

// clean makes texts lines without secrets, and says who has not answered.
func (s *Server) clean(all [][]Checked) []Checked {
	replacer := newRedactor(s.config.secrets(s.options.TokenFile))
	if replacer == nil {
		replacer = strings.NewReplacer()
	}
	line := func(text string) string { return framework.Line(replacer.Replace(text), maxProbedText) }
	var checked []Checked
	for i, each := range all {
		if each == nil {
			each = []Checked{{s.probes[i].service, framework.Probed{Name: "answer", Detail: "it was still being tried when the time was up", Advice: "look whether it is slow, or give it longer with --timeout"}}}
		}
		for _, one := range each {
			one.Service, one.Name, one.Detail, one.Advice = line(one.Service), line(one.Name), line(one.Detail), line(one.Advice)
			checked = append(checked, one)
		}
	}
	return checked
}

// probes finds what can be looked at, in the order of the configuration.
func (b *builder) probes() {
	s := b.server
	add := func(service, client string, part any) {
		switch able := part.(type) {
		case framework.Prober:
			s.probes = append(s.probes, probe{service, client, able.Probe})
		case framework.Checker:
			s.probes = append(s.probes, probe{service, client, func(ctx context.Context) []framework.Probed {
				return []framework.Probed{framework.Try(s.options.Now, "check", func() (string, error) { return "it answers", able.Check(ctx) })}
			}})
		}
	}
	if s.engine.Cluster != nil {
		s.probes = append(s.probes, probe{"engine.nats", "", func(ctx context.Context) []framework.Probed { return engine.ProbeCluster(ctx, s.engine) }})
	}
	if s.evidence != nil {
		add("archive", "", s.evidence.Archive)
	}
	add("jira", "jira", b.deps.Tickets)
	for i := 0; i+1 < len(b.config.Enrichers.Content); i += 2 {
		name := b.config.Enrichers.Content[i].Value
		add(name, name, b.deps.Enrichers[name])
	}
	s.probes = append(s.probes, b.endpointProbes...)
	for _, automation := range s.automations {
		add("automation "+automation.Name, automation.Name, automation.Action)
	}
	if b.config.Traces.Endpoint != "" {
		client := b.named("traces").HTTP
		s.probes = append(s.probes, probe{"traces", "traces", func(ctx context.Context) []framework.Probed { return b.config.Traces.Probe(ctx, client, s.options.Now) }})
	}
}

// plenty is the quota of those who only look.
type plenty struct{ framework.Quota }

// Take lets everybody go on.
func (plenty) Take(context.Context, string, ...framework.Limit) error { return nil }

// Exhausted tells nobody.
func (plenty) Exhausted(context.Context, string, time.Time, string) error { return nil }

// clocks compares those of services with ours, by the Date of what they answer.
type clocks struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]framework.Probed // by client
}

func newClocks(now func() time.Time) *clocks {
	return &clocks{now: now, seen: map[string]framework.Probed{}}
}

// client returns one that looks at the Date of each answer.
func (c *clocks) client(client *http.Client, name string) *http.Client {
	watched := *client
	watched.Transport = dateReader{client.Transport, c, name}
	return &watched
}

func (c *clocks) of(client string) (framework.Probed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.seen[client]
	return found, ok
}

type dateReader struct {
	http.RoundTripper

	clocks *clocks
	name   string
}

// Around implements framework.Wrapper.
func (d dateReader) Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	return dateReader{change(d.RoundTripper), d.clocks, d.name}
}

// RoundTrip makes the call. An answer without a Date, or with one that cannot be read, tells nothing.
func (d dateReader) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		d.clocks.mu.Lock()
		d.clocks.seen[d.name] = framework.ProbeClock(date, d.clocks.now())
		d.clocks.mu.Unlock()
	}
	return response, nil
}
