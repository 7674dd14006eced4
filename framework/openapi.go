package framework

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// OpenAPI returns the document (OpenAPI 3.1) of all mounted routes as indented JSON. It is made from the very schemas
// that the funnel enforces, and is the same for the same routes.
func (f *Funnel) OpenAPI() ([]byte, error) {
	problem, _, err := f.schemas.ofType(reflect.TypeFor[Problem](), "problem")
	if err != nil {
		return nil, err
	}
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    f.info.document(),
		Servers: []*huma.Server{{URL: "/"}},
		Paths:   map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas: f.schemas.registry, SecuritySchemes: map[string]*huma.SecurityScheme{},
			Responses: map[string]*huma.Response{}, Headers: documentedHeaders(),
		},
	}
	for _, o := range f.operations {
		if err := o.document(document, problem); err != nil {
			return nil, fmt.Errorf("document %s: %w", o.ID, err)
		}
	}
	slices.SortFunc(document.Tags, func(a, b *huma.Tag) int { return strings.Compare(a.Name, b.Name) })
	raw, err := document.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	indented := jsontext.Value(raw)
	err = indented.Indent(jsontext.WithIndent("  "))
	return indented, err
}

func (i Info) document() *huma.Info {
	info := &huma.Info{Title: i.Title, Version: i.Version, Description: i.Description}
	if i.Contact != "" {
		info.Contact = &huma.Contact{Name: i.Contact}
	}
	if i.License != "" {
		info.License = &huma.License{Name: i.License, URL: i.LicenseURL}
	}
	return info
}

func (o *operation) document(document *huma.OpenAPI, problem *huma.Schema) error {
	operation := &huma.Operation{
		OperationID: o.ID, Summary: o.Summary, Description: o.Description,
		Responses: map[string]*huma.Response{},
	}
	if o.Tag != "" {
		operation.Tags = []string{o.Tag}
		o.documentTag(document)
	}
	o.documentInput(operation)
	o.documentAnswers(document.Components, operation, problem)
	o.documentSecurity(document.Components, operation)
	item := document.Paths[o.path]
	if item == nil {
		item = &huma.PathItem{}
		document.Paths[o.path] = item
	}
	slot := map[string]**huma.Operation{
		http.MethodGet: &item.Get, http.MethodPost: &item.Post, http.MethodPut: &item.Put,
		http.MethodDelete: &item.Delete, http.MethodPatch: &item.Patch,
	}[o.Method]
	if slot == nil {
		return fmt.Errorf("method %s cannot be documented", o.Method)
	}
	*slot = operation
	return nil
}

// documentTag lists the tag once, with the first description that a route has for it.
func (o *operation) documentTag(document *huma.OpenAPI) {
	i := slices.IndexFunc(document.Tags, func(t *huma.Tag) bool { return t.Name == o.Tag })
	if i < 0 {
		i = len(document.Tags)
		document.Tags = append(document.Tags, &huma.Tag{Name: o.Tag})
	}
	document.Tags[i].Description = cmp.Or(document.Tags[i].Description, o.TagDescription)
}

// scopeExtension is the member of an operation in the document that names the scope a caller needs.
const scopeExtension = "x-required-scope"

// documentSecurity asks for the proofs of all authenticating plugins together: each of them has to let the call through.
func (o *operation) documentSecurity(components *huma.Components, operation *huma.Operation) {
	all := map[string][]string{}
	for _, plugin := range o.Before {
		authenticator, ok := plugin.Part.(Authenticator)
		if !ok || authenticator.Security().Type == "" {
			continue
		}
		scheme := authenticator.Security()
		name := schemeName(scheme)
		components.SecuritySchemes[name] = &scheme
		all[name] = []string{}
	}
	if o.Scope != "" { // an extension: scopes among the requirements are for OAuth, as linters have it
		operation.Extensions = map[string]any{scopeExtension: string(o.Scope)}
	}
	if len(all) > 0 {
		operation.Security = []map[string][]string{all}
	}
}

// schemeName names a scheme by what it is, so that equal schemes are listed once.
func schemeName(scheme SecurityScheme) string {
	parts := []string{scheme.Type, scheme.Scheme, scheme.In, scheme.Name}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '-'
		}
		return r
	}, strings.Join(parts, "-"))
}

func (o *operation) documentInput(operation *huma.Operation) {
	for _, plugin := range o.Before {
		if extender, ok := plugin.Part.(PathExtender); ok && extender.PathSegment() != "" {
			operation.Parameters = append(operation.Parameters, &huma.Param{
				Name: extender.PathSegment(), In: "path", Required: true, Description: "Read by the plugin " + plugin.Name,
				Schema: &huma.Schema{Type: huma.TypeString}, Example: extender.PathSegment(),
			})
		}
	}
	for _, p := range o.binding.parameters {
		operation.Parameters = append(operation.Parameters, &huma.Param{
			Name: p.name, In: p.in, Required: p.required, Description: p.schema.Description, Schema: p.schema, Example: p.example(),
		})
	}
	if o.binding.body != nil {
		operation.RequestBody = &huma.RequestBody{Required: true, Content: content(jsonType, o.binding.body.schema, o.bodyExample)}
		for _, accepted := range o.accepts {
			operation.RequestBody.Content[accepted] = &huma.MediaType{Schema: o.binding.body.schema}
		}
	}
}

// example is the one of the tag, else the default or the first value that is allowed.
func (p parameter) example() any {
	for _, candidates := range [][]any{p.schema.Examples, {p.schema.Default}, p.schema.Enum} {
		if len(candidates) > 0 && candidates[0] != nil {
			return candidates[0]
		}
	}
	return nil
}

func content(mediaType string, schema *huma.Schema, example jsontext.Value) map[string]*huma.MediaType {
	media := &huma.MediaType{Schema: schema}
	if example != nil {
		media.Example = example
	}
	return map[string]*huma.MediaType{mediaType: media}
}
