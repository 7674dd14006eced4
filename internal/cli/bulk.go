package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// chosen are the flags of what acts on several dead letters.
type chosen struct {
	ID  string `arg:"" optional:"" help:"Id of the dead letter."`
	All bool   `help:"All there are now."`
	letterFlags
	Yes bool `help:"Do not ask."`
}

type deadlettersReplay struct {
	chosen
	Reason string `help:"Only those whose reason contains this text." placeholder:"TEXT"`
}

// Run replays dead letters.
func (c deadlettersReplay) Run(p *program, parent *deadlettersCommand) error {
	return parent.act(p, c.chosen, bulkAct{verb: "replay", done: "replayed", filter: c.filter(c.Reason)})
}

type deadlettersDrop struct {
	chosen
	WithReason string `help:"Only those whose reason contains this text." placeholder:"TEXT"`
	Reason     string `help:"Why they are dropped, for the audit log." placeholder:"TEXT" required:""`
}

// Run drops dead letters.
func (c deadlettersDrop) Run(p *program, parent *deadlettersCommand) error {
	return parent.act(p, c.chosen, bulkAct{verb: "drop", done: "dropped", filter: c.filter(c.WithReason), reason: c.Reason})
}

// bulkAct is what is done to dead letters.
type bulkAct struct {
	verb, done string
	filter     framework.LetterFilter
	reason     string
}

// choice is the body of a call for several; the one for a single one has a reason at most.
type choice struct {
	Filter *framework.LetterFilter `json:"filter,omitempty"`
	All    bool                    `json:"all,omitzero"`
	DryRun bool                    `json:"dry_run,omitzero"`
	Cursor string                  `json:"cursor,omitempty"`
	Reason string                  `json:"reason,omitempty"`
}

type acted struct {
	Count  int                      `json:"count"`
	Failed []framework.FailedLetter `json:"failed"`
	Next   string                   `json:"next"`
}

func (c *deadlettersCommand) act(p *program, chosen chosen, act bulkAct) error {
	filtered := !act.filter.IsZero()
	switch {
	case chosen.ID != "" && (filtered || chosen.All), filtered && chosen.All:
		return usageError{errors.New("name one dead letter, or choose by flags, or say --all")}
	case chosen.ID == "" && !filtered && !chosen.All:
		return usageError{fmt.Errorf("say which dead letters to %s: an id, flags such as --automation, or --all", act.verb)}
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	if chosen.ID != "" {
		return act.one(p, server, chosen.ID, c.JSON)
	}
	count, err := act.count(p, server)
	if err != nil {
		return err
	}
	if count == 0 && !c.JSON {
		_, err = fmt.Fprintln(p.stdout, "there are no such dead letters")
		return err
	}
	if count > 0 {
		if err := p.confirm(fmt.Sprintf("%s %s (%s)?", act.verb, plural(count, "dead letter"), filterInWords(act.filter)), chosen.Yes); err != nil {
			return err
		}
	}
	return act.all(p, server, count, c.JSON)
}

// outcome is what all calls of an act did, in the form of the answer of one.
type outcome struct {
	Count  int                      `json:"count"`
	Failed []framework.FailedLetter `json:"failed,omitempty"`
}

// print writes it for programs, or what was done to how many of what.
func (o outcome) print(p *program, asJSON bool, done, what string) error {
	if !asJSON {
		_, err := fmt.Fprintf(p.stdout, "%s %s\n", done, plural(o.Count, what))
		return err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode what was %s: %w", done, err)
	}
	return p.printJSON(body)
}

func (a bulkAct) one(p *program, server *client, id string, asJSON bool) error {
	var body any
	if a.reason != "" {
		body = choice{Reason: a.reason}
	}
	answer, err := server.send(p.ctx, http.MethodPost, "/api/v1/deadletters/"+escape(id)+"/"+a.verb, body, nil)
	if err != nil || asJSON {
		return p.unlessFailed(err, answer)
	}
	_, err = fmt.Fprintf(p.stdout, "%s %s\n", a.done, id)
	return err
}

// batch makes one call for several.
func (a bulkAct) batch(p *program, server *client, cursor string, dry bool) (acted, error) {
	call := choice{All: a.filter.IsZero(), DryRun: dry, Cursor: cursor, Reason: a.reason}
	if !call.All {
		call.Filter = &a.filter
	}
	var answer acted
	_, err := server.send(p.ctx, http.MethodPost, "/api/v1/deadletters/"+a.verb, call, &answer)
	return answer, err
}

func (a bulkAct) count(p *program, server *client) (int, error) {
	total, cursor := 0, ""
	for {
		answer, err := a.batch(p, server, cursor, true)
		if err != nil {
			return 0, err
		}
		total += answer.Count
		if cursor = answer.Next; cursor == "" {
			return total, nil
		}
	}
}

// all goes on from batch to batch, and says how far it is.
func (a bulkAct) all(p *program, server *client, expected int, asJSON bool) error {
	total, cursor := outcome{}, ""
	for {
		answer, err := a.batch(p, server, cursor, false)
		if err != nil {
			return fmt.Errorf("%s %d of %d, then: %w\nRepeat the command for the rest", a.done, total.Count, expected, err)
		}
		total.Count += answer.Count
		total.Failed = append(total.Failed, answer.Failed...)
		for _, failed := range answer.Failed {
			if asJSON {
				break
			}
			_, _ = fmt.Fprintf(p.stdout, "kept %s: %s\n", framework.Line(failed.ID, maxCell), framework.Line(failed.Reason, maxCell))
		}
		if cursor = answer.Next; cursor == "" {
			break
		}
		_, _ = fmt.Fprintf(p.stderr, "%s %d of %d\n", a.done, total.Count, expected)
	}
	err := total.print(p, asJSON, a.done, "dead letter")
	if kept := len(total.Failed); err == nil && kept > 0 {
		err = fmt.Errorf("%s could not be %s", plural(kept, "dead letter"), a.done)
	}
	return err
}
