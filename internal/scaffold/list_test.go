package scaffold

import (
	"bytes"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheListGetsASortedLine(t *testing.T) {
	for _, c := range []struct{ name, module, before, want string }{
		{
			"between others", "funnelweb", `package enrichers

import (
	"funnelweb/enrichers/ad"
	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
)

// Register lists them all.
func Register(r *framework.Registry) {
	framework.AddEnricher(r, "ad", ad.Defaults, ad.New) // who
	// virustotal judges files.
	framework.AddEnricher(r, "virustotal", virustotal.Defaults, virustotal.New)
}
`, `package enrichers

import (
	"funnelweb/enrichers/ad"
	"funnelweb/enrichers/shodan"
	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
)

// Register lists them all.
func Register(r *framework.Registry) {
	framework.AddEnricher(r, "ad", ad.Defaults, ad.New) // who
	framework.AddEnricher(r, "shodan", shodan.Defaults, shodan.New)
	// virustotal judges files.
	framework.AddEnricher(r, "virustotal", virustotal.Defaults, virustotal.New)
}
`,
		},
		{
			"as the first, below a comment on the line", "funnelweb", `package enrichers

import (
	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
)

func Register(r *framework.Registry) { // all
	framework.AddEnricher(r, "virustotal", virustotal.Defaults, virustotal.New)
}
`, `package enrichers

import (
	"funnelweb/enrichers/shodan"
	"funnelweb/enrichers/virustotal"
	"funnelweb/framework"
)

func Register(r *framework.Registry) { // all
	framework.AddEnricher(r, "shodan", shodan.Defaults, shodan.New)
	framework.AddEnricher(r, "virustotal", virustotal.Defaults, virustotal.New)
}
`,
		},
		{
			"as the only one", "example.com/soc", `package enrichers

import "funnelweb/framework"

func Register(r *framework.Registry) {}
`, `package enrichers

import (
	"funnelweb/framework"

	"example.com/soc/enrichers/shodan"
)

func Register(r *framework.Registry) {
	framework.AddEnricher(r, "shodan", shodan.Defaults, shodan.New)
}
`,
		},
		{
			"under the names that the file uses", "example.com/soc", `package enrichers

import (
	fw "funnelweb/framework"
	other "funnelweb/enrichers/virustotal"

	"example.com/soc/enrichers/assets"
)

func Register(registry *fw.Registry) {
	fw.AddEnricher(registry, "assets", assets.Defaults, assets.New)
	fw.AddEnricher(registry, "vt", other.Defaults, other.New)
	after()
}

func after() {}
`, `package enrichers

import (
	other "funnelweb/enrichers/virustotal"
	fw "funnelweb/framework"

	"example.com/soc/enrichers/assets"
	"example.com/soc/enrichers/shodan"
)

func Register(registry *fw.Registry) {
	fw.AddEnricher(registry, "assets", assets.Defaults, assets.New)
	fw.AddEnricher(registry, "shodan", shodan.Defaults, shodan.New)
	fw.AddEnricher(registry, "vt", other.Defaults, other.New)
	after()
}

func after() {}
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := module(t, map[string]string{
				"go.mod":              "module " + c.module + "\n\nrequire funnelweb v0.0.0\n",
				"enrichers/doc.go":    "// Package enrichers lists.\npackage enrichers\n",
				"enrichers/list.go":   c.before,
				"enrichers/a_test.go": "package enrichers\n\nnot Go at all\n",
			})
			planned := plan(t, root, Enricher, "shodan")
			if planned.NewList || planned.List.Path != "enrichers/list.go" {
				t.Errorf("the list is taken to be %s", planned.List.Path)
			}
			if diff := cmp.Diff(c.want, string(planned.List.Content)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFolderWhoseListCannotBeFoundIsRefused(t *testing.T) {
	const head = "package enrichers\n\nimport \"funnelweb/framework\"\n\n"
	for name, c := range map[string]struct{ text, want string }{
		"without a Register":                {head + "func register(r *framework.Registry) {}\n", "no Go file in enrichers has a func Register"},
		"whose Register takes more":         {head + "func Register(r *framework.Registry, n int) {}\n", "has a func Register"},
		"whose Register names nothing":      {head + "func Register(*framework.Registry) {}\n", "has a func Register"},
		"whose Register uses nothing":       {head + "func Register(_ *framework.Registry) {}\n", "has a func Register"},
		"whose Register is a method":        {head + "type t struct{}\n\nfunc (t) Register(r *framework.Registry) {}\n", "has a func Register"},
		"whose Registry is somebody else's": {"package enrichers\n\nimport \"example.com/framework\"\n\nfunc Register(r *framework.Registry) {}\n", "has a func Register"},
		"that does not parse":               {"package enrichers\n\nfunc {\n", "parse the list of parts"},
		"that has the name for another":     {head + "func Register(r *framework.Registry) {}\n\nfunc shodan() {}\n", "something there is called shodan already"},
		"that has it for the registry":      {head + "func Register(shodan *framework.Registry) {}\n", "something there is called shodan already"},
		"that imports another of the name":  {"package enrichers\n\nimport (\n\t\"example.com/shodan\"\n\t\"funnelweb/framework\"\n)\n\nfunc Register(r *framework.Registry) { shodan.Do() }\n", "something there is called shodan already"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(module(t, map[string]string{"enrichers/list.go": c.text}), Enricher, "shodan"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Whatever the list is like, a part is added to it or it is refused: what comes out is Go with one line more.
func FuzzList(f *testing.F) {
	f.Add("package enrichers\n\nimport \"funnelweb/framework\"\n\nfunc Register(r *framework.Registry) {}\n")
	f.Add("package e\nimport (f \"funnelweb/framework\"; _ \"x/enrichers/a\")\nfunc Register(r *f.Registry) { f.AddEnricher(r, \"a\", 1); f.AddEnricher(r, `z`) /* c */ }\n")
	f.Add("package e\n\nimport (\n\t\"funnelweb/framework\" // c\n)\n\nfunc Register(r *framework.Registry) { // c\n\tif true {\n\t}\n\n\tframework.AddEnricher(r, \"a\")\n}")
	f.Fuzz(func(t *testing.T, source string) {
		found, err := parseList("list.go", []byte(source))
		if err != nil || found == nil {
			return
		}
		p := &Plan{Kind: Enricher, Name: "shodan", Module: Module{Name: "x"}, Line: found.framework + ".AddEnricher(" + found.registry + ", \"shodan\")"}
		changed, err := found.add(p)
		if err != nil {
			return
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "list.go", changed, 0); err != nil {
			t.Fatalf("%v\n%s", err, changed)
		}
		again, err := parseList("list.go", changed)
		if err != nil || again == nil || !again.names("shodan") {
			t.Fatalf("%v: the import is missing:\n%s", err, changed)
		}
		if before, after := bytes.Count([]byte(source), []byte("shodan\"")), bytes.Count(changed, []byte("shodan\"")); after != before+2 {
			t.Fatalf("%d lines and imports were added:\n%s", after-before, changed)
		}
	})
}
