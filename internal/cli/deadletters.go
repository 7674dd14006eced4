package cli

import (
	"fmt"
	"net/http"

	"funnelweb/framework"
)

type deadlettersCommand struct {
	serverFlags
	List   deadlettersList   `cmd:"" default:"withargs" help:"List them, oldest first."`
	Show   deadlettersShow   `cmd:"" help:"Show one with its event."`
	Replay deadlettersReplay `cmd:"" help:"Give the event to the job that gave it up once more."`
	Drop   deadlettersDrop   `cmd:"" help:"Remove one for good."`
}

// Help is shown below the flags.
func (deadlettersCommand) Help() string {
	return `A dead letter is an event that an automation gave up on. It is kept until it is replayed or dropped. A replay reaches only
the job that gave up, and does nothing twice.

Examples:
  funnelweb deadletters
  funnelweb deadletters show ID
  funnelweb deadletters replay ID`
}

type deadlettersList struct {
	Limit int `help:"The most to list, 1 to 500." default:"100"`
}

type letterList struct {
	DeadLetters []framework.DeadLetter `json:"deadletters"`
}

// Run lists dead letters.
func (c deadlettersList) Run(p *program, parent *deadlettersCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	var list letterList
	body, err := server.call(p.ctx, http.MethodGet, fmt.Sprintf("/api/v1/deadletters?limit=%d", c.Limit), &list)
	if err != nil || parent.JSON {
		return p.unlessFailed(err, body)
	}
	if len(list.DeadLetters) == 0 {
		_, err = fmt.Fprintln(p.stdout, "there are no dead letters")
		return err
	}
	return table(p.stdout, func(row func(...string)) {
		row("ID", "GIVEN UP", "AUTOMATION", "ATTEMPTS", "WHY")
		for _, letter := range list.DeadLetters {
			row(letter.ID, stamp(letter.GivenUpAt), jobName(letter), fmt.Sprint(letter.Attempts), framework.Line(letter.Reason, maxCell))
		}
	})
}

func jobName(letter framework.DeadLetter) string {
	if letter.Job == "" {
		return letter.Automation
	}
	return letter.Automation + " / " + letter.Job
}

type deadlettersShow struct {
	ID string `arg:"" help:"Id of the dead letter."`
}

type letterWithEvent struct {
	DeadLetter framework.DeadLetter `json:"deadletter"`
	Event      framework.Event      `json:"event"`
}

// Run shows a dead letter.
func (c deadlettersShow) Run(p *program, parent *deadlettersCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	var found letterWithEvent
	body, err := server.call(p.ctx, http.MethodGet, "/api/v1/deadletters/"+escape(c.ID), &found)
	if err != nil || parent.JSON {
		return p.unlessFailed(err, body)
	}
	letter := found.DeadLetter
	_, err = fmt.Fprintf(p.stdout, "%s\n%s gave up on %s (%s)\nwhy       %s\nattempts  %d, first %s, given up %s\n\n%s\n", letter.ID, jobName(letter),
		letter.EventID, letter.EventType, framework.Line(letter.Reason, 1000), letter.Attempts, stamp(letter.FirstTry), stamp(letter.GivenUpAt), found.Event.Data)
	return err
}

type deadlettersReplay struct {
	ID string `arg:"" help:"Id of the dead letter."`
}

// Run replays a dead letter.
func (c deadlettersReplay) Run(p *program, parent *deadlettersCommand) error {
	return parent.act(p, http.MethodPost, c.ID, "/replay", "replayed")
}

type deadlettersDrop struct {
	ID string `arg:"" help:"Id of the dead letter."`
}

// Run drops a dead letter.
func (c deadlettersDrop) Run(p *program, parent *deadlettersCommand) error {
	return parent.act(p, http.MethodDelete, c.ID, "", "dropped")
}

func (c *deadlettersCommand) act(p *program, method, id, suffix, done string) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	if _, err := server.call(p.ctx, method, "/api/v1/deadletters/"+escape(id)+suffix, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s %s\n", done, id)
	return err
}
