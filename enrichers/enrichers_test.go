package enrichers_test

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"funnelweb/enrichers"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestEveryEnricherIsBuiltFromItsNode(t *testing.T) {
	t.Setenv("SECRET", "c4naryc4naryc4nary")
	registry := framework.NewRegistry()
	enrichers.Register(registry)
	if err := registry.Err(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"activedirectory": `{url: "ldaps://dc1.lab.example", bind_dn: svc@lab.example, password: "env:SECRET", base_dn: "DC=lab,DC=example"}`,
		"virustotal":      `{key: "env:SECRET"}`,
	} {
		var node yaml.Node
		if err := yaml.Load([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		enricher, err := registry.Enricher(name, &node, "enrichers."+name, frameworktest.Deps(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := enricher.(framework.Checker); !ok || len(enricher.Kinds()) == 0 {
			t.Errorf("%s cannot be checked or knows no kind of indicator", name)
		}
	}
}
