package framework_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

type nestedConfig struct {
	URL   string `yaml:"url"`
	Count int8   `yaml:"count"`
}

type sampleConfig struct {
	Name    string             `yaml:"name"`
	On      bool               `yaml:"on"`
	Size    uint               `yaml:"size"`
	Rate    float64            `yaml:"rate"`
	Wait    time.Duration      `yaml:"wait"`
	Words   []string           `yaml:"words"`
	Table   map[string]string  `yaml:"table"`
	Nested  nestedConfig       `yaml:"nested"`
	List    []nestedConfig     `yaml:"list"`
	Secret  framework.Secret   `yaml:"secret"`
	Secrets []framework.Secret `yaml:"secrets"`
	Hidden  string             `yaml:"-"`
	Plain   string
}

// parse returns the node of a YAML text whose first line is line 1.
func parse(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var document yaml.Node
	if err := yaml.Load([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	if document.Kind == yaml.DocumentNode {
		return document.Content[0]
	}
	return &document
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestMistakesNameLinePathAndRule(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", "name: a\non: true\nsize: 1\nrate: 0.5\nwait: 30s\nwords: [a]\ntable: {a: b}\nplain: x\n", nil},
		{"an unknown key", "name: a\nnested:\n  max_url: 5\n", []string{"line 3: with.nested: unknown key max_url; known: url, count"}},
		{"an unknown key at the top", "titel: a\n", []string{"line 1: with: unknown key titel; known: name, on, size, rate, wait, words, table, nested, list, secret, secrets, plain"}},
		{"a key that is kept from configurations", "hidden: a\n", []string{"line 1: with: unknown key hidden; known: name, on, size, rate, wait, words, table, nested, list, secret, secrets, plain"}},
		{"an unknown key in a list", "list:\n  - url: a\n  - {urll: b}\n", []string{"line 3: with.list[1]: unknown key urll; known: url, count"}},
		{"a key given twice", "name: a\non: true\nname: b\n", []string{"line 3: with: key name is given twice, first in line 1"}},
		{"a key of a table given twice", "table:\n  a: 1\n  a: 2\n", []string{"line 3: with.table: key a is given twice, first in line 2"}},
		{"text for a number", "size: many\n", []string{"line 1: with.size: expected a whole number, found text"}},
		{"a fraction for a whole number", "size: 1.5\n", []string{"line 1: with.size: expected a whole number, found a number with a fraction"}},
		{"a negative size", "size: -1\n", []string{"line 1: with.size: the number is out of range"}},
		{"a number that is too large", "nested: {count: 300}\n", []string{"line 1: with.nested.count: the number is out of range"}},
		{"text for a fraction", "rate: fast\n", []string{"line 1: with.rate: expected a number, found text"}},
		{"text for true or false", "on: maybe\n", []string{"line 1: with.on: expected true or false, found text"}},
		{"a number for a duration", "wait: 30\n", []string{"line 1: with.wait: expected a duration such as 30s, found a number"}},
		{"words for a duration", "wait: soon\n", []string{"line 1: with.wait: expected a duration such as 30s, found text"}},
		{"a list for text", "name: [a, b]\n", []string{"line 1: with.name: expected text, found a list"}},
		{"keys for text", "name: {a: b}\n", []string{"line 1: with.name: expected text, found keys with values"}},
		{"text for a list", "words: a\n", []string{"line 1: with.words: expected a list, found text"}},
		{"text for keys", "nested: a\n", []string{"line 1: with.nested: expected keys with values, found text"}},
		{"a list for a table", "table: [a]\n", []string{"line 1: with.table: expected keys with values, found a list"}},
		{"a list at the top", "[a]\n", []string{"line 1: with: expected keys with values, found a list"}},
		{"an item without a value", "words:\n  - a\n  -\n", []string{"line 3: with.words[1]: is empty"}},
		{"a value that does not fit its tag", "size: !!int hunter2-canary\n", []string{"line 1: with: the value does not fit its tag"}},
		{"a secret in place", "name: a\nsecret: hunter2-canary\n", []string{"line 2: with.secret: a secret is written as env:NAME or file:/path, never in place"}},
		{"a secret that is a number", "secret: 12345678901\n", []string{"line 1: with.secret: a secret is written as env:NAME or file:/path, never in place"}},
		{"a list of secrets in place", "secrets:\n- env:FW_TEST_SET\n- hunter2-canary\n- env:FW_TEST_UNSET\n", []string{
			"line 3: with.secrets[1]: a secret is written as env:NAME or file:/path, never in place",
			"line 4: with.secrets[2]: environment variable FW_TEST_UNSET is not set",
		}},
		{"a secret where secrets are meant", "secrets: hunter2-canary\n", []string{"line 1: with.secrets: expected a list, found text"}},
		{"keys for a secret", "secret: {env: A}\n", []string{"line 1: with.secret: a secret is written as env:NAME or file:/path"}},
		{"all at once", "titel: a\nname: b\nname: c\nsize: x\nlist:\n  - count: y\n    urll: z\n", []string{
			"line 3: with: key name is given twice, first in line 2",
			"line 1: with: unknown key titel; known: name, on, size, rate, wait, words, table, nested, list, secret, secrets, plain",
			"line 4: with.size: expected a whole number, found text",
			"line 6: with.list[0].count: expected a whole number, found text",
			"line 7: with.list[0]: unknown key urll; known: url, count",
		}},
		{"the place of an alias", "list:\n  - &a {urll: x}\n  - *a\n", []string{
			"line 2: with.list[0]: unknown key urll; known: url, count",
			"line 2: with.list[0]: unknown key urll; known: url, count",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("FW_TEST_SET", "set")
			err := framework.DecodeConfig(parse(t, c.text), "with", &sampleConfig{})
			if diff := cmp.Diff(c.want, lines(err)); diff != "" {
				t.Error(diff)
			}
			if err != nil {
				frameworktest.LeaksNoSecret(t, "hunter2-canary", err.Error())
				for _, internal := range []string{"construct", "field ", " type ", "framework.", "hunter2", "12345"} {
					if strings.Contains(err.Error(), internal) {
						t.Errorf("the message says %q: %v", internal, err)
					}
				}
			}
		})
	}
}

func TestMistakeAtTheRootHasNoPath(t *testing.T) {
	err := framework.DecodeConfig(parse(t, "a: 1\nsize: x\n"), "", &struct {
		Size int `yaml:"size"`
	}{})
	want := []string{"line 1: unknown key a; known: size", "line 2: size: expected a whole number, found text"}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Error(diff)
	}
}

func TestKeyWhereThereAreNone(t *testing.T) {
	err := framework.DecodeConfig(parse(t, "a: 1\n"), "with", &struct{}{})
	if diff := cmp.Diff([]string{"line 1: with: unknown key a; there are none"}, lines(err)); diff != "" {
		t.Error(diff)
	}
}

func TestInlinedKeysAreKnown(t *testing.T) {
	type inner struct {
		Bucket string `yaml:"bucket"`
	}
	var target struct {
		Name  string `yaml:"name"`
		Inner inner  `yaml:",inline"`
	}
	err := framework.DecodeConfig(parse(t, "bucket: b\nbukcet: c\n"), "s3", &target)
	if diff := cmp.Diff([]string{"line 2: s3: unknown key bukcet; known: name, bucket"}, lines(err)); diff != "" || target.Inner.Bucket != "b" {
		t.Errorf("%s, bucket %q", diff, target.Inner.Bucket)
	}
}

func TestDefaultsStayWhereNothingIsSaid(t *testing.T) {
	for name, node := range map[string]*yaml.Node{"no node": nil, "a zero node": {}, "a null": parse(t, "~"), "no keys": parse(t, "{}")} {
		config := sampleConfig{Name: "default", Nested: nestedConfig{Count: 3}}
		if err := framework.DecodeConfig(node, "with", &config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if config.Name != "default" || config.Nested.Count != 3 {
			t.Errorf("%s: %+v", name, config)
		}
	}
	config := sampleConfig{Name: "default", Nested: nestedConfig{URL: "u", Count: 3}}
	if err := framework.DecodeConfig(parse(t, "nested: {count: 4}"), "with", &config); err != nil {
		t.Fatal(err)
	}
	if config.Name != "default" || config.Nested != (nestedConfig{"u", 4}) {
		t.Errorf("%+v", config)
	}
}

// pluginPart is an After by name.
type pluginPart struct{ framework.After }

func defaults() sampleConfig { return sampleConfig{} }

func TestPartsRefusalGetsAPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want []string
	}{
		{"a key that is there", errors.New("size: must be 16 or more"), []string{"line 3: plugins[0].x.size: must be 16 or more"}},
		{"an item of a list", errors.New("list[1].url: is no URL"), []string{"line 6: plugins[0].x.list[1].url: is no URL"}},
		{"a key that is missing", errors.New("words: at least one is needed"), []string{"line 2: plugins[0].x: words: at least one is needed"}},
		{"no key", errors.New("nothing to do"), []string{"line 2: plugins[0].x: nothing to do"}},
		{"a sentence with a colon", errors.New("neither this: nor that"), []string{"line 2: plugins[0].x: neither this: nor that"}},
		{"several", errors.Join(errors.New("size: too small"), errors.New("nothing to do")), []string{
			"line 3: plugins[0].x.size: too small", "line 2: plugins[0].x: nothing to do",
		}},
		{"several in a sentence", fmt.Errorf("both %w and %w", errors.New("a"), errors.New("b")), []string{"line 2: plugins[0].x: both a and b"}},
		{"a mistake with a place of its own", &framework.Mistake{Line: 9, Path: "p", Message: "m"}, []string{"line 9: p: m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			registry := framework.NewRegistry()
			framework.AddPlugin(registry, "x", defaults, func(sampleConfig, framework.Deps) (pluginPart, error) { return pluginPart{}, c.err })
			node := parse(t, "# a comment\nname: a\nsize: 3\nlist:\n  - url: a\n  - url: b\n")
			_, err := registry.Plugin("x", node, "plugins[0].x", frameworktest.Deps(t))
			if diff := cmp.Diff(c.want, lines(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzDecodeConfig(f *testing.F) {
	for _, seed := range []string{
		"name: a\n", "list: [{url: a}, ~]\n", "&a [*a]", "<<: {name: b}\nname: c\n", "name: !!int x\n", "? [a]\n: b\n",
		"secret: env:PATH\n", "a: &b {c: *b}\n", "size: 99999999999999999999\n", "wait: 1h\n<<: [1]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var document yaml.Node
		if err := yaml.Load([]byte(text), &document); err != nil || document.Kind != yaml.DocumentNode {
			return
		}
		var config sampleConfig
		err := framework.DecodeConfig(document.Content[0], "with", &config)
		for _, line := range lines(err) {
			if strings.Contains(line, "cannot construct") {
				t.Errorf("%q: %s", text, line)
			}
		}
	})
}
