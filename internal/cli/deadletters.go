package cli

import (
	"errors"
	"fmt"

	"funnelweb/framework"
)

type deadlettersCommand struct {
	serverFlags
	List   deadlettersList   `cmd:"" default:"withargs" help:"List what automations gave up on, oldest first."`
	Show   deadlettersShow   `cmd:"" help:"Show one with its event."`
	Replay deadlettersReplay `cmd:"" help:"Give events to the jobs that gave them up once more."`
	Drop   deadlettersDrop   `cmd:"" help:"Remove dead letters for good."`
}

// Help is shown below the flags.
func (deadlettersCommand) Help() string {
	return `A dead letter is an event that an automation gave up on. It is kept until it is replayed or dropped. A replay reaches only
the job that gave up, and does nothing twice. Replay and drop need a token with the scope admin, and are in the audit log.

Examples:
  funnelweb deadletters
  funnelweb deadletters --service jira --since 2026-11-20T00:00:00+01:00
  funnelweb deadletters show ID
  funnelweb deadletters replay ID
  funnelweb deadletters replay --reason "no such project" --yes
  funnelweb deadletters drop --automation old-ticket --reason "the lab was closed"

Exit code of replay and drop: 0 when all was done, 1 when something was kept or failed, 2 when the call is wrong or there is
nobody to ask.`
}

// letterFlags choose dead letters, all but by their reason.
type letterFlags struct {
	Automation string  `help:"Only those of this automation." placeholder:"NAME"`
	Job        string  `help:"Only those of this job of an automation." placeholder:"NAME"`
	Service    string  `help:"Only those that this service failed for, such as jira." placeholder:"NAME"`
	Since      instant `help:"Only those given up then or later (such as 2026-11-20T12:00+01:00; without a zone it is UTC)." placeholder:"TIME"`
	Until      instant `help:"Only those given up before (such as 2026-11-20T12:00+01:00; without a zone it is UTC)." placeholder:"TIME"`
}

func (f letterFlags) filter(reason string) framework.LetterFilter {
	return framework.LetterFilter{Automation: f.Automation, Job: f.Job, Service: f.Service, Reason: reason, Since: f.Since.Time, Until: f.Until.Time}
}

type deadlettersList struct {
	letterFlags
	Reason string `help:"Only those whose reason contains this text." placeholder:"TEXT"`
	Newest bool   `help:"Newest first."`
	Limit  int    `help:"The most to list." default:"100"`
}

// Run lists dead letters.
func (c deadlettersList) Run(p *program, parent *deadlettersCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	asked := query()
	asked.text("automation", c.Automation)
	asked.text("job", c.Job)
	asked.text("service", c.Service)
	asked.text("reason", c.Reason)
	asked.time("since", c.Since.Time)
	asked.time("until", c.Until.Time)
	if c.Newest {
		asked.text("order", "newest")
	}
	entries, more, err := server.entries(p.ctx, "/api/v1/deadletters", "deadletters", asked, c.Limit, maxPage)
	if err != nil {
		return err
	}
	if parent.JSON {
		return p.printEntries("deadletters", entries)
	}
	letters, err := decodeAll[framework.DeadLetter](entries)
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		_, err = fmt.Fprintln(p.stdout, "there are no dead letters")
		return err
	}
	err = table(p.stdout, func(row func(...string)) {
		row("ID", "GIVEN UP", "FIRST TRY", "AUTOMATION", "ATTEMPTS", "WHY")
		for _, letter := range letters {
			row(letter.ID, stamp(letter.GivenUpAt), stamp(letter.FirstTry), jobName(letter), fmt.Sprint(letter.Attempts), framework.Line(letter.Reason, maxCell))
		}
	})
	return errors.Join(err, p.tellMore(more))
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
	body, err := server.get(p.ctx, "/api/v1/deadletters/"+escape(c.ID), &found)
	if err != nil || parent.JSON {
		return p.unlessFailed(err, body)
	}
	letter := found.DeadLetter
	_, err = fmt.Fprintf(p.stdout, "%s\n%s gave up on %s (%s)\nwhy       %s\nattempts  %d, first %s, given up %s\n\n%s\n", letter.ID, jobName(letter),
		letter.EventID, letter.EventType, framework.Line(letter.Reason, 1000), letter.Attempts, stamp(letter.FirstTry), stamp(letter.GivenUpAt), found.Event.Data)
	return err
}
