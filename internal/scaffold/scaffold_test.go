package scaffold

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module makes a module with the files, and go.mod unless it is among them.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"go.mod": "module example.com/soc\n\ngo 1.26\n\nrequire funnelweb v0.0.0\n"}
	maps.Copy(all, files)
	for name, text := range all {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func plan(t *testing.T, root string, kind Kind, name string) *Plan {
	t.Helper()
	planned, err := New(root, kind, name)
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

// files returns the content of every file below a folder, by slash-separated path.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNothingIsWrittenBeforeItIsAskedFor(t *testing.T) {
	root := module(t, nil)
	plan(t, root, Enricher, "shodan")
	if got := slices.Sorted(maps.Keys(files(t, root))); !slices.Equal(got, []string{"go.mod"}) {
		t.Errorf("there are %v", got)
	}
}

func TestAPartIsWrittenWithItsList(t *testing.T) {
	for _, kind := range Kinds() {
		root := module(t, nil)
		planned := plan(t, root, kind, "part1")
		if err := planned.Write(); err != nil {
			t.Fatal(err)
		}
		got, folder := files(t, root), kind.Folder()
		want := []string{"go.mod", folder + "/part1/README.md", folder + "/part1/part1.go", folder + "/part1/part1_test.go", folder + "/" + folder + ".go"}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", kind, diff)
		}
		for name, text := range got {
			if strings.Contains(text, "{{.") || strings.Contains(text, "<no value>") {
				t.Errorf("%s has a gap that was not filled:\n%s", name, text)
			}
		}
		if !planned.NewList || !strings.Contains(got[folder+"/"+folder+".go"], planned.Line+"\n") {
			t.Errorf("the list is not new, or lacks %s:\n%s", planned.Line, got[folder+"/"+folder+".go"])
		}
	}
}

func TestNamesThatCannotBeAreRefused(t *testing.T) {
	root := module(t, nil)
	for name, want := range map[string]string{
		"":                      "2 to 31 of a-z",
		"x":                     "2 to 31 of a-z",
		strings.Repeat("a", 32): "2 to 31 of a-z",
		"Shodan":                "2 to 31 of a-z",
		"3com":                  "2 to 31 of a-z",
		"my-part":               "2 to 31 of a-z",
		"my_part":               "2 to 31 of a-z",
		"../escape":             "2 to 31 of a-z",
		"part\n":                "2 to 31 of a-z",
		"func":                  "a word of the Go language",
		"range":                 "a word of the Go language",
		"string":                "a word of the Go language",
		"nil":                   "a word of the Go language",
		"main":                  "something else to the go command",
		"init":                  "something else to the go command",
		"internal":              "something else to the go command",
		"testdata":              "something else to the go command",
		"util":                  "says nothing",
		"manager":               "says nothing",
		"framework":             "something there is called framework already",
	} {
		if _, err := New(root, Enricher, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	if _, err := New(root, "widget", "shodan"); err == nil {
		t.Error("there is a kind of part called widget")
	}
}

func TestAPartThatIsThereIsNotTouched(t *testing.T) {
	for name, there := range map[string]map[string]string{
		"as a folder": {"enrichers/shodan/notes.md": "mine\n"},
		"as a file":   {"enrichers/shodan": "mine\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := module(t, there)
			before := files(t, root)
			if _, err := New(root, Enricher, "shodan"); err == nil || !strings.Contains(err.Error(), "enrichers/shodan is there already") {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, files(t, root)); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
		})
	}
}

func TestAPartThatCameBetweenPlanAndWriteIsNotTouched(t *testing.T) {
	root := module(t, nil)
	first, second := plan(t, root, Enricher, "shodan"), plan(t, root, Enricher, "shodan")
	if err := first.Write(); err != nil {
		t.Fatal(err)
	}
	before := files(t, root)
	if err := second.Write(); err == nil {
		t.Error("it was written over")
	}
	if diff := cmp.Diff(before, files(t, root)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestAPartThatCannotBeListedIsTakenBack(t *testing.T) {
	root := module(t, nil)
	planned := plan(t, root, Enricher, "shodan")
	if err := os.MkdirAll(filepath.Join(root, "enrichers", "enrichers.go", "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := planned.Write(); err == nil {
		t.Fatal("a folder was replaced")
	}
	if got := slices.Sorted(maps.Keys(files(t, root))); !slices.Equal(got, []string{"go.mod"}) {
		t.Errorf("left behind: %v", got)
	}
}

func TestTheModuleIsFoundFromBelow(t *testing.T) {
	root := module(t, map[string]string{"docs/deep/notes.md": "x\n"})
	if planned := plan(t, filepath.Join(root, "docs", "deep"), Plugin, "shodan"); planned.Module.Root != root || planned.Module.Name != "example.com/soc" {
		t.Errorf("got %+v", planned.Module)
	}
}

func TestOnlyModulesThatBuildOnFunnelwebGetParts(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"this repository", "module funnelweb\n", ""},
		{"one that requires it", "module \"example.com/soc\" // ours\n\nrequire funnelweb v0.0.0 // the clone beside\n", ""},
		{"one that requires it among others", "module example.com/soc\n\nrequire (\n\tfunnelweb v0.0.0\n\texample.com/x v1.0.0\n)\n", ""},
		{"one that does not", "module example.com/soc\n\nrequire example.com/funnelweb v1.0.0\n", "go mod edit -require=funnelweb@v0.0.0 -replace=funnelweb="},
		{"one that only says so", "module example.com/soc\n\n// funnelweb v0.0.0\n", "does not require funnelweb"},
		{"none", "go 1.26\n", "names no module"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(module(t, map[string]string{"go.mod": c.text}), Plugin, "shodan")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := New(t.TempDir(), Plugin, "shodan"); err == nil || !strings.Contains(err.Error(), "no go.mod here or above") {
		t.Errorf("outside of any module: %v", err)
	}
}
