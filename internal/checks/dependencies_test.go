package checks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const dependenciesPage = "docs/dependencies.md"

func dependencyRules() []rule {
	return []rule{
		{
			name: "every dependency is explained", broken: unexplainedDependencies,
			planted: map[string]string{
				"go.mod":               "module fake\n\nrequire sdk.example/one v1.0.0\n\nrequire (\n\tsdk.example/two v1.0.0\n\tsdk.example/vendor/v2 v2.0.0\n\tsdk.example/deep v1.0.0 // indirect\n)\n",
				"docs/dependencies.md": "| `sdk.example/vendor/v2` | `enrichers/good` | asking | |\n| `sdk.example/gone` | anywhere | nothing | nothing |\n",
			},
			want: []string{
				"docs/dependencies.md: sdk.example/gone is no longer in go.mod",
				"docs/dependencies.md: sdk.example/vendor/v2 needs four columns: module, imported by, what for, why this one",
				"go.mod requires sdk.example/one, which docs/dependencies.md does not explain",
				"go.mod requires sdk.example/two, which docs/dependencies.md does not explain",
			},
		},
		{
			name: "one SDK has one importer", broken: wrongImporters,
			planted: map[string]string{
				"framework/sdk.go":      "package framework\n\nimport (\n\t_ \"sdk.example/vendor/v2\"\n\t_ \"sdk.example/compare\"\n\t_ \"sdk.example/unknown\"\n\t_ \"sdk.example/vendor\"\n)\n",
				"enrichers/sdk_test.go": "package enrichers\n\nimport (\n\t_ \"sdk.example/compare/deep\"\n\t_ \"sdk.example/vendor/v2\"\n)\n",
			},
			want: []string{
				"framework/sdk.go imports sdk.example/vendor/v2, which is for enrichers/good",
				"framework/sdk.go imports sdk.example/compare, which is for tests",
				"framework/sdk.go imports sdk.example/unknown, which docs/dependencies.md does not explain",
				"framework/sdk.go imports sdk.example/vendor, which docs/dependencies.md does not explain",
			},
		},
	}
}

// dependency is a line of docs/dependencies.md.
type dependency struct {
	importers []string // folders; "tests", "anywhere"
	complete  bool
}

func dependencies(t tree) map[string]dependency {
	found := map[string]dependency{}
	for line := range strings.Lines(t.texts[dependenciesPage]) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		module := strings.Trim(strings.TrimSpace(cells[0]), "`")
		if !strings.HasPrefix(line, "| `") || len(cells) < 2 {
			continue
		}
		entry := dependency{complete: len(cells) == 4 && !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" })}
		for importer := range strings.SplitSeq(cells[1], ",") {
			entry.importers = append(entry.importers, strings.Trim(strings.TrimSpace(importer), "`"))
		}
		found[module] = entry
	}
	return found
}

// requirements returns the modules in go.mod, and whether each is there for our own imports.
func requirements(t tree) map[string]bool {
	found := map[string]bool{}
	line := regexp.MustCompile(`(?m)^(?:require |\t)(\S+) v\S+( // indirect)?$`)
	for _, match := range line.FindAllStringSubmatch(t.texts["go.mod"], -1) {
		found[match[1]] = match[2] == ""
	}
	return found
}

func unexplainedDependencies(t tree) []string {
	var broken []string
	required, explained := requirements(t), dependencies(t)
	for module, entry := range explained {
		if _, ok := required[module]; !ok {
			broken = append(broken, fmt.Sprintf("%s: %s is no longer in go.mod", dependenciesPage, module))
		}
		if !entry.complete {
			broken = append(broken, fmt.Sprintf("%s: %s needs four columns: module, imported by, what for, why this one", dependenciesPage, module))
		}
	}
	for module, direct := range required {
		if _, ok := explained[module]; direct && !ok {
			broken = append(broken, fmt.Sprintf("go.mod requires %s, which %s does not explain", module, dependenciesPage))
		}
	}
	slices.Sort(broken)
	return broken
}

func wrongImporters(t tree) []string {
	var broken []string
	explained := dependencies(t)
	modules := slices.Collect(maps.Keys(explained))
	for _, f := range t.product() {
		for _, imported := range f.imports {
			if _, ours := t.ours(imported); ours || !strings.Contains(strings.Split(imported, "/")[0], ".") {
				continue // ours, or of the standard library
			}
			module := moduleOf(imported, modules)
			importers := explained[module].importers
			switch {
			case module == "":
				broken = append(broken, fmt.Sprintf("%s imports %s, which %s does not explain", f.path, imported, dependenciesPage))
			case !slices.Contains(importers, "anywhere") && !matches(f.dir, importers):
				broken = append(broken, fmt.Sprintf("%s imports %s, which is for %s", f.path, imported, strings.Join(importers, ", ")))
			}
		}
	}
	return broken
}

// moduleOf returns the module that a package is in, or "".
func moduleOf(imported string, modules []string) string {
	longest := ""
	for _, module := range modules {
		if (imported == module || strings.HasPrefix(imported, module+"/")) && len(module) > len(longest) {
			longest = module
		}
	}
	return longest
}
