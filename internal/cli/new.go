package cli

import (
	"bytes"
	"fmt"
	"path/filepath"

	"funnelweb/internal/scaffold"
)

type newCommand struct {
	Kind   scaffold.Kind `arg:"" enum:"plugin,enricher,endpoint,action" help:"Kind of part: ${enum}."`
	Name   string        `arg:"" help:"Name in the configuration, and of the folder: 2 to 31 of a-z and 0-9, a letter first."`
	DryRun bool          `help:"Show what would be written, and write nothing."`
}

// Help is shown below the flags.
func (newCommand) Help() string {
	return `Writes into the module of the working directory: the clone of Funnelweb, or one of your own that requires it. The part works
and its tests pass; from there it is changed into what you need. No file is replaced but the list, which gets a line.

Examples:
  funnelweb new enricher shodan
  funnelweb new action opencase --dry-run`
}

// Run writes a part.
func (c newCommand) Run(p *program) error {
	plan, err := scaffold.New(".", c.Kind, c.Name)
	if err != nil {
		return usageError{err}
	}
	if !c.DryRun {
		if err := plan.Write(); err != nil {
			return err
		}
	}
	_, err = p.stdout.Write(c.tell(plan))
	return err
}

// tell says what was written and what comes next.
func (c newCommand) tell(plan *scaffold.Plan) []byte {
	var text bytes.Buffer
	wrote, changed := "wrote", "changed"
	if c.DryRun {
		wrote, changed = "would write", "would change"
	}
	for _, file := range plan.Files {
		_, _ = fmt.Fprintf(&text, "%s %s\n", wrote, file.Path)
	}
	if plan.NewList {
		changed = wrote
	}
	_, _ = fmt.Fprintf(&text, "%s %s: %s\n", changed, plan.List.Path, plan.Line)
	if c.DryRun {
		return text.Bytes()
	}
	folder := plan.Kind.Folder()
	where := ""
	if here, err := filepath.Abs("."); err != nil || here != plan.Module.Root {
		where = ", in " + plan.Module.Root
	}
	_, _ = fmt.Fprintf(&text, "\nNext%s:\n", where)
	if plan.NewList {
		_, _ = fmt.Fprintf(&text, "  give %s.Register to funnelweb.Main in your main, behind funnelweb.Parts\n", folder)
	}
	if !plan.Module.IsOurs() {
		_, _ = fmt.Fprintf(&text, "  go mod tidy\n")
	}
	_, _ = fmt.Fprintf(&text, "  go test ./%s/...          what was written works\n", folder)
	_, _ = fmt.Fprintf(&text, "  edit %s/%s/%[2]s.go, its test, and the README, whose yaml block the test loads; docs/parts.md of Funnelweb says how\n", folder, plan.Name)
	return text.Bytes()
}
