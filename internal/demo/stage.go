package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"funnelweb/configs"
	"funnelweb/framework"
	"funnelweb/internal/app"
	"funnelweb/internal/archive"
	"funnelweb/internal/sandbox"
)

// stage is everything that runs during the story.
type stage struct {
	caller
	dir           string // thrown away at the end
	sandbox       *sandbox.Sandbox
	archive       framework.Archive // the server's own, read from outside
	operatorToken string
	log           *tail

	stop    context.CancelFunc
	stopped chan error // the server's end; holds at most one
}

// setStage starts the sandbox and a server that is configured for it.
func setStage(ctx context.Context, options Options) (s *stage, err error) {
	dir, err := os.MkdirTemp("", "funnelweb-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	s = &stage{dir: dir, log: &tail{}, stopped: make(chan error, 1), stop: func() {}}
	s.http = &http.Client{Timeout: callTimeout}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	s.sandbox, err = sandbox.Start(ctx, sandbox.Options{Now: options.Now, Log: log.With("part", "sandbox")})
	if err != nil {
		return s, err
	}
	if err := s.sandbox.WriteAccess(s.secretsDir()); err != nil {
		return s, err
	}
	config, err := app.ParseConfig([]byte(s.config()))
	if err != nil {
		return s, err
	}
	return s, s.startServer(ctx, config, options, log)
}

func (s *stage) secretsDir() string { return filepath.Join(s.dir, "access") }

// secret reads one of the files that the sandbox wrote.
func (s *stage) secret(name string) string {
	value, err := framework.ResolveSecret("file:" + filepath.Join(s.secretsDir(), name))
	if err != nil {
		return "" // the call with it is then refused, which says what is wrong
	}
	return value.Reveal()
}

// config is configs/demo.yaml with the addresses and directories of this stage.
func (s *stage) config() string {
	return strings.NewReplacer(
		"127.0.0.1:8080", "127.0.0.1:0",
		"./funnelweb-data", filepath.Join(s.dir, "data"),
		"funnelweb-sandbox/", s.secretsDir()+"/",
		"http://127.0.0.1:8081", s.sandbox.Jira.URL(),
		"http://127.0.0.1:8082/api/v3", s.sandbox.VirusTotal.URL(),
		"http://127.0.0.1:8083/api/v1", s.sandbox.ThreatStack.URL(),
		"ldaps://127.0.0.1:8636", s.sandbox.Directory.URL(),
	).Replace(string(configs.Demo))
}

func (s *stage) startServer(ctx context.Context, config *app.Config, options Options, log *slog.Logger) error {
	tokenFile, _, err := app.EnsureAccessToken(config.Data)
	if err != nil {
		return err
	}
	token, err := framework.ResolveSecret("file:" + tokenFile)
	if err != nil {
		return err
	}
	s.operatorToken = token.Reveal()
	server, err := app.Build(ctx, config, options.Registry, app.Options{Version: options.Version, Log: log, Now: options.Now, TokenFile: tokenFile})
	if err != nil {
		return err
	}
	s.archive, err = archive.Open(ctx, archive.Config{}, archive.Deps{DataDir: config.Data, Now: options.Now})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // stopped by close, after the story has ended
	s.stop = stop
	serving := make(chan string, 1)
	go func() { s.stopped <- server.Run(running, func(url string) { serving <- url }) }()
	select {
	case s.base = <-serving:
	case err := <-s.stopped:
		s.stopped <- err
		return fmt.Errorf("start the server: %w", err)
	}
	s.sandbox.Jira.SetWebhook(s.base+"/api/v1/jira/webhook", framework.NewSecret(s.secret("jira-webhook-secret")))
	return nil
}

func (s *stage) addresses() string {
	return fmt.Sprintf("server %s, Jira %s", s.base, s.sandbox.Jira.URL())
}

// close ends the server, then the sandbox, and throws the directory away.
func (s *stage) close() error {
	var errs []error
	s.stop()
	if s.base != "" || len(s.stopped) > 0 {
		errs = append(errs, <-s.stopped)
	}
	if s.sandbox != nil {
		errs = append(errs, s.sandbox.Close())
	}
	s.http.CloseIdleConnections()
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
