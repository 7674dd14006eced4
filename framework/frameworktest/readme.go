package frameworktest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

// maxReadme bounds a README in bytes.
const maxReadme = 1 << 20

// ReadmeConfig decodes the configuration that the README.md in the test's folder shows, as the server would: strictly
// and over the defaults that are in config. At says where in the first yaml block the part's own settings are, such as
// enrichers.virustotal or endpoints[0].with. Set the variables that its secrets refer to before.
func ReadmeConfig(tb testing.TB, at string, config any) {
	tb.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		tb.Fatalf("read the README: %v", err)
	}
	if err := decodeReadme(string(readme), at, config); err != nil {
		tb.Errorf("README.md: %v", err)
	}
}

// yamlBlock is a fenced block of Markdown that is said to be YAML.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func decodeReadme(readme, at string, config any) error {
	block := yamlBlock.FindStringSubmatch(readme)
	if block == nil || len(readme) > maxReadme {
		return fmt.Errorf("no yaml block in %d bytes", len(readme))
	}
	var root yaml.Node
	if err := yaml.Load([]byte(block[1]), &root); err != nil {
		return fmt.Errorf("parse the yaml block: %w", err)
	}
	node := &root
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, step := range regexp.MustCompile(`[^.\[\]]+`).FindAllString(at, -1) {
		if node = child(node, step); node == nil {
			return fmt.Errorf("the yaml block has no %s: nothing is called %s there", at, step)
		}
	}
	return framework.DecodeConfig(node, at, config)
}

// child returns the value of a key or the item of a number, or nil.
func child(node *yaml.Node, step string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(strings.TrimSpace(step)); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
		}
	default: // a scalar holds nothing
	}
	return nil
}
