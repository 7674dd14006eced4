package app_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/app"
)

const publishedDocument = "../../docs/openapi.json"

// exampleServer is built from configs/example.yaml.
func exampleServer(t *testing.T) *app.Server {
	t.Helper()
	for _, name := range []string{
		"JIRA_TOKEN", "AD_PASSWORD", "VT_API_KEY", "SPLUNK_TOKEN", "JIRA_WEBHOOK_SECRET", "ARCHIVE_TOKEN", "THREATSTACK_API_KEY", "OPERATOR_TOKEN",
	} {
		t.Setenv(name, goodToken)
	}
	config, err := app.ReadConfig("../../configs/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	server, err := app.Build(t.Context(), config, parts(), options(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestThePublishedDocumentIsThatOfTheExample(t *testing.T) {
	got, err := exampleServer(t).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *golden {
		if err := os.WriteFile(publishedDocument, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(publishedDocument)
	if err != nil {
		t.Fatalf("%v (make golden writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", publishedDocument, diff)
	}
	again, err := exampleServer(t).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(again)+"\n"); diff != "" {
		t.Errorf("a second server has another document:\n%s", diff)
	}
}

// TestEveryCallOfTheDocumentShowsAnExample holds what no public linter asks for.
func TestEveryCallOfTheDocumentShowsAnExample(t *testing.T) {
	type media struct {
		Example any `json:"example"`
	}
	var document struct {
		Paths map[string]map[string]struct {
			ID         string `json:"operationId"`
			Parameters []struct {
				Name    string `json:"name"`
				Example any    `json:"example"`
			} `json:"parameters"`
			Body struct {
				Content map[string]media `json:"content"`
			} `json:"requestBody"`
			Responses map[string]struct {
				Content map[string]media `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
		Components struct {
			Responses map[string]struct {
				Content map[string]media `json:"content"`
			} `json:"responses"`
		} `json:"components"`
	}
	raw, err := exampleServer(t).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	shown := func(place string, content map[string]media) {
		for mediaType, m := range content {
			if m.Example == nil {
				t.Errorf("%s has no example of %s", place, mediaType)
			}
		}
	}
	operations := 0
	for path, methods := range document.Paths {
		for method, operation := range methods {
			operations++
			for _, p := range operation.Parameters {
				if p.Example == nil {
					t.Errorf("%s %s: no example of the parameter %s", method, path, p.Name)
				}
			}
			shown(operation.ID+" request", operation.Body.Content)
			for status, response := range operation.Responses {
				shown(operation.ID+" "+status, response.Content)
			}
		}
	}
	for name, response := range document.Components.Responses {
		shown(name, response.Content)
	}
	if operations < 14 || len(document.Components.Responses) < 8 {
		t.Errorf("the document has %d operations and %d shared answers: it was not read as it is", operations, len(document.Components.Responses))
	}
}

func TestAPublicLinterFindsNothingInTheDocument(t *testing.T) {
	spectral := findTool(t, "spectral", filepath.Join("node_modules", ".bin", "spectral"))
	raw, err := exampleServer(t).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	lint := func(document []byte) (string, error) {
		file := filepath.Join(folder, "openapi.json")
		if err := os.WriteFile(file, document, 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := exec.CommandContext(t.Context(), spectral, "lint", "--ruleset", "../../.spectral.yaml", "--fail-severity", "hint", file).CombinedOutput()
		return string(said), err
	}
	if said, err := lint(raw); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	// The linter is at work: it finds what is planted.
	planted := strings.Replace(string(raw), `"operationId": "splunk-alert"`, `"operationId": "jira-webhook"`, 1)
	said, err := lint([]byte(planted))
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || !failed.Exited() || !strings.Contains(said, "operation-operationId-unique") {
		t.Errorf("a repeated operation id was not found: %v\n%s", err, said)
	}
}

// findTool looks on the PATH and at a place below .tools of the repository. Without the program the test is skipped,
// except where CI=true: there it must run. `make test-deps` installs it.
func findTool(t *testing.T, name, place string) string {
	t.Helper()
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	local, err := filepath.Abs(filepath.Join("..", "..", ".tools", place))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(local); err == nil {
		return local
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: make test-deps", name)
	}
	t.Skipf("SKIPPED: %s is not installed: make test-deps", name)
	return ""
}
