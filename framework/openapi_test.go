package framework_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// proof authenticates by a header, and refuses with statuses of its own.
type proof struct{ header string }

func (proof) Before(context.Context, *framework.Request) error { return nil }

func (p proof) Security() framework.SecurityScheme {
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: p.header}
}

type limit struct{}

func (limit) Before(context.Context, *framework.Request) error { return nil }

func (limit) Refusals() []int { return []int{http.StatusForbidden, http.StatusTooManyRequests} }

type shownInput struct {
	Level int    `query:"level" minimum:"1" example:"3"`
	Kind  string `query:"kind" enum:"one,two"`
	Limit int    `query:"limit" default:"50"`
	Body  struct {
		Name string `json:"name" maxLength:"5"`
	}
}

type shownOutput struct {
	Done string `json:"done" maxLength:"5"`
}

type wrongParameter struct {
	Level int `query:"level" minimum:"1" example:"0"`
}

func TestExamplesThatBreakTheirSchemaAreFoundAtTheStart(t *testing.T) {
	type body = map[string]any
	for _, c := range []struct {
		name  string
		route framework.Route
		want  string // in the error; "" for none
	}{
		{"good ones", framework.Endpoint[shownInput, shownOutput]{Example: body{"name": "a"}, Answer: &shownOutput{"ok"}}.Route(), ""},
		{"none", framework.Endpoint[shownInput, shownOutput]{}.Route(), ""},
		{"a body that is too long", framework.Endpoint[shownInput, shownOutput]{Example: body{"name": "abcdef"}}.Route(), `body: the example breaks its schema at "/name"`},
		{"a body with an undeclared member", framework.Endpoint[shownInput, shownOutput]{Example: body{"name": "a", "more": 1}}.Route(), `body: the example breaks its schema at "/more"`},
		{
			"a body with a member that is dropped",
			framework.Endpoint[shownInput, shownOutput]{Example: body{"name": "a", "more": 1}, Undeclared: framework.Drop}.Route(), "",
		},
		{"a body that is not JSON", framework.Endpoint[shownInput, shownOutput]{Example: body{"name": func() {}}}.Route(), "body: encode the example"},
		{"an answer that is too long", framework.Endpoint[shownInput, shownOutput]{Answer: &shownOutput{"abcdef"}}.Route(), `answer: the example breaks its schema at "/done"`},
		{"a parameter below its minimum", framework.Endpoint[wrongParameter, shownOutput]{}.Route(), `field Level of framework_test.wrongParameter: its example must be at least 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.route.Method, c.route.Path, c.route.ID = http.MethodPost, "/shown", "shown"
			err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(c.route, framework.Chain{Public: true})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestTheDocumentTellsWhatAChainAsksForAndRefuses(t *testing.T) {
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	chain := framework.Chain{Before: []framework.Named[framework.Before]{
		{Name: "one", Part: proof{"X-One"}}, {Name: "limit", Part: limit{}}, {Name: "two", Part: proof{"X-Two"}},
	}}
	routes := framework.Routes{
		framework.Endpoint[shownInput, shownOutput]{
			Method: http.MethodPost, Path: "/z", ID: "z", Tag: "Zebra", Example: map[string]any{"name": "a"}, Answer: &shownOutput{"ok"},
		}.Route(),
		framework.Endpoint[struct{}, struct{}]{Method: http.MethodDelete, Path: "/z", ID: "drop-z", Tag: "Zebra", TagDescription: "Striped."}.Route(),
		framework.Endpoint[struct{}, struct{}]{Method: http.MethodGet, Path: "/a", ID: "a", Tag: "Ape"}.Route(),
		framework.Endpoint[struct{}, struct{}]{Method: http.MethodGet, Path: "/none", ID: "none"}.Route(),
	}
	for _, route := range routes {
		if err := funnel.Mount(route, chain); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := funnel.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	type content map[string]struct{ Example any }
	var got struct {
		Tags  []struct{ Name, Description string }
		Paths map[string]map[string]struct {
			Security    []map[string][]string
			Parameters  []struct{ Example any }
			RequestBody struct{ Content content }
			Responses   map[string]struct {
				Ref     string `json:"$ref"`
				Content content
			}
		}
		Components struct {
			Responses map[string]struct {
				Headers map[string]any
				Content map[string]struct{ Example framework.Problem }
			}
		}
	}
	if err := json.Unmarshal(raw, &got, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]struct{ Name, Description string }{{"Ape", ""}, {"Zebra", "Striped."}}, got.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	z := got.Paths["/z"]["post"]
	if diff := cmp.Diff([]map[string][]string{{"apiKey-header-X-One": {}, "apiKey-header-X-Two": {}}}, z.Security); diff != "" {
		t.Errorf("security (-want +got):\n%s", diff)
	}
	var examples []any
	for _, parameter := range z.Parameters {
		examples = append(examples, parameter.Example)
	}
	if diff := cmp.Diff([]any{3.0, "one", 50.0}, examples); diff != "" {
		t.Errorf("examples of parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(content{"application/json": {map[string]any{"name": "a"}}}, z.RequestBody.Content); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(content{"application/json": {map[string]any{"done": "ok"}}}, z.Responses["200"].Content); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	var statuses []string
	for status := range z.Responses {
		statuses = append(statuses, status)
	}
	slices.Sort(statuses)
	if diff := cmp.Diff(strings.Fields("200 400 401 403 408 413 415 422 429 500 503"), statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	many := got.Components.Responses["TooManyRequests"]
	if many.Content[framework.ProblemType].Example.Status != http.StatusTooManyRequests || many.Headers["Retry-After"] == nil {
		t.Errorf("429 is described as %+v", many)
	}
	if ref := z.Responses["429"].Ref; ref != "#/components/responses/TooManyRequests" {
		t.Errorf("429 is %q", ref)
	}
	if without := got.Paths["/z"]["delete"].Responses; without["204"].Content != nil || without["415"].Ref != "" {
		t.Errorf("a call without a body is described as %+v", without)
	}
}
