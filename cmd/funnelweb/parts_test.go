package main

import (
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const partsPage = "docs/parts.md"

// pageFiles returns the Go blocks of docs/parts.md by the path that each begins with.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for i, block := range blocks(t, partsPage, "go") {
		first, rest, _ := strings.Cut(block, "\n\n")
		name, ok := strings.CutPrefix(first, "// ")
		if !ok || path.Ext(name) != ".go" || files[name] != "" {
			t.Fatalf("Go block %d begins with %q, not with the path of a file of its own", i+1, first)
		}
		files[name] = rest
	}
	return files
}

// privateModule puts files into a module of their own that has the requirements of examples/privatebuild.
func privateModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, "examples", "privatebuild", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = strings.Replace(string(text), "=> ../..", "=> "+here, 1)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// privateMain registers the parts of the page and nothing else.
func privateMain(files map[string]string) string {
	kinds := map[string]string{"plugins": "Plugin", "enrichers": "Enricher", "endpoints": "Endpoint", "actions": "Action"}
	var imports, lines []string
	for name := range files {
		folder := path.Dir(name)
		kind, part := kinds[path.Dir(folder)], path.Base(folder)
		if kind == "" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		imports = append(imports, fmt.Sprintf("%q\n", "example.com/privatebuild/"+folder))
		lines = append(lines, fmt.Sprintf("framework.Add%s(r, %q, %s.Defaults, %[3]s.New)\n", kind, part, part))
	}
	return "package main\n\nimport (\n\"os\"\n\"funnelweb\"\n\"funnelweb/framework\"\n" + strings.Join(imports, "") + ")\n\n" +
		"func main() { os.Exit(funnelweb.Main(funnelweb.Parts, func(r *framework.Registry) {\n" + strings.Join(lines, "") + "})) }\n"
}

func TestThePartsOfThePageWork(t *testing.T) {
	files := pageFiles(t)
	for name, text := range files {
		if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
			t.Errorf("%s is not formatted: %v", name, err)
		}
	}
	// One of the files is shown as it is.
	const example = "examples/privatebuild/main.go"
	there, err := os.ReadFile(filepath.Join(root, example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(there), files[example]); diff != "" {
		t.Errorf("%s is not as the page shows it (-file +page):\n%s", example, diff)
	}
	delete(files, example)

	configurations := blocks(t, partsPage, "yaml")
	if len(configurations) != 1 {
		t.Fatalf("the page has %d configurations, want one for its parts", len(configurations))
	}
	files["main.go"], files["funnelweb.yaml"] = privateMain(files), configurations[0]
	dir := privateModule(t, files)
	for _, arguments := range []string{"mod tidy", "vet ./...", "test ./...", "run . check --config funnelweb.yaml"} {
		command := exec.CommandContext(t.Context(), "go", strings.Fields(arguments)...)
		command.Dir, command.Env = dir, secrets(t, configurations[0])
		output, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("go %s: %v\n%s", arguments, err, output)
		}
		if command.Args[1] == "test" && !strings.Contains(string(output), "ok  \texample.com/privatebuild/enrichers/reputation") {
			t.Errorf("the page's test did not run:\n%s", output)
		}
	}
}

// TestEveryCommandOfThePageIsRunByATest holds the list of commands; beside each stands what runs it.
func TestEveryCommandOfThePageIsRunByATest(t *testing.T) {
	want := []string{
		"funnelweb new enricher reputation\n", // testdata/script/new.txtar, with another name
	}
	if diff := cmp.Diff(want, blocks(t, partsPage, "sh")); diff != "" {
		t.Errorf("the page's commands changed: run the new ones in a test, then list them here (-want +got):\n%s", diff)
	}
}
