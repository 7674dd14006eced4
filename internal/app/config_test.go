package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/configs"
	"funnelweb/internal/app"
)

func TestEveryMistakeIsReportedAtOnceInTheOrderOfTheFile(t *testing.T) {
	t.Setenv("EMPTY_SECRET", "")
	got := mistakes(t, `listen: 127.0.0.1:0
datta: /tmp
engine: {embedded: {workers: many}}
enrichers:
  nosuch: {}
endpoints:
  - use: splunk
  - use: archive
    before: [{token: {secrets: ["env:NO_SUCH_SECRET"]}}]
  - use: jira
    before: [{scrub: {cards: true}}, {hmac: {preset: jira, secrets: ["env:EMPTY_SECRET"]}}]
  - before: []
automations:
  - name: Bad Name
    on: splunk.alert
    do: {archive: {}}
  - name: twice
    on: splunk.alert
    when: 'result.user =='
    do: {archive: {prefixx: a}}
  - name: twice
    on: splunk.alert
  - name: ticket
    on: splunk.alert
    do: {ticket: {project: SEC}}
`)
	// The list of those that there are grows with each part.
	listed := regexp.MustCompile(`(no such enricher; there are ).*virustotal.*`)
	checkGolden(t, "mistakes", listed.ReplaceAllString(strings.Join(got, "\n"), "${1}…")+"\n")
}

func TestASecretInPlaceIsRefusedAndNotRepeated(t *testing.T) {
	got := strings.Join(mistakes(t, `
endpoints:
  - use: archive
    before: [{token: {secrets: ["canary-in-the-file"]}}]
`), "\n")
	if !strings.Contains(got, "never in place") || strings.Contains(got, "canary") {
		t.Errorf("mistakes:\n%s", got)
	}
}

