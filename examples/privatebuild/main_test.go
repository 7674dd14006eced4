package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build makes the binary as the README says.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "funnelweb")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// run runs the binary with the secrets of funnelweb.yaml set.
func run(t *testing.T, binary string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Env = os.Environ()
	for _, name := range []string{"JIRA_TOKEN", "AD_PASSWORD", "ASSETS_TOKEN", "SPLUNK_TOKEN", "JIRA_WEBHOOK_SECRET"} {
		command.Env = append(command.Env, name+"=a-secret-of-enough-length")
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestTheBinaryHasItsOwnPartBesideOurs(t *testing.T) {
	binary := build(t)
	output, err := run(t, binary, "check", "--config", "funnelweb.yaml")
	if err != nil || !strings.Contains(output, "funnelweb.yaml is fine") || !strings.Contains(output, "2 automations") {
		t.Errorf("check: %v\n%s", err, output)
	}
	output, err = run(t, binary, "routes", "--config", "funnelweb.yaml")
	if err != nil || !strings.Contains(output, "/api/v1/splunk/alert") {
		t.Errorf("routes: %v\n%s", err, output)
	}
}

func TestAMistakeInItsOwnPartIsToldWithItsPlace(t *testing.T) {
	text, err := os.ReadFile("funnelweb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "funnelweb.yaml")
	wrong := strings.Replace(string(text), "https://assets.example.com/api\n", "http://assets.example.com/api\n    fresh: 0s\n", 1)
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := run(t, build(t), "check", "--config", file)
	for _, want := range []string{"line 11: enrichers.assets", "url is http", "line 12: enrichers.assets.fresh: must be longer than 0"} {
		if err == nil || !strings.Contains(output, want) {
			t.Errorf("exit %v, want %q in:\n%s", err, want, output)
		}
	}
}
