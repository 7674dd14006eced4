package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"funnelweb/framework"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitUnread = 141 // what a shell says of a program that SIGPIPE ended: not all was told, which is no success and no failure
)

// commands is the command line.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Run the server."`
	Demo        demoCommand        `cmd:"" help:"Run the whole loop against the built-in sandbox, told step by step. Needs no account and no network."`
	Check       checkCommand       `cmd:"" help:"Find every mistake in a configuration without starting anything."`
	Routes      routesCommand      `cmd:"" help:"List what is served, with its plugins."`
	OpenAPI     openAPICommand     `cmd:"" name:"openapi" help:"Print the OpenAPI 3.1 document of what is served."`
	Events      eventsCommand      `cmd:"" help:"List the events of a running server, follow them live, or show one with what became of it."`
	Deadletters deadlettersCommand `cmd:"" help:"List, show, replay and drop what automations gave up on."`
	Queues      queuesCommand      `cmd:"" help:"List what waits for each automation; drop or hand over what waits for those that are gone."`
	Audit       auditCommand       `cmd:"" help:"List what operators did: replays, drops and hand-overs."`
	Engine      engineCommand      `cmd:"" help:"Move stored events into a cluster."`
	Archive     archiveCommand     `cmd:"" help:"Verify, list, read and export the archived evidence."`
	Sandbox     sandboxCommand     `cmd:"" help:"Run only the sandbox: stand-ins for Jira, Active Directory, VirusTotal and Threat Stack."`
	New         newCommand         `cmd:"" help:"Write a part of your own: code that works, tests, README and the line that lists it."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// program is what every command is given.
type program struct {
	ctx      context.Context //nolint:containedctx // the one context of the process, made in Main and passed to kong's Run
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	registry *framework.Registry
	version  string
	words    *lastWords // of a process that is ended at once
}

// usageError is a mistake in the call or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the command line and returns the exit code. The register functions list the parts that a configuration may
// name; a private build passes its own beside ours.
func Main(args []string, stdout, stderr io.Writer, register ...func(*framework.Registry)) int {
	var words lastWords
	ctx, release := untilSignal(&words)
	defer release()
	signal.Ignore(syscall.SIGPIPE) // a reader that leaves must not keep a command from cleaning up
	registry := framework.NewRegistry()
	for _, add := range register {
		add(registry)
	}
	p := &program{ctx: ctx, stdin: os.Stdin, stdout: output{stdout}, stderr: stderr, registry: registry, version: version(), words: &words}
	return p.run(args)
}

// helped is thrown by kong's exit function, so that --help ends the command and not the process.
type helped struct{ code int }

func (p *program) run(args []string) (code int) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case helped:
			code = thrown.code
		default:
			panic(thrown) //nolint:forbidigo // not ours to hide
		}
	}()
	parser, err := kong.New(&commands{},
		kong.Name("funnelweb"),
		kong.Description("Security automation: alerts and tickets come in as webhooks, automations enrich, ticket and archive them.\n\nStart with: funnelweb demo\n\n"+
			"Exit code: 0 done, 1 not done, 2 called wrongly or mistakes in the configuration, 141 nobody read the output to its end. "+
			"Colours: on a terminal alone, and not with NO_COLOR in the environment."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(helped{code}) }), //nolint:forbidigo // recovered four lines above: kong knows no other way
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.UsageOnError(),
	)
	if err != nil {
		_, _ = fmt.Fprintf(p.stderr, "funnelweb: %v\n", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil && !unread(err) { // that is of --help
		_, _ = fmt.Fprintf(p.stderr, "funnelweb: %v\nRun funnelweb --help for the commands.\n", err)
		return exitUsage
	}
	if err == nil {
		err = parsed.Run(p)
	}
	return p.report(err)
}

// report prints an error for people and chooses the exit code. A reader that left, such as head, is told nothing.
func (p *program) report(err error) int {
	switch {
	case err == nil:
		return exitOK
	case unread(err):
		return exitUnread
	}
	_, _ = fmt.Fprintf(p.stderr, "funnelweb: %v\n", err)
	if _, wrong := errors.AsType[usageError](err); wrong {
		return exitUsage
	}
	return exitFailed
}

// version is the module version of a released build, else the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return "devel-" + setting.Value[:12]
		}
	}
	return "devel"
}

// output is standard output. It tells a reader that left, of it alone, from a connection that broke.
type output struct{ io.Writer }

// Write returns errUnread when nobody reads any more.
func (o output) Write(data []byte) (int, error) {
	n, err := o.Writer.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		err = errUnread{err}
	}
	return n, err
}

// errUnread says that the reader of standard output has left.
type errUnread struct{ error }

func unread(err error) bool {
	_, left := errors.AsType[errUnread](err)
	return left
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintf(p.stdout, "funnelweb %s\n", p.version)
	return err
}
