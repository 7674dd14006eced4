package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

func partRules() []rule {
	return []rule{
		{
			name: "every part has the same files and is listed", broken: incompleteParts,
			planted: map[string]string{
				"plugins/plugins.go":  "// Package plugins lists.\npackage plugins\n",
				"plugins/lone/one.go": "// Package other is not named like its folder.\npackage other\n",
			},
			want: []string{
				"plugins/lone: one.go is of package other, not lone",
				"plugins/lone has no README.md",
				"plugins/lone has no lone.go",
				"plugins/lone has no lone_test.go",
				"plugins/plugins.go does not list plugins/lone",
			},
		},
		{
			name: "a part's README shows a configuration that can be pasted", broken: brokenReadmes,
			planted: map[string]string{
				"enrichers/good/README.md":  "# good\n\n```yaml\na: 1\na: 2\n```\n\n```yaml\n: [\n```\n\n```yaml\n```\n",
				"enrichers/plain/plain.go":  "// Package plain is plain.\npackage plain\n",
				"enrichers/plain/README.md": "# plain\n\nNo example.\n",
			},
			want: []string{
				"enrichers/good/README.md: yaml block 1 does not parse",
				"enrichers/good/README.md: yaml block 2 does not parse",
				"enrichers/good/README.md: yaml block 3 is empty",
				"enrichers/plain/README.md shows no configuration in a yaml block",
			},
		},
	}
}

// parts returns the folders of all parts, sorted.
func parts(t tree) []string {
	var dirs []string
	for _, f := range t.product() {
		if matches(f.dir, []string{"plugins/*", "enrichers/*", "endpoints/*", "actions/*"}) && !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

func incompleteParts(t tree) []string {
	var broken []string
	for _, dir := range parts(t) {
		part, kind := path.Base(dir), path.Dir(dir)
		for _, f := range t.product() {
			if f.dir == dir && f.syntax.Name.Name != part {
				broken = append(broken, fmt.Sprintf("%s: %s is of package %s, not %s", dir, path.Base(f.path), f.syntax.Name.Name, part))
			}
		}
		for _, required := range []string{"README.md", part + ".go", part + "_test.go"} {
			if _, ok := t.texts[dir+"/"+required]; !ok {
				broken = append(broken, fmt.Sprintf("%s has no %s", dir, required))
			}
		}
		list := kind + "/" + kind + ".go"
		if !slices.ContainsFunc(t.code, func(f file) bool { return f.path == list && slices.Contains(f.imports, t.name+"/"+dir) }) {
			broken = append(broken, fmt.Sprintf("%s does not list %s", list, dir))
		}
	}
	return broken
}

func brokenReadmes(t tree) []string {
	var broken []string
	for _, dir := range parts(t) {
		readme := dir + "/README.md"
		blocks := yamlBlocks(t.texts[readme])
		if blocks == nil {
			broken = append(broken, readme+" shows no configuration in a yaml block")
		}
		for i, block := range blocks {
			var content any
			err := yaml.Load([]byte(block), &content, yaml.WithUniqueKeys())
			switch {
			case strings.TrimSpace(block) == "":
				broken = append(broken, fmt.Sprintf("%s: yaml block %d is empty", readme, i+1))
			case err != nil:
				broken = append(broken, fmt.Sprintf("%s: yaml block %d does not parse", readme, i+1))
			}
		}
	}
	return broken
}

// yamlBlocks returns the fenced blocks of a Markdown text that are said to be YAML.
func yamlBlocks(markdown string) []string {
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(markdown, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}
