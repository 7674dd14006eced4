package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// latencyOptions say how the way of an alert is timed.
type latencyOptions struct {
	measure bool
	dir     string // on the disk where events are stored
	rounds  int
	alerts  int
	slowest time.Duration
	write   string // a page to put the section into
}

// enricherCounts are the numbers of enrichers that work on one ticket.
func enricherCounts() []int { return []int{1, 4, 16} }

// delays are what each of some enrichers takes, evenly up to the slowest.
func delays(count int, slowest time.Duration) []time.Duration {
	all := make([]time.Duration, count)
	for i := range all {
		all[i] = slowest * time.Duration(i+1) / time.Duration(count)
	}
	return all
}

// times are those of one alert.
type times struct {
	accept  time.Duration // from the call to its answer
	asked   time.Duration // from that answer until Jira was asked for the ticket; less than 0 when it was asked before
	jira    time.Duration // Jira's own answer to that
	whole   time.Duration // from the call until the ticket held every finding; 0 when nobody enriches
	slowest time.Duration
}

// latencyResult is what was measured.
type latencyResult struct {
	options  latencyOptions
	tickets  []times         // of alerts that nobody enriches
	enriched map[int][]times // by the number of enrichers
}

// measureLatency measures, prints the section and puts it into the page.
func measureLatency(ctx context.Context, o latencyOptions, out io.Writer) error {
	result := latencyResult{options: o, enriched: map[int][]times{}}
	var err error
	if result.tickets, err = timeAlerts(ctx, o, nil, o.alerts); err != nil {
		return err
	}
	for _, count := range enricherCounts() {
		if result.enriched[count], err = timeAlerts(ctx, o, delays(count, o.slowest), o.rounds); err != nil {
			return fmt.Errorf("%d enrichers: %w", count, err)
		}
	}
	section := result.markdown()
	if _, err := io.WriteString(out, section); err != nil {
		return fmt.Errorf("print the section: %w", err)
	}
	return putSection(o.write, latencyHeading, section)
}

// timeAlerts starts a server and a Jira, and sends one alert after the other: each has the machine for itself. The first does not
// count: it opens the connections.
func timeAlerts(ctx context.Context, o latencyOptions, enrichers []time.Duration, count int) (all []times, err error) {
	s, err := startLatency(ctx, o.dir, enrichers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	for number := range count + 1 {
		one, err := s.time(ctx, number)
		if err != nil {
			return nil, err
		}
		if number > 0 {
			all = append(all, one)
		}
	}
	return all, nil
}

// time sends the alert of a number from 0, whose ticket has the number after that, and waits until its ticket is complete.
func (s *latencyStage) time(ctx context.Context, number int) (times, error) {
	sent := time.Now() //nolint:forbidigo // measures, and is no part
	if err := s.send(ctx, number); err != nil {
		return times{}, err
	}
	accepted := time.Now() //nolint:forbidigo // as above
	asked, answered, err := s.front.created(ctx)
	if err != nil {
		return times{}, err
	}
	one := times{accept: accepted.Sub(sent), asked: asked.Sub(accepted), jira: answered.Sub(asked)}
	if len(s.enrichers) == 0 {
		return one, nil
	}
	complete, err := s.front.written(ctx, fmt.Sprintf("SEC-%d", number+1), s.isComplete)
	if err != nil {
		return times{}, err
	}
	one.whole, one.slowest = complete.Sub(sent), s.enrichers[len(s.enrichers)-1]
	return one, nil
}

// isComplete reports whether a comment holds the findings of all.
func (s *latencyStage) isComplete(body string) bool {
	for i := range s.enrichers {
		if !strings.Contains(body, answerOf(i)) {
			return false
		}
	}
	return true
}
