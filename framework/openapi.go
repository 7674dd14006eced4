package framework

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
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
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: f.info.Title, Version: f.info.Version, Description: f.info.Description},
		Servers:    []*huma.Server{{URL: "/"}},
		Paths:      map[string]*huma.PathItem{},
		Components: &huma.Components{Schemas: f.schemas.registry, SecuritySchemes: map[string]*huma.SecurityScheme{}},
	}
	for _, o := range f.operations {
		if err := o.document(document, problem); err != nil {
			return nil, fmt.Errorf("document %s: %w", o.ID, err)
		}
	}
	raw, err := document.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	indented := jsontext.Value(raw)
	err = indented.Indent(jsontext.WithIndent("  "))
	return indented, err
}

func (o *operation) document(document *huma.OpenAPI, problem *huma.Schema) error {
	operation := &huma.Operation{
		OperationID: o.ID, Summary: o.Summary, Description: o.Description, Tags: []string{o.Tag},
		Responses: map[string]*huma.Response{},
	}
	if o.Tag != "" && !slices.ContainsFunc(document.Tags, func(t *huma.Tag) bool { return t.Name == o.Tag }) {
		document.Tags = append(document.Tags, &huma.Tag{Name: o.Tag})
	}
	o.documentInput(operation)
	o.documentAnswers(operation, problem)
	if authenticator := o.authenticator(); authenticator != nil && authenticator.Security().Type != "" {
		scheme := authenticator.Security()
		name := schemeName(scheme)
		document.Components.SecuritySchemes[name] = &scheme
		operation.Security = []map[string][]string{{name: {}}}
	}
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
				Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	for _, p := range o.binding.parameters {
		operation.Parameters = append(operation.Parameters, &huma.Param{
			Name: p.name, In: p.in, Required: p.required, Description: p.schema.Description, Schema: p.schema,
		})
	}
	if o.binding.body != nil {
		media := &huma.MediaType{Schema: o.binding.body.schema}
		if o.example != nil {
			media.Example = o.example
		}
		operation.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": media}}
	}
}

// documentAnswers lists the statuses that the route can give.
func (o *operation) documentAnswers(operation *huma.Operation, problem *huma.Schema) {
	for _, status := range o.success {
		response := &huma.Response{Description: http.StatusText(status)}
		if !o.empty {
			response.Content = map[string]*huma.MediaType{"application/json": {Schema: o.outputSchema}}
		}
		operation.Responses[strconv.Itoa(status)] = response
	}
	refusals := []int{http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if o.authenticator() != nil {
		refusals = append(refusals, http.StatusUnauthorized)
	}
	if o.binding.body != nil {
		refusals = append(refusals, http.StatusBadRequest, http.StatusUnsupportedMediaType)
	}
	if o.binding.body != nil || len(o.binding.parameters) > 0 {
		refusals = append(refusals, http.StatusUnprocessableEntity)
	}
	if slices.ContainsFunc(o.binding.parameters, func(p parameter) bool { return p.in == "path" }) {
		refusals = append(refusals, http.StatusNotFound)
	}
	for _, status := range refusals {
		if operation.Responses[strconv.Itoa(status)] != nil { // a route may give 503 with its own answer
			continue
		}
		operation.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{ProblemType: {Schema: problem}},
		}
	}
}
