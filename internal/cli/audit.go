package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"funnelweb/framework"
)

type auditCommand struct {
	serverFlags
	Limit int `help:"The most to list." default:"50"`
}

// Help is shown below the flags.
func (auditCommand) Help() string {
	return `Newest first. COUNT says how many dead letters or events it was done to, of how many it was meant for. An act for many is made
in several calls, and each has a line. One that is "begun" was cut short, or is under way; after "partly" some stay as they were, or
someone else was faster; after "failed" the server's log has the cause.

Examples:
  funnelweb audit
  funnelweb audit --json --limit 1000`
}

// maxAuditPage is the most entries of the audit log that the server gives at once.
const maxAuditPage = 100

// Run lists the audit log.
func (c auditCommand) Run(p *program) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	entries, more, err := server.entries(p.ctx, "/api/v1/audit", "entries", query(), c.Limit, maxAuditPage)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.printEntries("entries", entries)
	}
	acts, err := decodeAll[framework.AuditEntry](entries)
	if err != nil {
		return err
	}
	if len(acts) == 0 {
		_, err = fmt.Fprintln(p.stdout, "nobody did anything yet")
		return err
	}
	err = table(p.stdout, func(row func(...string)) {
		row("WHEN", "WHO", "FROM", "ACT", "COUNT", "OUTCOME", "WHAT", "WHY")
		for _, act := range acts {
			row(stamp(act.Time), orDash(act.Caller), orDash(act.Address), string(act.Act), countOf(act), string(act.Outcome), whatOf(act), orDash(act.Reason))
		}
	})
	return errors.Join(err, p.tellMore(more))
}

// countOf says how many it was done to, and of how many where these were not all.
func countOf(act framework.AuditEntry) string {
	if act.Meant > act.Count {
		return fmt.Sprintf("%d of %d", act.Count, act.Meant)
	}
	return fmt.Sprint(act.Count)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return framework.Line(text, maxCell)
}

// whatOf says in words what an act was about.
func whatOf(act framework.AuditEntry) string {
	switch {
	case act.To != "":
		return framework.Line(act.Queue+" to "+act.To, maxCell)
	case act.Queue != "":
		return framework.Line(act.Queue, maxCell)
	case act.Filter != nil:
		return framework.Line(filterInWords(*act.Filter), maxCell)
	case len(act.Letters) == 1:
		return framework.Line(act.Letters[0].ID, maxCell)
	}
	return "-"
}

func filterInWords(filter framework.LetterFilter) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	add("automation", filter.Automation)
	add("job", filter.Job)
	add("service", filter.Service)
	add("reason", filter.Reason)
	add("since", at(filter.Since))
	add("until", at(filter.Until))
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}
