package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
	"funnelweb/internal/evidence"
)

type archiveCommand struct {
	configFlag
	JSON    bool          `name:"json" help:"Print JSON."`
	NoColor bool          `help:"No colours, even on a terminal. Also: NO_COLOR in the environment." env:"NO_COLOR"`
	Verify  archiveVerify `cmd:"" help:"Find every object that was changed, removed or added, and every manifest that is not as it was sealed."`
	Ls      archiveLs     `cmd:"" help:"List keys."`
	Get     archiveGet    `cmd:"" help:"Print an object, or write it to a file."`
	Export  archiveExport `cmd:"" help:"Write the objects of a time into a tar, with their manifests and a script that checks them."`
	Seal    archiveSeal   `cmd:"" help:"Seal the hours that are over, as the server does by itself."`
	Adopt   archiveAdopt  `cmd:"" help:"Account for objects that were there before sealing began, or came by other means."`
}

// Help is shown below the flags.
func (archiveCommand) Help() string {
	return `These commands work on the archive itself, a directory or S3, as the configuration names it; no server needs to run. Times are ISO 8601
(2026-11-20, 2026-11-20T12:00, 2026-11-20T12:00:00+01:00), in UTC where no zone is given.

Examples:
  funnelweb archive verify
  funnelweb archive verify --start 2026-11-20 --key seal.pub
  funnelweb archive ls webhooks --start 2026-11-20T12:00 --end 2026-11-20T13:00
  funnelweb archive get alerts/58/9b/589b1aa1e4b0c5a1f2d3e4f5
  funnelweb archive export --start 2026-11-20 --end 2026-11-21 -o evidence.tar
  funnelweb archive seal --now
  funnelweb archive adopt

Exit code: 0 when it was done, 1 when something is not as it should be or was not done, 2 when the call is wrong. For a directory, run them as
the user that the server runs as: what they write belongs to whoever calls.`
}

// open opens the archive of the configuration.
func (c *archiveCommand) open(p *program) (*evidence.Archive, error) {
	config, err := c.read()
	if config == nil { // other mistakes are of parts that are not needed here
		return nil, usageError{err}
	}
	now := time.Now //nolint:forbidigo // the clock of the process
	opened, err := config.OpenArchive(p.ctx, slog.New(slog.DiscardHandler), now)
	if err != nil {
		return nil, usageError{err}
	}
	return opened, nil
}

// rangeFlags choose a time.
type rangeFlags struct {
	Start instant `help:"The first instant." placeholder:"TIME"`
	End   instant `help:"The first instant after the range." placeholder:"TIME"`
}

func (r rangeFlags) check() error {
	if !r.Start.IsZero() && !r.End.IsZero() && !r.Start.Before(r.End.Time) {
		return usageError{errors.New("--end must be later than --start")}
	}
	return nil
}

// instant is a time on the command line.
type instant struct{ time.Time }

// UnmarshalText reads a time as the API does.
func (i *instant) UnmarshalText(text []byte) error {
	parsed, ok := framework.ParseTime(string(text))
	if year := parsed.UTC().Year(); ok && year >= 0 && year <= 9999 { // a zone may put it where no key is
		i.Time = parsed.UTC()
		return nil
	}
	return errors.New("not a time such as 2026-11-20 or 2026-11-20T12:00:00+01:00")
}

type archiveLs struct {
	rangeFlags
	Prefix string `arg:"" optional:"" help:"What keys begin with; with a time it is a folder such as webhooks or splunk."`
	Limit  int    `help:"The most keys to list; 0 for all." default:"0"`
}

// Help is shown below the flags.
func (archiveLs) Help() string {
	return `Lists in the order of keys, which is that of time below a folder. With a time, keys of the minutes that it touches: those of webhooks go by
created_at of the alert, those of other folders by when the event was accepted.

Exit code: 0, also when there are none; 1 when the archive cannot be read, 2 when the call is wrong.

Examples:
  funnelweb archive ls
  funnelweb archive ls webhooks --start 2026-11-20T12:00 --end 2026-11-20T13:00
  funnelweb archive ls splunk/2026/11 --limit 20
  funnelweb archive ls jira --start 2026-11-20T13:00:00+01:00 --json | jq -r .key`
}

