package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"funnelweb/internal/app"
)

type serveCommand struct {
	configFlag
	LogLevel string `help:"Least level of log lines: ${enum}." enum:"debug,info,warn,error" default:"info"`
}

// Help is shown below the flags.
func (serveCommand) Help() string {
	return `Examples:
  funnelweb serve                           built-in defaults on 127.0.0.1:8080, data in ./funnelweb-data
  funnelweb serve --config funnelweb.yaml
  funnelweb check && funnelweb serve

Log lines are JSON on standard error. SIGTERM and Ctrl-C drain: calls under way are answered, running jobs
end. A second one ends the process at once, with a line that tells what is left; it loses nothing either: events are
on disk before they are answered.`
}

// Run serves until the process is told to stop.
func (c serveCommand) Run(p *program) error {
	log := newLog(p.stderr, c.LogLevel)
	config, err := c.read()
	if err != nil { // inspect finds the mistakes in the parts too
		if _, _, all := c.inspect(p, nil, false); all != nil {
			err = all
		}
		return err
	}
	file, made, err := app.EnsureAccessToken(config.Data)
	if err != nil {
		return err
	}
	defer boundMemory()()
	serving := false
	server, err := c.build(p, config, nil, app.Options{Log: log, TokenFile: file})
	if err == nil {
		p.words.set(server.LogAbandoned)
		err = server.Run(p.ctx, func(url string) {
			serving = true
			log.Info("serving", "url", url, "config", c.label(), "data", config.Data, "token_file", file, "version", p.version)
			if made != "" {
				p.welcome(url, file, made, c.name() == "")
			}
		})
	}
	switch {
	case serving:
		log.Info("stopped")
	case made != "": // it was not shown: the next start makes one and shows it
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// welcome tells of a token that was just made. It is shown on a terminal alone, this once: anything else is kept, by a journal say.
func (p *program) welcome(url, file, token string, standard bool) {
	if isTerminal(p.stdout) {
		_, _ = fmt.Fprintf(p.stdout, "\nAccess token, made now and kept in %s (shown this once): %s\n", file, token)
	} else {
		_, _ = fmt.Fprintf(p.stdout, "\nAccess token, made now and kept in %s\n", file)
		token = "$(cat " + file + ")" // of the built-in configuration below: it needs no quotes
	}
	if !standard {
		return
	}
	_, _ = fmt.Fprintf(p.stdout, `Try it:
  curl -H 'Content-Type: application/json' -d '{"sid":"s1","search_name":"Test","app":"search","owner":"admin","result":{"user":"jdoe"}}' \
    "%s/api/v1/splunk/alert?token=%s"
API documentation: %s/docs/

`, url, token, url)
}

func newLog(w io.Writer, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // kong has checked it
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: least}))
}
