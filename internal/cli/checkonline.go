package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/internal/app"
)

// online reaches the services and prints what came of it; the error says how much does not work.
func (c checkCommand) online(p *program, server *app.Server) error {
	ctx, cancel := context.WithTimeout(p.ctx, c.Timeout)
	defer cancel()
	checked := server.CheckOnline(ctx)
	write := writeChecked
	if c.JSON {
		write = writeCheckedJSON
	}
	if err := write(p.stdout, checked); err != nil {
		return err
	}
	failed := 0
	for _, one := range checked {
		if !one.OK {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checked))
	}
	return nil
}

// state is the word for what came of a check. What works and has advice is to be looked at.
func state(one app.Checked) string {
	switch {
	case !one.OK:
		return "FAILED"
	case one.Advice != "":
		return "look"
	default:
		return "ok"
	}
}

// writeChecked writes a table, what to do below what it is about.
func writeChecked(w io.Writer, checked []app.Checked) error {
	if len(checked) == 0 {
		_, err := fmt.Fprintln(w, "No services are configured that could be reached.")
		return err
	}
	return table(w, func(row func(...string)) {
		row("SERVICE", "CHECK", "STATE", "TIME", "FOUND")
		service := ""
		for _, one := range checked {
			shown := one.Service
			if shown == service {
				shown = ""
			}
			service = one.Service
			row(shown, one.Name, state(one), took(one.Took), unsaid(one))
			if one.Advice != "" {
				row("", "", "", "", "→ "+one.Advice)
			}
		}
	})
}

// unsaid is what was found without what the row says already: the service and what was tried.
func unsaid(one app.Checked) string {
	return strings.TrimPrefix(strings.TrimPrefix(one.Detail, one.Service+": "), one.Name+": ")
}

// took is a time to the millisecond, or nothing where nothing was called.
func took(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%d ms", milliseconds(d))
}

// milliseconds rounds what was called up to one: 0 is for what was not.
func milliseconds(d time.Duration) int64 {
	if d == 0 {
		return 0
	}
	return max(1, d.Milliseconds())
}

// checkedJSON is a check for programs.
type checkedJSON struct {
	Service string `json:"service"`
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Found   string `json:"found"`
	Advice  string `json:"advice,omitempty"`
	TookMS  int64  `json:"took_ms,omitzero"`
}

func writeCheckedJSON(w io.Writer, checked []app.Checked) error {
	answer := struct {
		OK     bool          `json:"ok"`
		Checks []checkedJSON `json:"checks"`
	}{OK: true, Checks: []checkedJSON{}}
	for _, one := range checked {
		answer.OK = answer.OK && one.OK
		answer.Checks = append(answer.Checks, checkedJSON{one.Service, one.Name, one.OK, one.Detail, one.Advice, milliseconds(one.Took)})
	}
	if err := json.MarshalWrite(w, answer, jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("write the checks: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}
