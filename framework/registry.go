package framework

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Registry knows the parts that a configuration may name. It is a value: a private build fills its own.
type Registry struct {
	plugins   map[string]build[any]
	enrichers map[string]build[Enricher]
	endpoints map[string]build[Routes]
	actions   map[string]build[Action]
	errs      []error
}

// build makes a part from its node in the configuration.
type build[P any] func(node *yaml.Node, path string, deps Deps) (P, error)

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{
		plugins: map[string]build[any]{}, enrichers: map[string]build[Enricher]{},
		endpoints: map[string]build[Routes]{}, actions: map[string]build[Action]{},
	}
}

// Err returns every mistake made while adding parts: a name given twice, a plugin that is neither Before nor After.
func (r *Registry) Err() error { return errors.Join(r.errs...) }

// AddPlugin lists a before or after plugin (or one that is both).
func AddPlugin[C, P any](r *Registry, name string, defaults func() C, create func(C, Deps) (P, error)) {
	var part any = *new(P)
	_, before := part.(Before)
	_, after := part.(After)
	if !before && !after {
		r.errs = append(r.errs, fmt.Errorf("plugin %s is neither Before nor After", name))
	}
	add(r, r.plugins, "plugin", name, func(node *yaml.Node, path string, deps Deps) (any, error) {
		return configure(node, path, deps, defaults, create)
	})
}

// AddEnricher lists an enricher.
func AddEnricher[C any, P Enricher](r *Registry, name string, defaults func() C, create func(C, Deps) (P, error)) {
	add(r, r.enrichers, "enricher", name, func(node *yaml.Node, path string, deps Deps) (Enricher, error) {
		return configure(node, path, deps, defaults, create)
	})
}

// AddEndpoint lists an endpoint; create returns its routes.
func AddEndpoint[C any](r *Registry, name string, defaults func() C, create func(C, Deps) (Routes, error)) {
	add(r, r.endpoints, "endpoint", name, func(node *yaml.Node, path string, deps Deps) (Routes, error) {
		return configure(node, path, deps, defaults, create)
	})
}

// AddAction lists an action.
func AddAction[C any, P Action](r *Registry, name string, defaults func() C, create func(C, Deps) (P, error)) {
	add(r, r.actions, "action", name, func(node *yaml.Node, path string, deps Deps) (Action, error) {
		return configure(node, path, deps, defaults, create)
	})
}

func add[P any](r *Registry, parts map[string]build[P], kind, name string, part build[P]) {
	if _, taken := parts[name]; taken {
		r.errs = append(r.errs, fmt.Errorf("%s %s is listed twice", kind, name))
	}
	parts[name] = part
}

// configure decodes a part's configuration over its defaults and makes the part.
func configure[C, P any](node *yaml.Node, path string, deps Deps, defaults func() C, create func(C, Deps) (P, error)) (P, error) {
	config := defaults()
	if err := DecodeConfig(node, path, &config); err != nil {
		return *new(P), err
	}
	part, err := create(config, deps)
	if err != nil {
		return *new(P), PlaceErrors(err, node, path)
	}
	return part, nil
}

func nodeLine(node *yaml.Node) int {
	if node == nil {
		return 0
	}
	return node.Line
}

// Plugin makes a plugin; it is a Before, an After or both.
func (r *Registry) Plugin(name string, node *yaml.Node, path string, deps Deps) (any, error) {
	return find(r.plugins, "plugin", name, node, path, deps)
}

// Enricher makes an enricher.
func (r *Registry) Enricher(name string, node *yaml.Node, path string, deps Deps) (Enricher, error) {
	return find(r.enrichers, "enricher", name, node, path, deps)
}

// Endpoint makes the routes of an endpoint.
func (r *Registry) Endpoint(name string, node *yaml.Node, path string, deps Deps) (Routes, error) {
	return find(r.endpoints, "endpoint", name, node, path, deps)
}

// Action makes an action.
func (r *Registry) Action(name string, node *yaml.Node, path string, deps Deps) (Action, error) {
	return find(r.actions, "action", name, node, path, deps)
}

func find[P any](parts map[string]build[P], kind, name string, node *yaml.Node, path string, deps Deps) (P, error) {
	part, known := parts[name]
	if !known {
		message := fmt.Sprintf("no such %s; there are %s", kind, list(parts))
		return *new(P), &Mistake{Line: nodeLine(node), Path: path, Message: message}
	}
	return part(node, path, deps)
}

func list[P any](parts map[string]build[P]) string {
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(parts)), ", ")
}
