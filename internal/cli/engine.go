package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/app"
)

type engineCommand struct {
	Copy engineCopy `cmd:"" help:"Copy the store of a data directory into a NATS cluster."`
}

type engineCopy struct {
	configFlag
	From string `help:"Data directory whose events are copied; its server must be stopped." required:"" placeholder:"DIR"`
}

// Help is shown below the flags.
func (engineCopy) Help() string {
	return `Moves a server from its own store to a cluster: events, replays, dead letters, ledger, runs, quotas, the audit log, and how far each
automation is, so that nothing is lost and nothing is done twice. --config is the new configuration, with engine.nats; nothing may
work in the cluster under its prefix yet. A copy that was cut short goes on where it stopped when it is called again. At the end
the counts of both sides are compared and shown; the old store is then refused by serve, but stays as it was.

Example:
  funnelweb engine copy --from ./funnelweb-data --config cluster.yaml`
}

// Run copies.
func (c engineCopy) Run(p *program) error {
	config, err := c.read()
	if err != nil {
		if config == nil {
			return usageError{err}
		}
		return usageError{fmt.Errorf("%s has mistakes:\n%s", c.label(), strings.Join(app.Mistakes(err), "\n"))}
	}
	meter := &copyMeter{to: p.stderr, shown: isTerminal(p.stderr)}
	options := app.Options{Version: p.version, Log: newLog(p.stderr, "warn"), Now: time.Now} //nolint:forbidigo // the clock of the process
	rows, err := app.CopyStore(p.ctx, c.From, config, options, meter.tell)
	meter.end()
	if _, wrong := errors.AsType[*framework.Mistake](err); wrong {
		return usageError{err}
	}
	if len(rows) > 0 {
		err = errors.Join(err, p.copied(rows))
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", c.From, err)
	}
	_, err = fmt.Fprintf(p.stdout, "\nEverything is in the cluster. Start the servers with %s.\n", c.label())
	return err
}

func (p *program) copied(rows []app.CopyRow) error {
	return table(p.stdout, func(row func(...string)) {
		row("WHAT", "NAME", "HERE", "IN THE CLUSTER", "COPIED NOW")
		for _, one := range rows {
			if one.Kind == "queue" {
				row("unfinished", one.Name, fmt.Sprint(one.From), fmt.Sprintf("%d to look at", one.To), "-")
				continue
			}
			row(one.Kind, one.Name, fmt.Sprint(one.From), fmt.Sprint(one.To), fmt.Sprint(one.Copied))
		}
	})
}

// copyMeter shows on one line of a terminal how far a copy is.
type copyMeter struct {
	to    io.Writer
	shown bool
	last  string
}

func (m *copyMeter) tell(progress app.CopyProgress) {
	text := fmt.Sprintf("%s %s: %d of %d", progress.Kind, progress.Name, progress.Done, progress.Total)
	if !m.shown || progress.Done%100 != 0 && progress.Done != progress.Total {
		return
	}
	_, _ = fmt.Fprintf(m.to, "\r%-*s", len(m.last), text)
	m.last = text
}

func (m *copyMeter) end() {
	if m.last != "" {
		_, _ = fmt.Fprintln(m.to)
	}
}
