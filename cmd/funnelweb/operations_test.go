package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const operations = "docs/operations.md"

func TestEveryConfigurationInOperationsHasNoMistakes(t *testing.T) {
	found := append(blocks(t, operations, "yaml"), wholeFile(t, "configs/cluster.yaml"))
	if len(found) < 3 {
		t.Fatalf("%s shows %d configurations", operations, len(found)-1)
	}
	binary := build(t)
	for _, text := range found {
		file := filepath.Join(t.TempDir(), "funnelweb.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), binary, "check", "--config", file)
		command.Env = secrets(t, text)
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	}
}

func wholeFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheServersOfOperationsStart lets a real nats-server read the page's configuration.
func TestTheServersOfOperationsStart(t *testing.T) {
	found := blocks(t, operations, "conf")
	if len(found) != 1 {
		t.Fatalf("%s shows %d configurations of servers", operations, len(found))
	}
	dir := t.TempDir()
	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	generate := exec.CommandContext(t.Context(), "go", "run", filepath.Join(strings.TrimSpace(string(goroot)), "src/crypto/tls/generate_cert.go"), "--host", "nats1.example.com")
	generate.Dir = dir
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	text := strings.NewReplacer(
		"/etc/nats/tls.crt", filepath.Join(dir, "cert.pem"), "/etc/nats/tls.key", filepath.Join(dir, "key.pem"),
		"/var/lib/nats", filepath.Join(dir, "store"),
	).Replace(found[0])
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "run", "github.com/nats-io/nats-server/v2", "-c", file, "-t")
	command.Env = append(os.Environ(), "NATS_PASSWORD=a-secret-of-enough-length")
	if output, err := command.CombinedOutput(); err != nil || !strings.Contains(string(output), "is valid") {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestEveryCommandInOperationsIsRunByATest holds the list of commands; all stand in testdata/script/operations.txtar.
func TestEveryCommandInOperationsIsRunByATest(t *testing.T) {
	var missing []string
	script := wholeFile(t, "cmd/funnelweb/testdata/script/operations.txtar")
	count := 0
	for _, block := range blocks(t, operations, "sh") {
		for line := range strings.Lines(block) {
			count++
			if want := fmt.Sprintf("exec %s", strings.TrimSpace(line)); !strings.Contains(script, want) && !strings.Contains(script, strings.Replace(want, "exec ", "exec sh -c '", 1)) {
				missing = append(missing, want)
			}
		}
	}
	if diff := cmp.Diff([]string(nil), missing); diff != "" || count == 0 {
		t.Errorf("%d commands; run these in operations.txtar: %s", count, diff)
	}
}
