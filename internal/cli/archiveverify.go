package cli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"funnelweb/internal/evidence"
)

type archiveVerify struct {
	rangeFlags
	Key      []string      `help:"File with the public keys that must have signed (PEM); may be given several times." placeholder:"FILE"`
	Contains string        `help:"SHA-256 of a manifest that must be in the chain, as noted elsewhere: who could change everything could not change that." placeholder:"HASH"`
	Wait     time.Duration `help:"How long a server has for what it is doing at this moment, such as the entry of an object that it stored: only where something would be a finding otherwise." default:"3s"`
}

// Help is shown below the flags.
func (archiveVerify) Help() string {
	return `Reads every manifest and the list of all keys, and the content of every object; with --start and --end only of those that were archived in
the hours of that time. A server may be at work meanwhile. What this machine has noted as the newest seal must be in the chain.

Exit code: 0 when everything is as it was sealed, 1 when something is not, 2 when that cannot be said: the call is wrong, or the
archive cannot be read.

Examples:
  funnelweb archive verify
  funnelweb archive verify --start 2026-11-20 --key seal.pub
  funnelweb archive verify --contains 91f0…                     a hash that was noted elsewhere
  funnelweb archive verify --json | jq -r '.findings[].key'`
}

// Run verifies.
func (c archiveVerify) Run(p *program, parent *archiveCommand) error {
	options, err := c.options()
	if err != nil {
		return usageError{err}
	}
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	if options.Noted, err = archive.Noted(); err != nil {
		_, _ = fmt.Fprintf(p.stderr, "warning: what this machine has noted of the archive cannot be read: %v\n", err)
	}
	show := p.progress()
	show("reading keys and manifests")
	options.Progress = inPercents(show, "%d of %d objects read")
	report, err := evidence.Verify(p.ctx, archive, options)
	show("")
	if err != nil {
		return usageError{plain(err)} // no verdict: not the exit code of findings
	}
	if parent.JSON {
		err = p.printValue(report)
	} else {
		err = c.tell(p, painter{!parent.NoColor && isTerminal(p.stdout)}, report, options.Noted != nil)
	}
	if n := len(report.Findings); err == nil && n > 0 {
		return fmt.Errorf("the archive is not as it was sealed: %s", counted(n, "finding"))
	}
	return err
}

func (c archiveVerify) options() (evidence.Options, error) {
	options := evidence.Options{Start: c.Start.Time, End: c.End.Time, Settle: c.Wait}
	if err := c.check(); err != nil {
		return options, err
	}
	for _, name := range c.Key {
		keys, err := readPublicKeys(name)
		if err != nil {
			return options, fmt.Errorf("--key %s: %w", name, err)
		}
		options.Keys = append(options.Keys, keys...)
	}
	if c.Contains != "" {
		hash, ok := evidence.ParseHash(c.Contains)
		if !ok {
			return options, errors.New("--contains: must be 64 hexadecimal digits in lower case")
		}
		options.Contains = &hash
	}
	return options, nil
}

func readPublicKeys(name string) ([]ed25519.PublicKey, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return nil, err
	}
	return evidence.ParsePublicKeys(text)
}

// tell writes a report for people.
func (c archiveVerify) tell(p *program, paint painter, report *evidence.Report, noted bool) error {
	for _, finding := range report.Findings {
		_, _ = fmt.Fprintf(p.stdout, "%s %-8s %s\n           %s\n", paint.red("✘"), finding.Kind, finding.Key, finding.Detail)
	}
	if report.Newest == nil {
		if len(report.Findings) > 0 {
			return nil
		}
		if report.Empty {
			_, err := fmt.Fprintf(p.stdout, "%s the archive is empty: nothing was put yet, and nothing is noted of it on this machine\n", paint.green("✔"))
			return err
		}
		_, err := fmt.Fprintf(p.stdout, "%s %s read, as they were put; no hour is sealed yet\n", paint.green("✔"), counted(report.Read, "object"))
		return err
	}
	if len(report.Findings) == 0 {
		_, _ = fmt.Fprintf(p.stdout, "%s %s, one for each hour from %s to %s%s\n", paint.green("✔"), counted(report.Manifests, "manifest"),
			stamp(report.From), stamp(report.Newest.Hour), c.signatures(report))
		_, _ = fmt.Fprintf(p.stdout, "%s %s read, as they were sealed; %d named by manifests, %d waiting for the end of their hour\n", paint.green("✔"),
			counted(report.Read, "object"), report.Objects, report.Waiting)
		if noted || c.Contains != "" {
			_, _ = fmt.Fprintf(p.stdout, "%s the end of the chain holds what was noted of it outside the archive\n", paint.green("✔"))
		} else {
			_, _ = fmt.Fprintln(p.stdout, "- nothing is noted of the end of the chain on this machine: hours that were cut off it would not be seen (--contains)")
		}
	}
	_, err := fmt.Fprintf(p.stdout, "newest seal %s, of the hour of %s\n", report.Newest.SHA256, stamp(report.Newest.Hour))
	return err
}

