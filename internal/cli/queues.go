package cli

import (
	"fmt"
	"net/http"
	"strings"

	"funnelweb/framework"
)

type queuesCommand struct {
	serverFlags
	List     queuesList     `cmd:"" default:"withargs" help:"List what waits for each automation."`
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
		return "configured" + needsOf(queue)
	case queue.LeftAt.IsZero():
		return "not configured here, another replica works on it"
	default:
		return "not configured since " + stamp(queue.LeftAt)
	}
}

// needsOf says for which services a queue waits.
func needsOf(queue framework.Queue) string {
	var text strings.Builder
	for _, service := range queue.Services {
		said := "answers again"
		if service.State == framework.CircuitOpen {
			said = fmt.Sprintf("is down since %s, next probe %s", stamp(service.Since), stamp(service.NextProbe))
		}
		_, _ = fmt.Fprintf(&text, "; %s %s", framework.Line(service.Service, maxCell), said)
	}
	return text.String()
}

// settling are the flags of what empties a queue.
type settling struct {
	Source string `help:"Its source, where several have a queue of this name." placeholder:"NAME"`
	Yes    bool   `help:"Do not ask."`
}

type queuesDrop struct {
	Name   string `arg:"" help:"Name of the queue."`
	Reason string `help:"Why, for the audit log." placeholder:"TEXT" required:""`
	settling
}

// Help is shown below the flags.
func (queuesDrop) Help() string {
	return `What would be dropped is shown first, and asked about, unless --yes is given. The events stay readable, and say that they were dropped.

Example:
  funnelweb queues drop old-ticket --reason "tickets are made by another system"` + settleCodes
}

// Run drops what waits in a queue.
func (c queuesDrop) Run(p *program, parent *queuesCommand) error {
	call := queueCall{Queue: c.Name, Source: c.Source, Reason: c.Reason}
	return settle(p, parent, call, "dropped", c.Yes, func(what string) string { return "drop " + what + " for good?" })
}

type queuesHandover struct {
	Old    string `arg:"" help:"Name of the queue that is gone."`
	New    string `arg:"" help:"Name of the one that gets its events."`
	Reason string `help:"Why, for the audit log." placeholder:"TEXT"`
	settling
}

// Help is shown below the flags.
func (queuesHandover) Help() string {
	return `What would be handed over is shown first, and asked about, unless --yes is given. The other queue gets each event once, and none that it
has already.

Example:
  funnelweb queues handover old-ticket ticket-for-alert --reason "it was renamed"` + settleCodes
}

const settleCodes = `

Exit code: 0 when nothing is left in the queue, 1 when the server refused or failed, 2 when the call is wrong or there is nobody to ask.`

// Run hands over what waits in a queue.
func (c queuesHandover) Run(p *program, parent *queuesCommand) error {
	call := queueCall{From: c.Old, To: c.New, Source: c.Source, Reason: c.Reason}
	return settle(p, parent, call, "handed over", c.Yes, func(what string) string {
		return "hand over " + what + " to " + c.New + ", but for those that it has already?"
	})
}

type queueCall struct {
	Queue  string `json:"queue,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
	DryRun bool   `json:"dry_run,omitzero"`
}

func (c queueCall) path() string {
	if c.To != "" {
		return "/api/v1/queues/handover"
	}
	return "/api/v1/queues/drop"
}

type settled struct {
	Count int             `json:"count"`
	More  bool            `json:"more"`
	Queue framework.Queue `json:"queue"`
}

// settle has the server check what is meant, which refuses whoever may not do it, asks a person, and calls until nothing is left.
func settle(p *program, parent *queuesCommand, call queueCall, done string, yes bool, question func(what string) string) error {
	server, err := parent.client()
	if err != nil {
		return err
	}
	dry := call
	dry.DryRun = true
	var found settled
	if _, err := server.send(p.ctx, http.MethodPost, call.path(), dry, &found); err != nil {
		return err
	}
	if err := p.confirm(question(described(found)), yes); err != nil {
		return err
	}
	total := 0
	for {
		var answer settled
		if _, err := server.send(p.ctx, http.MethodPost, call.path(), call, &answer); err != nil {
			if total > 0 {
				err = fmt.Errorf("%s %d of %d, then: %w\nRepeat the command for the rest", done, total, found.Count, err)
			}
			return err
		}
		total += answer.Count
		if !answer.More {
			break
		}
		_, _ = fmt.Fprintf(p.stderr, "%s %d of %d\n", done, total, found.Count)
	}
	return outcome{Count: total}.print(p, parent.JSON, done, "event")
}

// described says what a queue holds.
func described(found settled) string {
	queue := found.Queue
	oldest := ""
	if !queue.Oldest.IsZero() {
		oldest = ", the oldest of " + stamp(queue.Oldest)
	}
	return fmt.Sprintf("%s of %s (%s%s)", plural(found.Count, "event"), framework.Line(queue.Name, maxCell), framework.Line(queue.Type, maxCell), oldest)
}
