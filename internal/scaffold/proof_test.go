package scaffold

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// clone copies the source of this repository, as a fresh clone of it would be.
func clone(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if entry.IsDir() {
			if name == ".git" || name == ".tools" || name == "funnelweb-data" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if info, err := entry.Info(); err != nil || !entry.Type().IsRegular() || info.Size() > 4<<20 { // what the go command built
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func run(t *testing.T, dir string, command ...string) {
	t.Helper()
	made := exec.CommandContext(t.Context(), command[0], command[1:]...)
	made.Dir = dir
	made.Env = os.Environ()
	for _, kind := range Kinds() {
		name := strings.ToUpper(nameOf(kind))
		made.Env = append(made.Env, name+"_KEY=a-secret-of-enough-length", name+"_TOKEN=a-secret-of-enough-length")
	}
	if output, err := made.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, output)
	}
}

// nameOf sorts before, between and behind the parts that there are.
func nameOf(kind Kind) string {
	return map[Kind]string{Plugin: "aardvark", Enricher: "shodan", Endpoint: "zebra", Action: "opencase"}[kind]
}

func writeAll(t *testing.T, dir string) (folders []string) {
	t.Helper()
	for _, kind := range Kinds() {
		if err := plan(t, dir, kind, nameOf(kind)).Write(); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, "./"+kind.Folder(), "./"+kind.Folder()+"/"+nameOf(kind))
	}
	return folders
}

// configuration puts the yaml blocks of the four READMEs together, as a reader would.
func configuration(t *testing.T, dir string) string {
	t.Helper()
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	read := func(kind Kind) string {
		text, err := os.ReadFile(filepath.Join(dir, kind.Folder(), nameOf(kind), "README.md"))
		found := block.FindSubmatch(text)
		if err != nil || found == nil {
			t.Fatalf("README of %s: %v", nameOf(kind), err)
		}
		return string(found[1])
	}
	// The plugin goes in front of the endpoint's own.
	before := strings.TrimPrefix(read(Plugin), "before:\n")
	endpoint := strings.Replace(read(Endpoint), "before: [{", "before:\n"+indent(before)+"      - {", 1)
	endpoint = strings.Replace(endpoint, "}}]\n", "}}\n", 1)
	endpoint += "  - use: splunk\n    before: [{token: {secrets: [\"env:ZEBRA_TOKEN\"]}}]\n" // whose alerts the action works on
	file := filepath.Join(t.TempDir(), "funnelweb.yaml")
	if err := os.WriteFile(file, []byte(read(Enricher)+endpoint+read(Action)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func indent(text string) string {
	return regexp.MustCompile("(?m)^").ReplaceAllString(strings.TrimSuffix(text, "\n"), "    ") + "\n"
}

func TestPartsOfEveryKindWorkHereUnedited(t *testing.T) {
	dir := clone(t)
	folders := writeAll(t, dir)
	for name, text := range files(t, dir) {
		if strings.HasSuffix(name, ".go") && bytes.Contains([]byte(text), []byte("\r")) {
			t.Errorf("%s has line ends of another system", name)
		}
	}
	run(t, dir, append([]string{"go", "vet"}, folders...)...)
	run(t, dir, append([]string{"go", "test", "./internal/checks"}, folders...)...)
}

func TestPartsOfEveryKindWorkInAModuleOfOnesOwnUnedited(t *testing.T) {
	example := filepath.Join(root, "examples", "privatebuild")
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(example, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	requirements, err := os.ReadFile(filepath.Join(example, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, map[string]string{
		"go.mod": strings.NewReplacer("example.com/privatebuild", "example.com/soc", "=> ../..", "=> "+here).Replace(string(requirements)),
		"go.sum": string(sums),
		"main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/soc/actions\"\n\t\"example.com/soc/endpoints\"\n\t\"example.com/soc/enrichers\"\n" +
			"\t\"example.com/soc/plugins\"\n\n\t\"funnelweb\"\n)\n\nfunc main() {\n\tos.Exit(funnelweb.Main(funnelweb.Parts, actions.Register, endpoints.Register, " +
			"enrichers.Register, plugins.Register))\n}\n",
	})
	writeAll(t, dir)
	run(t, dir, "go", "mod", "tidy")
	run(t, dir, "go", "vet", "./...")
	run(t, dir, "go", "test", "./...")
	run(t, dir, "go", "run", ".", "check", "--config", configuration(t, dir))
}