func TestARouteThatAnyoneCouldCallIsRefusedWithItsLine(t *testing.T) {
	got := mistakes(t, "endpoints:\n  - use: splunk\n")
	want := "line 2: endpoints[0]: POST /api/v1/splunk/alert: anyone could call this: add an authenticating before plugin (token, basic, hmac, jwt), or say public: true"
	if diff := cmp.Diff([]string{want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEmptyConfigurationIsFineAndServesItsStatus(t *testing.T) {
	if got := mistakes(t, ""); len(got) > 0 {
		t.Errorf("mistakes: %q", got)
	}
}

func TestWhatIsNotYAMLIsSaidToBe(t *testing.T) {
	for _, text := range []string{"a: [", "\x00", "- a\n- b\n", "just words"} {
		if got := mistakes(t, text); len(got) == 0 {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestAMissingFileIsAnErrorThatNamesIt(t *testing.T) {
	_, err := app.ReadConfig(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("error %v", err)
	}
}

func TestAHugeFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(file, []byte(strings.Repeat("# nothing\n", 500_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.ReadConfig(file); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v", err)
	}
}

func TestTheExampleHasNoMistakesOnceItsSecretsAreThere(t *testing.T) {
	for _, name := range []string{
		"JIRA_TOKEN", "AD_PASSWORD", "VT_API_KEY", "SPLUNK_TOKEN", "JIRA_WEBHOOK_SECRET", "ARCHIVE_TOKEN", "THREATSTACK_API_KEY", "OPERATOR_TOKEN",
	} {
		t.Setenv(name, goodToken)
	}
	text, err := os.ReadFile("../../configs/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := mistakes(t, string(text)); len(got) > 0 {
		t.Errorf("mistakes:\n%s", strings.Join(got, "\n"))
	}
}

func TestTheDesignsVariablesOfThreatStackToS3StillWork(t *testing.T) {
	t.Setenv("TS_AWS_S3_BUCKET", "old-bucket")
	t.Setenv("TS_AWS_S3_PREFIX", "old/prefix")
	t.Setenv("THREATSTACK_API_KEY", goodToken)
	t.Setenv("THREATSTACK_BASE_URL", "http://old.example.com/api") // plain http to another host: the parts refuse it
	t.Setenv("ARCHIVE_TOKEN", goodToken)
	got := strings.Join(mistakes(t, "endpoints:\n  - use: archive\n    before: [{token: {secrets: [\"env:ARCHIVE_TOKEN\"]}}]\n"), "\n")
	if !strings.Contains(got, "in the clear") {
		t.Errorf("THREATSTACK_BASE_URL was not taken over: %q", got)
	}
	t.Setenv("TS_AWS_S3_BUCKET", "NOT A BUCKET")
	got = strings.Join(mistakes(t, ""), "\n")
	if !strings.Contains(got, "archive") {
		t.Errorf("TS_AWS_S3_BUCKET was not taken over: %q", got)
	}
}

func FuzzParsingAConfigurationNeverPanics(f *testing.F) {
	f.Add(string(configs.Embedded))
	f.Add(string(configs.Demo))
	f.Add("endpoints: [{use: splunk, before: [{token: {}}]}]")
	f.Add("automations: [{name: a, on: b.c, when: 'x', do: {archive: {}}}]")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := app.ParseConfig([]byte(text))
		if config == nil && err == nil {
			t.Fatal("neither a configuration nor an error")
		}
		if config != nil {
			_, _ = app.Build(t.Context(), config, parts(), options(t, nil))
		}
	})
}

func TestAnAutomationThatCouldNeverRunIsAMistake(t *testing.T) {
	t.Setenv("TOKEN", goodToken)
	got := mistakes(t, `
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:TOKEN"]}}]
automations:
  - name: typo
    on: splunk.alrt
    do: {archive: {}}
`)
	want := []string{"line 6: automations[0]: on: no endpoint of this configuration publishes splunk.alrt; they publish splunk.alert"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAValueThatTheEngineWouldRefuseIsAMistake(t *testing.T) {
	got := mistakes(t, "engine: {embedded: {workers: -4, retry_first: 10m, retry_max: 1s}}\n")
	want := []string{
		"line 1: engine.embedded: max_store_mb, workers, retry_first, retry_max and give_up_after must not be negative",
		"line 1: engine.embedded: retry_max (1s) must not be below retry_first (10m0s)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneMistakeIsNotToldAgainByThePartsThatNeedWhatItBroke(t *testing.T) {
	t.Setenv("TOKEN", goodToken)
	got := mistakes(t, `
jira: {url: "https://jira.example.com", user: bot@example.com, token: "env:NO_SUCH_TOKEN"}
enrichers:
  virustotal: {key: "env:NO_SUCH_KEY"}
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:TOKEN"]}}]
automations:
  - name: ticket
    on: splunk.alert
    do: {ticket: {project: SEC}}
  - name: enrich
    on: splunk.alert
    do: {enrich: {indicators: {md5: result.md5}, with: [virustotal]}}
`)
	want := []string{
		"line 2: jira.token: environment variable NO_SUCH_TOKEN is not set",
		"line 4: enrichers.virustotal.key: environment variable NO_SUCH_KEY is not set",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPortThatNobodyCouldListenOnIsAMistake(t *testing.T) {
	for listen, fine := range map[string]bool{
		"127.0.0.1:0": true, "127.0.0.1:65535": true, "[::1]:8080": true, "localhost:8080": true,
		"127.0.0.1:65536": false, "127.0.0.1:99999": false, "127.0.0.1:-1": false, "127.0.0.1:": false, "127.0.0.1": false, "8080": false, "127.0.0.1:http": false,
	} {
		got := mistakes(t, "listen: \""+listen+"\"\n")
		if (len(got) == 0) != fine {
			t.Errorf("%s: %q", listen, got)
		}
		if !fine && len(got) == 1 && !strings.Contains(got[0], "give host:port") {
			t.Errorf("%s: %q does not say what to give", listen, got)
		}
	}
}
