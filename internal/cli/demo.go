package cli

import (
	"os"
	"time"

	"funnelweb/internal/demo"
)

type demoCommand struct {
	Once    bool `help:"End after the story: exit 0 when every step was checked, else 1."`
	NoColor bool `help:"No colours, even on a terminal. Also: NO_COLOR in the environment." env:"NO_COLOR"`
}

// Help is shown below the flags.
func (demoCommand) Help() string {
	return `Starts the sandbox (Jira, Active Directory, VirusTotal, Threat Stack) and the server on free loopback ports, posts one Splunk
alert, and shows how it becomes an enriched ticket and archived evidence.

Examples:
  funnelweb demo --once
  funnelweb demo`
}

// Run plays the demo.
func (c demoCommand) Run(p *program) error {
	return demo.Run(p.ctx, demo.Options{
		Once: c.Once, Out: p.stdout, Color: !c.NoColor && isTerminal(p.stdout),
		Registry: p.registry, Version: p.version, Now: time.Now, //nolint:forbidigo // the clock of the process
	})
}

// isTerminal reports whether a reader or a writer is a terminal.
func isTerminal(stream any) bool {
	if out, ok := stream.(output); ok {
		stream = out.Writer
	}
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
