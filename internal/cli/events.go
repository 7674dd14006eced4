package cli

import (
	"fmt"
	"net/http"

	"funnelweb/framework"
)

type eventsCommand struct {
	serverFlags
	ID    string `arg:"" optional:"" help:"Id of the event to show."`
	Limit int    `help:"The most events to list, 1 to 500." default:"20"`
}

// Help is shown below the flags.
func (eventsCommand) Help() string {
	return `Examples:
  funnelweb events
  funnelweb events splunk-3qk2v6o5vc7m2w5j4n5u6r7s8t
  funnelweb events --json --limit 100`
}

// eventList is the answer of GET /api/v1/events.
type eventList struct {
	Events []framework.Event `json:"events"`
}

// Run lists events or shows one.
func (c eventsCommand) Run(p *program) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	if c.ID != "" {
		return c.show(p, server)
	}
	var list eventList
	body, err := server.call(p.ctx, http.MethodGet, fmt.Sprintf("/api/v1/events?limit=%d", c.Limit), &list)
	if err != nil || c.JSON {
		return p.unlessFailed(err, body)
	}
	if len(list.Events) == 0 {
		_, err = fmt.Fprintln(p.stdout, "no events are stored")
		return err
	}
	return table(p.stdout, func(row func(...string)) {
		row("ACCEPTED", "TYPE", "ID")
		for _, event := range list.Events {
			row(stamp(event.Time), event.Type, event.ID)
		}
	})
}

func (c eventsCommand) show(p *program, server *client) error {
	var status framework.EventStatus
	body, err := server.call(p.ctx, http.MethodGet, "/api/v1/events/"+escape(c.ID), &status)
	if err != nil || c.JSON {
		return p.unlessFailed(err, body)
	}
	_, _ = fmt.Fprintf(p.stdout, "%s\n%s, accepted %s, request %s\n\n", status.Event.ID, status.Event.Type, stamp(status.Event.Time), status.Event.RequestID)
	return table(p.stdout, func(row func(...string)) {
		row("AUTOMATION", "STATE", "ATTEMPTS", "NEXT TRY", "RESULT")
		for _, run := range status.Runs {
			name := run.Automation
			if run.Job != "" {
				name += " / " + run.Job
			}
			row(name, string(run.State), fmt.Sprint(run.Attempts), stamp(run.NextTry), framework.Line(run.Result+run.Reason, maxCell))
		}
	})
}

// unlessFailed prints a raw answer when there is one.
func (p *program) unlessFailed(err error, body []byte) error {
	if err != nil {
		return err
	}
	return p.printJSON(body)
}
