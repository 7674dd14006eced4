package frameworktest_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

type readmeConfig struct {
	Key   framework.Secret `yaml:"key"`
	Fresh time.Duration    `yaml:"fresh"`
	Name  string           `yaml:"name"`
}

const readme = "# one\n\n```sh\nmake\n```\n\n```yaml\nenrichers:\n  one: {key: \"env:ONE_KEY\", fresh: 2h}\n" +
	"endpoints:\n  - use: other\n  - use: one\n    with: {name: two}\n```\n\n```yaml\nunrelated: 1\n```\n"

func TestTheReadmesConfigurationIsDecodedOverTheDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ONE_KEY", frameworktest.Canary)
	if err := os.WriteFile("README.md", []byte(readme), 0o600); err != nil {
		t.Fatal(err)
	}
	got := readmeConfig{Fresh: time.Hour, Name: "default"}
	frameworktest.ReadmeConfig(t, "enrichers.one", &got)
	if got.Key.Reveal() != frameworktest.Canary || got.Fresh != 2*time.Hour || got.Name != "default" {
		t.Errorf("got %+v", got)
	}
	var with readmeConfig
	frameworktest.ReadmeConfig(t, "endpoints[1].with", &with)
	if diff := cmp.Diff("two", with.Name); diff != "" {
		t.Error(diff)
	}
}

func TestAReadmeThatShowsNoUsableConfigurationFails(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ name, text, at, want string }{
		{"another place", readme, "enrichers.two", "nothing is called two there"},
		{"a place in a scalar", readme, "endpoints[1].with.name.x", "nothing is called x there"},
		{"an item that is not there", readme, "endpoints[2].with", "nothing is called 2 there"},
		{"a secret that is not set", readme, "enrichers.one", "environment variable ONE_KEY is not set"},
		{"no block", "# one\n", "enrichers.one", "no yaml block"},
		{"a block that is no YAML", "```yaml\n: [\n```\n", "enrichers.one", "parse the yaml block"},
		{"an empty block", "```yaml\n```\n", "enrichers.one", "parse the yaml block"},
		{"a key that is not known", "```yaml\none: {nom: x}\n```\n", "one", "unknown key nom; known: key, fresh, name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile("README.md", []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			test := &watched{TB: t}
			frameworktest.ReadmeConfig(test, c.at, new(readmeConfig))
			if got := strings.Join(test.failures, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("failures %q, want %q", got, c.want)
			}
		})
	}
}
