package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"funnelweb/framework"
)

type eventsCommand struct {
	serverFlags
	ID         string  `arg:"" optional:"" help:"Id of the event to show."`
	Source     string  `help:"Only events of this source, such as splunk." placeholder:"NAME"`
	Type       string  `help:"Only events of this type, such as splunk.alert." placeholder:"TYPE"`
	Automation string  `help:"Only events that go to this automation." placeholder:"NAME"`
	State      string  `help:"Only events with a run in this state: waiting, running, retrying, done, skipped or dead." placeholder:"STATE"`
	Since      instant `help:"Only events accepted then or later (such as 2026-11-20T12:00+01:00; without a zone it is UTC)." placeholder:"TIME"`
	Until      instant `help:"Only events accepted before (such as 2026-11-20T12:00+01:00; without a zone it is UTC)." placeholder:"TIME"`
	Limit      int     `help:"The most events to list." default:"20"`
	Follow     bool    `help:"Go on with what happens next, until Ctrl-C." short:"f"`
}

// Help is shown below the flags.
func (eventsCommand) Help() string {
	return `Examples:
  funnelweb events
  funnelweb events splunk-3qk2v6o5vc7m2w5j4n5u6r7s8t
  funnelweb events --state retrying --automation ticket-for-alert
  funnelweb events --since 2026-11-20T08:00:00+01:00 --until 2026-11-20T09:00:00+01:00
  funnelweb events --follow --source splunk
  funnelweb events --json --limit 100`
}

// Run lists events, follows them or shows one.
func (c eventsCommand) Run(p *program) error {
	switch filtered := c.filter().Encode() != ""; {
	case c.ID != "" && (filtered || c.Follow):
		return usageError{errors.New("name one event, or choose by flags")}
	case c.State != "" && !slices.Contains(runStates(), c.State):
		return usageError{fmt.Errorf("--state must be one of %s", strings.Join(runStates(), ", "))}
	case c.Follow && (!c.Since.IsZero() || !c.Until.IsZero()):
		return usageError{errors.New("--follow is about what happens from now on: leave --since and --until out")}
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	switch {
	case c.ID != "":
		return c.show(p, server)
	case c.Follow:
		return c.follow(p, server)
	}
	return c.list(p, server)
}

func runStates() []string {
	return []string{
		string(framework.RunWaiting), string(framework.RunRunning), string(framework.RunRetrying),
		string(framework.RunDone), string(framework.RunSkipped), string(framework.RunDead),
	}
}

func (c eventsCommand) filter() values {
	asked := query()
	asked.text("source", c.Source)
	asked.text("type", c.Type)
	asked.text("automation", c.Automation)
	asked.text("state", c.State)
	asked.time("since", c.Since.Time)
	asked.time("until", c.Until.Time)
	return asked
}

const eventsPath = "/api/v1/events"

func (c eventsCommand) list(p *program, server *client) error {
	entries, more, err := server.entries(p.ctx, eventsPath, "events", c.filter(), c.Limit, maxPage)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printEntries("events", entries)
	}
	events, err := decodeAll[framework.EventSummary](entries)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		none := "no events are stored"
		if c.filter().Encode() != "" {
			none = "no such events are stored"
		}
		_, err = fmt.Fprintln(p.stdout, none)
		return err
	}
	err = table(p.stdout, func(row func(...string)) {
		row("ACCEPTED", "TYPE", "ID", "STATE")
		for _, event := range events {
			row(stamp(event.Time), event.Type, event.ID, statesOf(event.Runs))
		}
	})
	return errors.Join(err, p.tellMore(more))
}

// statesOf says how far the automations are with an event: in one word where they are all as far.
func statesOf(runs []framework.Run) string {
	count := map[framework.RunState]int{}
	for _, run := range runs {
		count[run.State]++
	}
	var parts []string
	for _, state := range []framework.RunState{
		framework.RunDead, framework.RunRetrying, framework.RunWaiting, framework.RunRunning, framework.RunDone, framework.RunSkipped,
	} {
		switch count[state] {
		case 0:
		case len(runs):
			return string(state)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", count[state], state))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

func (c eventsCommand) show(p *program, server *client) error {
	var status framework.EventStatus
	body, err := server.get(p.ctx, eventsPath+"/"+escape(c.ID), &status)
	if err != nil || c.JSON {
		return p.unlessFailed(err, body)
	}
	_, _ = fmt.Fprintf(p.stdout, "%s\n%s, accepted %s, request %s\n\n", status.Event.ID, status.Event.Type, stamp(status.Event.Time), status.Event.RequestID)
	return table(p.stdout, func(row func(...string)) {
		row("AUTOMATION", "STATE", "ATTEMPTS", "NEXT TRY", "RESULT")
		for _, run := range status.Runs {
			row(runName(run), string(run.State), fmt.Sprint(run.Attempts), stamp(run.NextTry), framework.Line(run.Result+run.Reason, maxCell))
		}
	})
}

func runName(run framework.Run) string {
	if run.Job == "" {
		return run.Automation
	}
	return run.Automation + " / " + run.Job
}

// unlessFailed prints a raw answer when there is one.
func (p *program) unlessFailed(err error, body []byte) error {
	if err != nil {
		return err
	}
	return p.printJSON(body)
}