// Run lists keys.
func (c archiveLs) Run(p *program, parent *archiveCommand) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Limit < 0 {
		return usageError{errors.New("--limit must not be negative")}
	}
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	prefix, from, to := c.bounds()
	listed := 0
	for key, err := range archive.List(p.ctx, prefix, from, to) {
		if err != nil {
			return plain(err)
		}
		if c.Limit > 0 && listed == c.Limit {
			return nil
		}
		listed++
		line := key
		if parent.JSON {
			line = fmt.Sprintf(`{"key":%q}`, key) // no key has a byte that JSON escapes
		}
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// bounds are the keys of the minutes that a time touches.
func (c archiveLs) bounds() (prefix, from, to string) {
	if c.Start.IsZero() && c.End.IsZero() {
		return c.Prefix, "", ""
	}
	const minutes = "2006/01/02/15/04"
	prefix = strings.TrimSuffix(c.Prefix, "/") + "/"
	if prefix == "/" {
		prefix = "webhooks/"
	}
	if !c.Start.IsZero() {
		from = prefix + c.Start.Format(minutes)
	}
	if !c.End.IsZero() {
		to = prefix + c.End.Add(time.Minute-1).Format(minutes)
	}
	return prefix, from, to
}

type archiveGet struct {
	Key    string `arg:"" help:"Key of the object."`
	Output string `short:"o" help:"File to write; it must not exist." placeholder:"FILE"`
}

// Help is shown below the flags.
func (archiveGet) Help() string {
	return `Prints the object byte for byte. On a terminal, what could steer it is shown as text.

Exit code: 0 when it was printed, 1 when there is none of this key or it cannot be read, 2 when the call is wrong.

Examples:
  funnelweb archive get alerts/58/9b/589b1aa1e4b0c5a1f2d3e4f5
  funnelweb archive get webhooks/2026/11/20/12/00/589b1aa1e4b0c5a1f2d3e4f5 -o alert.json
  funnelweb archive ls splunk --limit 1 | xargs -n1 funnelweb archive get | jq .`
}

// Run prints an object as it is. On a terminal, what could steer it is shown as text.
func (c archiveGet) Run(p *program, parent *archiveCommand) error {
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	body, err := archive.Get(p.ctx, c.Key)
	if errors.Is(err, framework.ErrNoObject) {
		return fmt.Errorf("the archive holds no object under this key; funnelweb archive ls lists what it holds")
	}
	if err != nil {
		return plain(err)
	}
	if c.Output != "" {
		return writeNew(c.Output, func(file *os.File) error {
			_, err := file.Write(body)
			return err
		})
	}
	if isTerminal(p.stdout) {
		body = append(harmless(body), '\n')
	}
	_, err = p.stdout.Write(body)
	return err
}

// harmless shows control characters, and bytes that are no text, as U+FFFD.
func harmless(body []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
			return r
		}
		return unicode.ReplacementChar
	}, body)
}

// writeNew writes a file that does not exist yet, whole or not at all.
func writeNew(name string, write func(*os.File) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

type archiveSeal struct {
	Now bool `help:"Seal the hour that is not over, too: what comes later is sealed with the next one. For handing evidence over."`
}

// Help is shown below the flags.
func (archiveSeal) Help() string {
	return `The server seals each hour by itself. Any number of them, and of these commands, may seal at the same time: all make the same manifests. Prints
the newest seal: note its hash elsewhere, for funnelweb archive verify --contains.

Exit code: 0 when everything that is over is sealed, 1 when it is not, 2 when the call is wrong.

Examples:
  funnelweb archive seal
  funnelweb archive seal --now && funnelweb archive export --start 2026-11-20 -o evidence.tar`
}

// Run seals.
func (c archiveSeal) Run(p *program, parent *archiveCommand) error {
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	seal, err := archive.Seal(p.ctx, c.Now)
	if err != nil {
		return plain(err)
	}
	if parent.JSON {
		return p.printValue(seal)
	}
	text := "nothing is sealed: no hour is over in which something was archived"
	if seal != nil {
		text = fmt.Sprintf("newest seal %s, of the hour of %s", seal.SHA256, stamp(seal.Hour))
	}
	_, err = fmt.Fprintln(p.stdout, text)
	return err
}

type archiveAdopt struct{}

// Help is shown below the flags.
func (archiveAdopt) Help() string {
	return `Enters every object that no manifest and no journal has into this hour's journal, as it is now. What was done to it before, nobody can tell any
more: look at what funnelweb archive verify calls added first. Doing it again takes in what came since.

Exit code: 0 when everything was taken in, 1 when something was not, 2 when the call is wrong.

Example:
  funnelweb archive verify ; funnelweb archive adopt && funnelweb archive seal --now`
}

// Run adopts.
func (archiveAdopt) Run(p *program, parent *archiveCommand) error {
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	show := p.progress()
	adopted, err := archive.Adopt(p.ctx, func(done int) { show("%d objects taken in", done) })
	show("")
	if err != nil {
		return plain(err)
	}
	if parent.JSON {
		err = p.printValue(adopted)
	} else {
		paint := painter{!parent.NoColor && isTerminal(p.stdout)}
		for _, refused := range adopted.Refused {
			_, _ = fmt.Fprintf(p.stdout, "%s %s\n  %s\n", paint.red("✘"), refused.Key, refused.Detail)
		}
		_, err = fmt.Fprintf(p.stdout, "%s taken in; to be sealed with this hour\n", counted(adopted.Objects, "object"))
	}
	if n := len(adopted.Refused); err == nil && n > 0 {
		return fmt.Errorf("%s cannot be taken in", counted(n, "object"))
	}
	return err
}

// printValue prints a value as JSON.
func (p *program) printValue(value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return p.printJSON(body)
}

// plain is an error of the archive as people may read it, with its cause: whoever calls has the credentials.
func plain(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}
