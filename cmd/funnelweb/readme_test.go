package main

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// greynoiseTest stands beside the README's enricher.
//
//go:embed testdata/greynoise_test.go.txt
var greynoiseTest string

const root = "../.."

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// blocks returns the fenced blocks of a language in a file.
func blocks(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range fence.FindAllStringSubmatch(string(text), -1) {
		if match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

// secrets are the variables that the README's configuration refers to.
func secrets(t *testing.T, text string) []string {
	t.Helper()
	environment := os.Environ()
	for _, reference := range regexp.MustCompile(`env:(\w+)`).FindAllStringSubmatch(text, -1) {
		environment = append(environment, reference[1]+"=a-secret-of-enough-length-for-"+reference[1])
	}
	return environment
}

func TestEveryConfigurationInTheREADMEHasNoMistakes(t *testing.T) {
	found := blocks(t, "README.md", "yaml")
	if len(found) == 0 {
		t.Fatal("the README shows no configuration")
	}
	for _, text := range found {
		file := filepath.Join(t.TempDir(), "funnelweb.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), build(t), "check", "--config", file)
		command.Env = secrets(t, text)
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	}
}

// build makes the binary as the README says.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "funnelweb")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/funnelweb")
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

func TestTheREADMEsEnricherIsShortAndKeepsWhatEveryEnricherKeeps(t *testing.T) {
	found := blocks(t, "README.md", "go")
	if len(found) != 1 {
		t.Fatalf("the README has %d Go blocks, want the enricher alone", len(found))
	}
	lines := 0
	for line := range strings.Lines(found[0]) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > 30 {
		t.Errorf("the enricher has %d lines, want at most 30", lines)
	}
	dir := t.TempDir()
	folder, err := filepath.Abs(filepath.Join(root, "enrichers", "greynoise"))
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{}
	for name, text := range map[string]string{"greynoise.go": found[0], "greynoise_test.go": greynoiseTest} {
		replaced[filepath.Join(folder, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(dir, "greynoise.test") // built and run apart, as the folder of the package is not there
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", suite, "./enrichers/greynoise")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	run := exec.CommandContext(t.Context(), suite)
	run.Dir = dir
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestEveryCommandInTheREADMEIsRunByATest holds the list of commands; beside each stands what runs it.
func TestEveryCommandInTheREADMEIsRunByATest(t *testing.T) {
	want := []string{
		"go run ./cmd/funnelweb demo --once",    // TestTheFirstCommandOfTheREADME
		"make test",                             // runs this
		"go build -o funnelweb ./cmd/funnelweb", // build, above
		"./funnelweb serve",                     // testdata/script/readme.txtar
		`curl -H 'Content-Type: application/json' "http://127.0.0.1:8080/api/v1/splunk/alert?token=$TOKEN" ` + "\\", // the same
		`-d '{"sid":"s1","search_name":"Test","app":"search","owner":"admin","result":{"user":"jdoe"}}'`,
		"./funnelweb events", // the same
	}
	var got []string
	for _, block := range blocks(t, "README.md", "sh") {
		for line := range strings.Lines(block) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the README's commands changed: run the new ones in a test, then list them here (-want +got):\n%s", diff)
	}
}

func TestTheFirstCommandOfTheREADME(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "run", "./cmd/funnelweb", "demo", "--once")
	command.Dir = root
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if !strings.Contains(string(output), "All steps were checked from the other side") {
		t.Errorf("output:\n%s", output)
	}
}
