package cli

import (
	"fmt"
	"net/http"

	"funnelweb/framework"
)

type queuesCommand struct {
	serverFlags
	List     queuesList     `cmd:"" default:"withargs" help:"List them."`
	Drop     queuesDrop     `cmd:"" help:"Drop what waits for an automation that is gone."`
	Handover queuesHandover `cmd:"" help:"Give what waits for an automation that is gone to one that is there."`
}

// Help is shown below the flags.
func (queuesCommand) Help() string {
	return `What waits for an automation that the configuration does not have any more, because it was removed or renamed, is kept: it
goes on when the automation comes back, or is dropped or handed over here. Both can be repeated when they were cut short,
do nothing twice, need a token with the scope admin, and are in the audit log.

Examples:
  funnelweb queues
  funnelweb queues handover old-ticket ticket-for-alert
  funnelweb queues drop old-ticket --reason "tickets are made by another system"`
}

type queuesList struct{}

type queueList struct {
	Queues []framework.Queue `json:"queues"`
}

// Run lists queues.
func (queuesList) Run(p *program, parent *queuesCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	var list queueList
	body, err := server.get(p.ctx, "/api/v1/queues", &list)
	if err != nil || parent.JSON {
		return p.unlessFailed(err, body)
	}
	if len(list.Queues) == 0 {
		_, err = fmt.Fprintln(p.stdout, "there are no automations, and nothing waits")
		return err
	}
	return table(p.stdout, func(row func(...string)) {
		row("QUEUE", "EVENTS OF", "WAITING", "OLDEST", "STATE")
		for _, queue := range list.Queues {
			row(queue.Name, queue.Type, fmt.Sprint(queue.Waiting), stamp(queue.Oldest), stateOf(queue))
		}
	})
}

func stateOf(queue framework.Queue) string {
	switch {
	case queue.Configured:
		return "configured"
	case queue.LeftAt.IsZero():
		return "not configured here, another replica works on it"
	default:
		return "not configured since " + stamp(queue.LeftAt)
	}
}

type queuesDrop struct {
	Name   string `arg:"" help:"Name of the queue."`
	Reason string `help:"Why, for the audit log." placeholder:"TEXT" required:""`
	Source string `help:"Its source, where several have a queue of this name." placeholder:"NAME"`
	Yes    bool   `help:"Do not ask."`
}

// Run drops what waits in a queue.
func (c queuesDrop) Run(p *program, parent *queuesCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	if !c.Yes {
		waiting, err := c.waiting(p, server)
		if err != nil {
			return err
		}
		if err := p.confirm(fmt.Sprintf("drop %s of %s?", plural(waiting, "event"), c.Name), false); err != nil {
			return err
		}
	}
	return settle(p, server, "/api/v1/queues/drop", queueCall{Queue: c.Name, Source: c.Source, Reason: c.Reason}, "dropped")
}

func (c queuesDrop) waiting(p *program, server *client) (int, error) {
	var list queueList
	if _, err := server.get(p.ctx, "/api/v1/queues", &list); err != nil {
		return 0, err
	}
	waiting := uint64(0)
	for _, queue := range list.Queues {
		if queue.Name == c.Name && !queue.Configured && (c.Source == "" || c.Source == queue.Source) {
			waiting += queue.Waiting
		}
	}
	return int(min(waiting, 1<<31-1)), nil
}

type queuesHandover struct {
	Old    string `arg:"" help:"Name of the queue that is gone."`
	New    string `arg:"" help:"Name of the one that gets its events."`
	Reason string `help:"Why, for the audit log." placeholder:"TEXT"`
	Source string `help:"Their source, where several have queues of these names." placeholder:"NAME"`
}

// Run hands over what waits in a queue.
func (c queuesHandover) Run(p *program, parent *queuesCommand) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	return settle(p, server, "/api/v1/queues/handover", queueCall{From: c.Old, To: c.New, Source: c.Source, Reason: c.Reason}, "handed over")
}

type queueCall struct {
	Queue  string `json:"queue,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// settle calls until nothing is left.
func settle(p *program, server *client, path string, call queueCall, done string) error {
	total := 0
	for {
		var answer struct {
			Count int  `json:"count"`
			More  bool `json:"more"`
		}
		if _, err := server.send(p.ctx, http.MethodPost, path, call, &answer); err != nil {
			if total > 0 {
				err = fmt.Errorf("%s %s, then: %w\nRepeat the command for the rest", done, plural(total, "event"), err)
			}
			return err
		}
		total += answer.Count
		if !answer.More {
			break
		}
		_, _ = fmt.Fprintf(p.stderr, "%s %s so far\n", done, plural(total, "event"))
	}
	_, err := fmt.Fprintf(p.stdout, "%s %s\n", done, plural(total, "event"))
	return err
}
