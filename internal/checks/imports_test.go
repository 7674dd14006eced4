package checks

import (
	"fmt"
	"strings"
)

// layer says which of our packages the packages in some folders may import. Folders are patterns of path.Match.
type layer struct {
	of  string
	may []string
}

// layers is who may import whom, from the top down. The package in the root is what a private build imports. What no
// line allows, such as importing frameworktest, only tests may do.
func layers() []layer {
	return []layer{
		{"cmd/*", []string{"."}},
		{".", []string{"internal/cli", "plugins", "enrichers", "endpoints", "actions", "framework"}},
		{"internal/cli", []string{"internal/scaffold", "internal/app", "internal/demo", "internal/evidence", "internal/sandbox", "internal/sandbox/*", "configs", "framework"}},
		{"internal/demo", []string{"internal/app", "internal/archive", "internal/sandbox", "internal/sandbox/*", "configs", "framework"}},
		{"internal/app", []string{"internal/engine", "internal/archive", "internal/evidence", "internal/jira", "internal/telemetry", "web", "configs", "framework"}},
		{"internal/engine", []string{"framework"}},
		{"internal/telemetry", []string{"internal/engine", "framework"}},
		{"internal/archive", []string{"framework"}},
		{"internal/evidence", []string{"framework"}},
		{"internal/jira", []string{"framework"}},
		{"web", []string{"framework"}},
		{"configs", nil},
		{"internal/scaffold", nil},
		{"internal/sandbox", []string{"internal/sandbox/*", "framework"}},
		{"internal/sandbox/*", []string{"internal/sandbox/*", "framework"}},
		{"internal/checks", nil},
		{"internal/bench", []string{".", "internal/app", "internal/sandbox/*", "plugins/*", "framework"}},
		{"internal/torture", nil},
		{"plugins", []string{"plugins/*", "framework"}},
		{"enrichers", []string{"enrichers/*", "framework"}},
		{"endpoints", []string{"endpoints/*", "framework"}},
		{"actions", []string{"actions/*", "framework"}},
		{"plugins/*", []string{"framework"}},
		{"enrichers/*", []string{"framework"}},
		{"endpoints/*", []string{"framework"}},
		{"actions/*", []string{"framework"}},
		{"framework/frameworktest", []string{"framework"}},
		{"framework", nil},
	}
}

func importRules() []rule {
	return []rule{
		{
			name: "imports run one way, and a part imports the framework alone", broken: wrongImports,
			planted: map[string]string{
				"enrichers/good/engine.go":    "package good\n\nimport _ \"fake/internal/engine\"\n",
				"enrichers/good/fake.go":      "package good\n\nimport _ \"fake/framework/frameworktest\"\n",
				"enrichers/good/other.go":     "package good\n\nimport _ \"fake/plugins/other\"\n",
				"enrichers/good/only_test.go": "package good\n\nimport _ \"fake/framework/frameworktest\"\n",
				"framework/up.go":             "package framework\n\nimport _ \"fake/internal/engine\"\n",
				"internal/engine/part.go":     "package engine\n\nimport _ \"fake/enrichers/good\"\n",
				"internal/engine/fine.go":     "package engine\n\nimport _ \"fake/framework\"\n",
				"internal/new/new.go":         "package new\n",
			},
			want: []string{
				"enrichers/good/engine.go imports internal/engine: packages in enrichers/* may import framework",
				"enrichers/good/fake.go imports framework/frameworktest: packages in enrichers/* may import framework",
				"enrichers/good/other.go imports plugins/other: packages in enrichers/* may import framework",
				"framework/up.go imports internal/engine: packages in framework may import none of ours",
				"internal/engine/part.go imports enrichers/good: packages in internal/engine may import framework",
				"internal/new/new.go is in a folder of no layer: add it to layers, saying who may import whom",
			},
		},
	}
}

func wrongImports(t tree) []string {
	var broken []string
	for _, f := range t.product() {
		allowed, known := layerOf(f.dir)
		if !known {
			broken = append(broken, f.path+" is in a folder of no layer: add it to layers, saying who may import whom")
			continue
		}
		for _, imported := range f.imports {
			if dir, ours := t.ours(imported); ours && !matches(dir, allowed.may) {
				broken = append(broken, fmt.Sprintf("%s imports %s: packages in %s may import %s", f.path, dir, allowed.of, inWords(allowed.may)))
			}
		}
	}
	return broken
}

func layerOf(dir string) (layer, bool) {
	for _, candidate := range layers() {
		if matches(dir, []string{candidate.of}) {
			return candidate, true
		}
	}
	return layer{}, false
}

func inWords(dirs []string) string {
	if len(dirs) == 0 {
		return "none of ours"
	}
	return strings.Join(dirs, ", ")
}
