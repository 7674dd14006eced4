package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

// logging is a JSON log that redacts the secrets of a configuration.
func logging(t *testing.T, text string) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	config, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return redacting(slog.New(slog.NewJSONHandler(&out, nil)), config), &out
}

const withSecrets = `
jira: {url: "https://jira.example.com", token: "env:LOGGED_TOKEN"}
enrichers: {virustotal: {key: "env:LOGGED_KEY"}}
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:LOGGED_TOKEN", "env:LOGGED_LONGER"]}}]
    with: {x: "env:LOGGED_PASSWORD"}
automations:
  - {name: a, on: b.c, do: {archive: {key: "env:LOGGED_ACTION", other: "env:LOGGED_UNSET"}}}
`

func TestNoSecretOfTheConfigurationIsLoggedWhateverItStandsIn(t *testing.T) {
	canaries := map[string]string{
		"LOGGED_TOKEN": "canary-token-5a1", "LOGGED_LONGER": "canary-token-5a1-and-more", "LOGGED_KEY": "canary-key-77f2",
		"LOGGED_PASSWORD": `canary "p%ss\w/rd`, "LOGGED_ACTION": "canary-action-31",
	}
	for name, value := range canaries {
		t.Setenv(name, value)
	}
	for name, canary := range canaries {
		log, out := logging(t, withSecrets)
		log.With("bound", canary).WithGroup("group").With("in_group", canary).Error("message",
			"text", canary, "err", fmt.Errorf("call: %w", errors.New("Get https://x/?token="+url.QueryEscape(canary))),
			"raw", []byte(canary), "any", map[string]string{"a": canary}, "quoted", fmt.Sprintf("%q", canary),
			"url", &url.URL{Path: "/" + canary}, slog.Group("nested", "a", canary, slog.Group("deeper", "b", canary)))
		message := slog.NewRecord(time.Unix(1, 0), slog.LevelError, "message with "+canary, 0)
		if err := log.Handler().Handle(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		frameworktest.LeaksNoSecret(t, canary, out.String())
		if strings.Contains(out.String(), "and-more") {
			t.Errorf("%s: a part of it is left", name)
		}
		if got := strings.Count(out.String(), redacted); got < 10 {
			t.Errorf("%s: only %d places show that something was there:\n%s", name, got, out.String())
		}
	}
}

func TestALogLineWithoutSecretsIsNotChanged(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "canary-token-5a1")
	var want bytes.Buffer
	log, got := logging(t, `jira: {token: "env:LOGGED_TOKEN"}`)
	for _, logger := range []*slog.Logger{log, slog.New(slog.NewJSONHandler(&want, nil))} {
		record := slog.NewRecord(time.Unix(1, 0), slog.LevelWarn, "message", 0)
		record.Add("number", 1, "duration", time.Second, "time", time.Unix(2, 0), "list", []string{"a"}, "err", errors.New("broken"),
			"nothing", nil, slog.Group("group", "flag", true))
		if err := logger.With("part", "x").Handler().Handle(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASecretThatIsShortAsAWordIsNoReasonToChangeLines(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "store")
	log, out := logging(t, `jira: {token: "env:LOGGED_TOKEN"}`)
	log.Info("the store is open")
	if !strings.Contains(out.String(), "the store is open") {
		t.Errorf("the log says %s", out.String())
	}
}
