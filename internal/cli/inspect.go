package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"funnelweb/framework"
)

type checkCommand struct {
	configFlag
	Live    bool          `help:"The server runs with this configuration now: that it has the data directory is no mistake."`
	Online  bool          `help:"Reach every service too, and say what works, with which rights, how fast, and what to do."`
	Timeout time.Duration `help:"With --online: how long all services together may take." default:"30s"`
	JSON    bool          `name:"json" help:"With --online: as JSON."`
}

// Help is shown below the flags.
func (checkCommand) Help() string {
	return `Reads the file, resolves its secrets, builds every plugin, endpoint, enricher and action without opening or calling anything,
and looks whether the data directory could be used. Every mistake is listed with its line; the exit code is then 2.

With --online every service that the configuration names is reached, side by side: signed in to, asked for the rights that the
automations need, its clock compared. Nothing is changed there: a lookup is taken from VirusTotal's quota, and in S3 stays the
object ~write-once, which the server makes too. The exit code is 1 when something does not work.

Examples:
  funnelweb check
  funnelweb check --live         while the server runs
  funnelweb check --online
  funnelweb check --config configs/example.yaml`
}

// Run checks a configuration.
func (c checkCommand) Run(p *program) error {
	var unusable error
	if config, _ := c.read(); config != nil { // its mistakes are found below
		unusable = config.CheckData(c.Live)
		if mistake, ok := errors.AsType[*framework.Mistake](unusable); ok && c.name() == "" {
			mistake.Line = 0 // of a file that nobody wrote
		}
	}
	config, server, err := c.inspect(p, unusable, c.Online)
	if err != nil {
		return err
	}
	if c.Online && c.JSON {
		return c.online(p, server)
	}
	_, err = fmt.Fprintf(p.stdout, "%s is fine: %s, %s\n", c.label(), plural(len(server.Routes()), "route"), plural(len(config.Automations), "automation"))
	if err != nil || !c.Online {
		return err
	}
	return c.online(p, server)
}

type routesCommand struct {
	configFlag
}

// Help is shown below the flags.
func (routesCommand) Help() string {
	return `Example:
  funnelweb routes --config funnelweb.yaml`
}

// Run lists the routes.
func (c routesCommand) Run(p *program) error {
	_, server, err := c.inspect(p, nil, false)
	if err != nil {
		return err
	}
	return table(p.stdout, func(row func(...string)) {
		row("METHOD", "PATH", "BEFORE", "AFTER", "DOES")
		for _, route := range server.Routes() {
			before := list(route.Before)
			if route.Public {
				before = "(public)"
			}
			row(route.Method, route.Path, before, list(route.After), route.Summary)
		}
	})
}

func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// table writes rows in aligned columns.
func table(w io.Writer, fill func(row func(cells ...string))) error {
	writer := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fill(func(cells ...string) { _, _ = fmt.Fprintln(writer, strings.Join(cells, "\t")) })
	return writer.Flush()
}

type openAPICommand struct {
	configFlag
}

// Help is shown below the flags.
func (openAPICommand) Help() string {
	return `Example:
  funnelweb openapi > openapi.json`
}

// Run prints the document.
func (c openAPICommand) Run(p *program) error {
	_, server, err := c.inspect(p, nil, false)
	if err != nil {
		return err
	}
	document, err := server.OpenAPI()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", document)
	return err
}
