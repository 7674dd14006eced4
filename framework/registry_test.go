package framework_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

type smallConfig struct {
	Size int `yaml:"size"`
}

func smallDefaults() smallConfig { return smallConfig{Size: 7} }

// sized is every kind of part, and remembers its configuration.
type sized struct{ size int }

func newSized(c smallConfig, _ framework.Deps) (*sized, error) { return &sized{c.Size}, nil }

func (*sized) Before(context.Context, *framework.Request) error { return nil }

func (*sized) Kinds() []framework.Kind { return nil }

func (*sized) Enrich(context.Context, framework.Indicator) (framework.Finding, error) {
	return framework.Finding{}, nil
}

func (*sized) Do(context.Context, framework.Job) (framework.Result, error) {
	return framework.Result{}, nil
}

func newRoutes(c smallConfig, _ framework.Deps) (framework.Routes, error) {
	return make(framework.Routes, c.Size), nil
}

func TestRegistryMakesPartsOfTheirConfigurations(t *testing.T) {
	r := framework.NewRegistry()
	framework.AddPlugin(r, "p", smallDefaults, newSized)
	framework.AddEnricher(r, "e", smallDefaults, newSized)
	framework.AddAction(r, "a", smallDefaults, newSized)
	framework.AddEndpoint(r, "n", smallDefaults, newRoutes)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	deps := frameworktest.Deps(t)
	for text, want := range map[string]int{"size: 3": 3, "{}": 7, "~": 7} {
		plugin, err := r.Plugin("p", parse(t, text), "p", deps)
		if err != nil || plugin.(*sized).size != want {
			t.Errorf("plugin of %s: %+v, %v", text, plugin, err)
		}
		enricher, err := r.Enricher("e", parse(t, text), "e", deps)
		if err != nil || enricher.(*sized).size != want {
			t.Errorf("enricher of %s: %+v, %v", text, enricher, err)
		}
		action, err := r.Action("a", parse(t, text), "a", deps)
		if err != nil || action.(*sized).size != want {
			t.Errorf("action of %s: %+v, %v", text, action, err)
		}
		routes, err := r.Endpoint("n", parse(t, text), "n", deps)
		if err != nil || len(routes) != want {
			t.Errorf("endpoint of %s: %d routes, %v", text, len(routes), err)
		}
	}
	_, err := r.Plugin("p", parse(t, "\nsiez: 1\nsize: x\n"), "endpoints[0].before[0].p", deps)
	want := []string{
		"line 2: endpoints[0].before[0].p: unknown key siez; known: size",
		"line 3: endpoints[0].before[0].p.size: expected a whole number, found text",
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Error(diff)
	}
}

func TestRegistryNamesWhatThereIs(t *testing.T) {
	r := framework.NewRegistry()
	deps := frameworktest.Deps(t)
	_, none := r.Action("x", parse(t, "{}"), "do", deps)
	framework.AddAction(r, "ticket", smallDefaults, newSized)
	framework.AddAction(r, "archive", smallDefaults, newSized)
	_, other := r.Action("tikcet", parse(t, "\n\n{}"), "automations[0].do", deps)
	_, noNode := r.Action("tikcet", nil, "do", deps)
	want := []string{
		"line 1: do: no such action; there are none",
		"line 3: automations[0].do: no such action; there are archive, ticket",
		"do: no such action; there are archive, ticket",
	}
	if diff := cmp.Diff(want, []string{none.Error(), other.Error(), noNode.Error()}); diff != "" {
		t.Error(diff)
	}
}

func TestRegistryRemembersMistakesOfItsLists(t *testing.T) {
	r := framework.NewRegistry()
	framework.AddPlugin(r, "twice", smallDefaults, newSized)
	framework.AddPlugin(r, "twice", smallDefaults, newSized)
	framework.AddPlugin(r, "neither", smallDefaults, func(smallConfig, framework.Deps) (string, error) { return "", nil })
	framework.AddEnricher(r, "twice", smallDefaults, newSized) // another kind may have the name
	want := []string{"plugin twice is listed twice", "plugin neither is neither Before nor After"}
	if diff := cmp.Diff(want, lines(r.Err())); diff != "" {
		t.Error(diff)
	}
}
