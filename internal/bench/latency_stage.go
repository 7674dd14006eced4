package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"funnelweb"
	"funnelweb/framework"
	"funnelweb/internal/app"
	"funnelweb/internal/sandbox/jira"
)

// latencyPatience is how long anything of one alert may take.
const latencyPatience = time.Minute

// latencyStage is a server, with a strict Jira behind a front that looks at the clock.
type latencyStage struct {
	enrichers []time.Duration
	dir       string
	jira      *jira.Server
	front     *front
	url       string
	client    *http.Client
	stop      context.CancelFunc
	stopped   chan error
}

func startLatency(ctx context.Context, dir string, enrichers []time.Duration) (s *latencyStage, err error) {
	s = &latencyStage{enrichers: enrichers, client: &http.Client{Transport: &http.Transport{}, Timeout: latencyPatience}, stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.dir, err = os.MkdirTemp(dir, "latency-"); err != nil {
		return s, fmt.Errorf("make a directory: %w", err)
	}
	quiet, now := slog.New(slog.DiscardHandler), time.Now //nolint:forbidigo // measures, and is no part
	token := framework.NewSecret(signingKey)
	s.jira, err = jira.Start(ctx, jira.Options{User: "bot@lab.example", Token: token, Projects: map[string][]string{"SEC": {"Task"}}, Now: now, Log: quiet})
	if err != nil {
		return s, err
	}
	if s.front, err = startFront(ctx, s.jira.URL()); err != nil {
		return s, err
	}
	if err := s.serve(ctx, quiet, now); err != nil {
		return s, err
	}
	s.jira.SetWebhook(s.url+"/api/v1/jira/webhook", token)
	return s, nil
}

// serve runs the server in this process: its enrichers are ours.
func (s *latencyStage) serve(ctx context.Context, log *slog.Logger, now func() time.Time) error {
	keyFile := filepath.Join(s.dir, "key")
	if err := os.WriteFile(keyFile, []byte(signingKey), 0o600); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	config, err := app.ParseConfig([]byte(s.config(keyFile)))
	if err != nil {
		return err
	}
	registry := framework.NewRegistry()
	funnelweb.Parts(registry)
	for i, delay := range s.enrichers {
		none := func() struct{} { return struct{}{} }
		framework.AddEnricher(registry, enricherName(i), none, func(_ struct{}, deps framework.Deps) (*slow, error) {
			return &slow{number: i, delay: delay, now: deps.Now}, nil
		})
	}
	server, err := app.Build(ctx, config, registry, app.Options{Version: "bench", Log: log, Now: now, TokenFile: keyFile})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // close ends it
	s.stop, s.stopped = stop, make(chan error, 1)
	serving := make(chan string, 1)
	go func() { s.stopped <- server.Run(running, func(url string) { serving <- url }) }()
	select {
	case s.url = <-serving:
		return nil
	case err := <-s.stopped:
		s.stopped = nil
		return fmt.Errorf("start the server: %w", err)
	}
}

// config is that of a pilot: an alert becomes a ticket, and what it is about is looked up once the ticket is there.
func (s *latencyStage) config(keyFile string) string {
	secret := `"file:` + keyFile + `"`
	text := "listen: 127.0.0.1:0\ndata: " + filepath.Join(s.dir, "data") +
		"\njira: {url: \"" + s.front.url + "\", user: bot@lab.example, token: " + secret + "}\nenrichers: {" + strings.Join(s.names(": {}"), ", ") + "}\n" +
		"endpoints:\n  - use: splunk\n    before: [{hmac: {preset: github, secrets: [" + secret + "]}}]\n  - use: jira\n    before: [{hmac: {preset: jira, secrets: [" + secret + "]}}]\n" +
		"automations:\n  - name: ticket-for-alert\n    on: splunk.alert\n    do: {ticket: {project: SEC}}\n"
	if len(s.enrichers) == 0 {
		return text
	}
	return text + "  - name: enrich-ticket\n    on: jira.issue_created\n    do: {enrich: {indicators: {user: result.user}, with: [" + strings.Join(s.names(""), ", ") + "]}}\n"
}

func (s *latencyStage) names(behind string) []string {
	var names []string
	for i := range s.enrichers {
		names = append(names, enricherName(i)+behind)
	}
	return names
}

func (s *latencyStage) send(ctx context.Context, number int) error {
	body := acceptBody(int64(number))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/splunk/alert", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the alert: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(signatureIn, sign(body))
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("send the alert: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the alert was answered %s", response.Status)
	}
	return nil
}

// close ends the server, then its Jira.
func (s *latencyStage) close(ctx context.Context) error {
	var errs []error
	s.stop()
	if s.stopped != nil {
		errs = append(errs, <-s.stopped)
	}
	s.client.CloseIdleConnections()
	if s.front != nil {
		errs = append(errs, s.front.close(ctx))
	}
	if s.jira != nil {
		errs = append(errs, s.jira.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// slow is an enricher that takes as long as it is told.
type slow struct {
	number int
	delay  time.Duration
	now    func() time.Time
}

func enricherName(i int) string { return fmt.Sprintf("source-%02d", i+1) }

// answerOf is what only a finding of the enricher says.
func answerOf(i int) string { return fmt.Sprintf("answered by number %02d", i+1) }

// Kinds is the one that the alerts have.
func (*slow) Kinds() []framework.Kind { return []framework.Kind{framework.User} }

// Enrich waits, and finds something.
func (e *slow) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	timer := time.NewTimer(e.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return framework.Finding{}, &framework.ServiceError{Service: enricherName(e.number), Op: "look up", Reason: "cancelled", Err: ctx.Err()}
	}
	now := e.now()
	return framework.Finding{
		Source: enricherName(e.number), Indicator: indicator, Verdict: framework.Undetected, Summary: "It was " + answerOf(e.number) + ".",
		Facts: []framework.Fact{{Key: "delay", Label: "Delay", Value: e.delay.String()}}, AskedAt: now, StaleAt: now.Add(time.Hour),
	}, nil
}
