package checks

import (
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// rule is what the source is held to.
type rule struct {
	name   string
	broken func(tree) []string // one line for each violation
	// The rule finds exactly want in the module that planted makes out of a module without faults.
	planted map[string]string
	want    []string
}

func rules() []rule {
	var all []rule
	for _, group := range [][]rule{importRules(), codeRules(), textRules(), partRules(), dependencyRules()} {
		all = append(all, group...)
	}
	return all
}

// module is the tree that this package is in, read once for all tests.
var module = sync.OnceValue(func() fs.FS { return os.DirFS("../..") })

func TestTheSourceKeepsItsRules(t *testing.T) {
	source := readTree(t, module())
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			for _, violation := range rule.broken(source) {
				t.Error(violation)
			}
		})
	}
}

func TestEachRuleCatchesAPlantedViolation(t *testing.T) {
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			if diff := cmp.Diff(rule.want, rule.broken(readTree(t, plant(rule.planted)))); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoRuleComplainsOfAModuleWithoutFaults(t *testing.T) {
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			if violations := rule.broken(readTree(t, plant(nil))); violations != nil {
				t.Errorf("got %q", violations)
			}
		})
	}
}

// plant is a small module that keeps every rule, with files added or replaced. An empty text removes a file.
func plant(files map[string]string) fs.FS {
	planted := fstest.MapFS{}
	for name, text := range map[string]string{
		"go.mod":                        "module fake\n\ngo 1.26\n\nrequire (\n\tsdk.example/vendor/v2 v2.0.0\n\tsdk.example/compare v1.0.0\n)\n\nrequire sdk.example/deep v1.0.0 // indirect\n",
		"docs/dependencies.md":          "| module | imported by | for | why |\n|---|---|---|---|\n| `sdk.example/vendor/v2` | `enrichers/good` | asking | theirs |\n| `sdk.example/compare` | tests | diffs | short |\n",
		"framework/framework.go":        "// Package framework is what parts import.\npackage framework\n\nimport \"errors\"\n\n// ErrNone says that there is none.\nvar ErrNone = errors.New(\"none\")\n",
		"enrichers/enrichers.go":        "// Package enrichers lists.\npackage enrichers\n\nimport _ \"fake/enrichers/good\"\n",
		"enrichers/good/good.go":        "// Package good is good.\npackage good\n\nimport (\n\t_ \"fake/framework\"\n\t_ \"sdk.example/vendor/v2/api\"\n)\n",
		"enrichers/good/good_test.go":   "package good\n\nimport _ \"sdk.example/compare\"\n\nfunc helper() {}\n",
		"enrichers/good/README.md":      "# good\n\n```yaml\nenrichers:\n  good: {}\n```\n",
		"internal/engine/engine.go":     "// Package engine runs.\npackage engine\n",
		"examples/own/go.mod":           "module own\n",
		"examples/own/main.go":          "package main\n\nimport _ \"fake/internal/engine\"\n\nfunc init() {}\n",
		"internal/engine/state_test.go": "package engine\n\nvar counter int\n\nfunc init() { counter++ }\n",
	} {
		planted[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range files {
		planted[name] = &fstest.MapFile{Data: []byte(text)}
		if text == "" {
			delete(planted, name)
		}
	}
	return planted
}
