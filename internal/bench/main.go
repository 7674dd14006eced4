package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // the signal's handler ends with the process
	}
}

// options are the flags.
type options struct {
	serve        string
	discard      string
	line         bool
	rounds       int
	calls        int
	callsByWire  int
	write        string
	failOnMissed bool
	accept       acceptOptions
	latency      latencyOptions
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.serve, "serve", "", "be the server of this contestant; the program calls itself so")
	flags.StringVar(&o.discard, "discard", "", "check signatures at this address and store nothing; the program calls itself so")
	flags.BoolVar(&o.line, "line", false, "with -serve: log a line a request, as JSON to nowhere")
	flags.IntVar(&o.rounds, "rounds", 15, "samples of each contestant")
	flags.IntVar(&o.calls, "calls", 3000, "calls in a sample in process")
	flags.IntVar(&o.callsByWire, "loopback-calls", 4000, "calls in a sample over loopback")
	flags.StringVar(&o.write, "write", "", "write the report to this file too")
	flags.BoolVar(&o.failOnMissed, "fail", false, "exit with 1 when a bar is missed")
	flags.StringVar(&o.accept.program, "accept", "", "measure the durable accept of this built funnelweb instead, and put its section into the page")
	flags.StringVar(&o.accept.dir, "accept-dir", "", "directory on the disk that is measured; that for temporary files when empty")
	flags.IntVar(&o.accept.rounds, "accept-rounds", 5, "rounds with each number of connections")
	flags.DurationVar(&o.accept.sample, "accept-sample", 3*time.Second, "time for one contender in one round")
	flags.BoolVar(&o.latency.measure, "latency", false, "measure from an alert to its ticket and to the last finding on it instead, and put the section into the page")
	flags.IntVar(&o.latency.rounds, "latency-rounds", 5, "alerts with each number of enrichers")
	flags.IntVar(&o.latency.alerts, "latency-alerts", 100, "alerts whose tickets are waited for")
	flags.DurationVar(&o.latency.slowest, "latency-slowest", time.Second, "how long the slowest enricher takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.serve != "" {
		return serveOne(ctx, o, in, out)
	}
	if o.discard != "" {
		return serveDiscard(ctx, o.discard)
	}
	if o.accept.program != "" {
		o.accept.write = o.write
		return measureAccept(ctx, o.accept, out)
	}
	if o.latency.measure {
		o.latency.dir, o.latency.write = o.accept.dir, o.write
		return measureLatency(ctx, o.latency, out)
	}
	return compare(ctx, o, out)
}

func serveOne(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	all := contestants() //nolint:contextcheck // what is mounted takes the context of each request
	i := slices.IndexFunc(all, func(c contestant) bool { return c.name == o.serve })
	if i < 0 {
		return fmt.Errorf("no contestant %q", o.serve)
	}
	handler, err := all[i].make(lineLog(o.line))
	if err != nil {
		return err
	}
	return serve(ctx, handler, in, out)
}

// lineLog formats every line as the program does, and writes it to nowhere.
func lineLog(with bool) *slog.Logger {
	if !with {
		return nil
	}
	return slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // formats, which is what costs
}

// compare measures everything, and reports.
func compare(ctx context.Context, o options, out io.Writer) error {
	var r report
	for _, line := range []bool{false, true} {
		entries, err := inProcessEntries(line) //nolint:contextcheck // what is mounted takes the context of each request
		if err != nil {
			return err
		}
		if err := rounds(entries, o.rounds, o.calls); err != nil {
			return err
		}
		r.sections = append(r.sections, section{inProcessly: true, line: line, entries: entries})
	}
	for _, line := range []bool{false, true} {
		entries, err := overLoopback(ctx, line, o)
		if err != nil {
			return err
		}
		r.sections = append(r.sections, section{line: line, entries: entries})
	}
	text := r.markdown(o) //nolint:contextcheck // what is mounted takes the context of each request
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if o.write != "" {
		if err := os.WriteFile(o.write, []byte(text), 0o644); err != nil { //nolint:gosec // a page for everybody
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if o.failOnMissed && r.missed() {
		return errors.New("a bar is missed")
	}
	return nil
}

func inProcessEntries(line bool) ([]*entry, error) {
	var entries []*entry
	for _, c := range contestants() {
		of, err := newInProcess(c, lineLog(line))
		if err != nil {
			return nil, err
		}
		entries = append(entries, &entry{name: c.name, of: of})
	}
	return entries, nil
}

func overLoopback(ctx context.Context, line bool, o options) (entries []*entry, err error) {
	for _, c := range contestants() { //nolint:contextcheck // what is mounted takes the context of each request
		server, startErr := startServer(ctx, c, line)
		if startErr != nil {
			return nil, errors.Join(err, startErr)
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		entries = append(entries, &entry{name: c.name, of: server})
	}
	return entries, rounds(entries, o.rounds, o.callsByWire)
}