func (c archiveVerify) signatures(report *evidence.Report) string {
	if len(c.Key) == 0 {
		return "; signatures were not looked at, as no --key was given"
	}
	return fmt.Sprintf("; %d signed", report.Signed)
}

type archiveExport struct {
	rangeFlags
	Output string `short:"o" required:"" help:"File to write; it must not exist." placeholder:"FILE"`
}

// Help is shown below the flags.
func (archiveExport) Help() string {
	return `The tar has the manifests of the hours that the time touches, the objects that were archived in them, and verify.sh, which checks all of it
with sh and sha256sum alone. What is not sealed yet is not in it: funnelweb archive seal --now seals it.

Exit code: 0 when what was written is as it was sealed, 1 when something is not (it is written as it is), 2 when nothing was written.

Examples:
  funnelweb archive export --start 2026-11-20 --end 2026-11-21 -o evidence.tar
  mkdir evidence && tar xf evidence.tar -C evidence && sh evidence/verify.sh`
}

// Run exports.
func (c archiveExport) Run(p *program, parent *archiveCommand) error {
	if err := c.check(); err != nil {
		return err
	}
	archive, err := parent.open(p)
	if err != nil {
		return err
	}
	show := p.progress()
	options := evidence.Options{Start: c.Start.Time, End: c.End.Time, Progress: inPercents(show, "%d of %d objects written")}
	var report *evidence.Exported
	err = writeNew(c.Output, func(file *os.File) (err error) {
		report, err = evidence.Export(p.ctx, archive, file, options)
		return err
	})
	show("")
	if err != nil {
		return usageError{plain(err)} // no verdict: not the exit code of findings
	}
	if parent.JSON {
		err = p.printValue(report)
	} else {
		err = c.tell(p, painter{!parent.NoColor && isTerminal(p.stdout)}, report)
	}
	if n := len(report.Findings); err == nil && n > 0 {
		return fmt.Errorf("%s holds the archive as it is, which is not as it was sealed: %s", c.Output, counted(n, "finding"))
	}
	return err
}

func (c archiveExport) tell(p *program, paint painter, report *evidence.Exported) error {
	for _, finding := range report.Findings {
		_, _ = fmt.Fprintf(p.stdout, "%s %-8s %s\n           %s\n", paint.red("✘"), finding.Kind, finding.Key, finding.Detail)
	}
	_, err := fmt.Fprintf(p.stdout, "%s: %s and %s; to check it: tar xf %s && sh verify.sh\n", c.Output, counted(report.Manifests, "manifest"),
		counted(report.Objects, "object"), c.Output)
	if err == nil && report.Waiting > 0 {
		_, err = fmt.Fprintf(p.stdout, "%s of this time not in it, as the hour is not sealed yet: funnelweb archive seal --now, and export again\n", counted(report.Waiting, "object"))
	}
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// painter colours where a terminal shows it.
type painter struct{ colours bool }

func (p painter) red(text string) string { return p.paint("31", text) }

func (p painter) green(text string) string { return p.paint("32", text) }

func (p painter) paint(colour, text string) string {
	if !p.colours {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// inPercents tells of every hundredth part, and not of each of a hundred thousand objects: the terminal may be far away.
func inPercents(show func(format string, values ...any), format string) func(done, of int) {
	last := -1
	return func(done, of int) {
		if percent := 100 * done / max(1, of); percent != last {
			last = percent
			show(format, done, of)
		}
	}
}

// progress returns what shows one line that changes, on a terminal, and nothing elsewhere. An empty text takes it away.
func (p *program) progress() func(format string, values ...any) {
	if !isTerminal(p.stderr) {
		return func(string, ...any) {}
	}
	return func(format string, values ...any) {
		_, _ = fmt.Fprint(p.stderr, "\r\x1b[K"+fmt.Sprintf(format, values...))
	}
}
