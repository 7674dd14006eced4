package framework_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// guide lets everybody in by a segment of the path, which names them.
type guide struct{}

func (guide) Before(_ context.Context, r *framework.Request) error {
	r.Identify("guest " + r.PathParam("guest"))
	return nil
}

func (guide) Security() framework.SecurityScheme { return framework.SecurityScheme{} }

func (guide) PathSegment() string { return "guest" }

// drawn is an answer that goes wrong in the way that the caller asks for.
type drawn struct {
	Text   string                       `json:"text" maxLength:"100"`
	Nobody framework.OrNull[drawnInner] `json:"nobody"`
	Status int                          `json:"-"`
}

type drawnInner struct {
	ID string `json:"id"`
}

func (d *drawn) HTTPStatus() int { return d.Status }

type drawInput struct {
	Small   int8      `query:"small"`
	Since   time.Time `query:"since"`
	Needed  string    `query:"needed" required:"true"`
	Raw     []byte
	Request *framework.Request
	Body    struct {
		Text  string         `json:"text" maxLength:"20"`
		Small int8           `json:"small,omitempty"`
		When  time.Time      `json:"when,omitzero"`
		Map   map[string]int `json:"map,omitempty" minProperties:"1" maxProperties:"2"`
		Pair  []int8         `json:"pair,omitempty" default:"[1,2]"`
	}
}

// drawing serves POST /draw/{guest}, which answers by what the text says.
func drawing(t *testing.T, log *frameworktest.Log, undeclared framework.Undeclared) *framework.Funnel {
	t.Helper()
	funnel := newFunnel(t, log.Logger())
	funnel.TrustProxies([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	route := framework.Endpoint[drawInput, drawn]{
		Method: http.MethodPost, Path: "/draw/", ID: "draw", Success: []int{200, 202}, Undeclared: undeclared,
		Handle: func(_ context.Context, in *drawInput) (*drawn, error) {
			out := &drawn{Status: 202, Text: in.Body.Text}
			switch in.Body.Text {
			case "status":
				out.Status = 418
			case "encode":
				out.Text = "\xff" + canary
			case "schema":
				out.Text = strings.Repeat(canary, 10)
			case "detail":
				return nil, framework.NewProblem(http.StatusConflict, "\xff"+canary)
			case "who":
				out.Text = fmt.Sprintf("%s %s %d %v", in.Request.Identity(), in.Request.Client(), len(in.Raw), in.Body.Pair)
				out.Nobody.Value = &drawnInner{ID: framework.RequestID(in.Request.Context())}
			}
			return out, nil
		},
	}
	chain := framework.Chain{Before: list(framework.Named[framework.Before]{Name: "guide", Part: guide{}})}
	if err := funnel.Mount(route.Route(), chain); err != nil {
		t.Fatal(err)
	}
	return funnel
}

func draw(t *testing.T, funnel http.Handler, query, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/draw/jane?"+query, strings.NewReader(body))
	request.RemoteAddr = "192.0.2.7:1234"
	request.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	funnel.ServeHTTP(answer, request)
	return answer
}

func TestAHandlerKnowsWhoCallsAndWhatWasSent(t *testing.T) {
	var log frameworktest.Log
	answer := draw(t, drawing(t, &log, framework.Reject), "needed=a", `{"text":"who"}`)
	want := `{"text":"guest jane 203.0.113.9 14 [1 2]","nobody":{"id":""}}`
	if answer.Code != http.StatusAccepted || answer.Body.String() != want {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if line := log.String(); !strings.Contains(line, "guest jane") || !strings.Contains(line, "/draw/{guest}") || !strings.Contains(line, "203.0.113.9") {
		t.Errorf("the log: %s", line)
	}
}

func TestAnAnswerThatIsNotRightDoesNotLeave(t *testing.T) {
	for text, c := range map[string]struct {
		status int
		logged string
	}{
		"status": {500, "operation draw does not declare the status 418"},
		"encode": {500, "encode the answer of draw: "},
		"schema": {500, `the answer of draw breaks its schema at \"/text\": must have at most 100 characters`},
		"detail": {409, ""},
	} {
		var log frameworktest.Log
		answer := draw(t, drawing(t, &log, framework.Reject), "needed=a", `{"text":"`+text+`"}`)
		if answer.Code != c.status || answer.Header().Get("Content-Type") != framework.ProblemType {
			t.Errorf("%s: %d %s", text, answer.Code, answer.Body)
		}
		if !strings.Contains(log.String(), c.logged) {
			t.Errorf("%s: the log lacks %s: %s", text, c.logged, log.String())
		}
		frameworktest.LeaksNoSecret(t, canary, answer.Body.String())
		if c.status == http.StatusInternalServerError { // the detail of a problem is for both
			frameworktest.LeaksNoSecret(t, canary, log.String())
		}
	}
}

func TestWhatTheTypeCannotHoldIsRefusedByItsPlaceAndRule(t *testing.T) {
	one := func(in, pointer, rule, message string) []framework.Field { return fields(in, pointer, rule, message) }
	for _, c := range []struct {
		name, query, body string
		want              []framework.Field
	}{
		{"a number in the body", "needed=a", `{"text":"a","small":128}`, one("body", "/small", "maximum", "must be at most 127")},
		{"a number in a list", "needed=a", `{"text":"a","pair":[1,2,300]}`, one("body", "/pair/2", "maximum", "must be at most 127")},
		{"a leap second", "needed=a", `{"text":"a","when":"2016-12-31T23:59:60Z"}`, one("body", "/when", "format", "must be of the format date-time")},
		{"a number in the query", "needed=a&small=128", `{"text":"a"}`, one("query", "small", "maximum", "must be at most 127")},
		{"a leap second in the query", "needed=a&since=2016-12-31T23:59:60Z", `{"text":"a"}`, one("query", "since", "format", "must be of the format date-time")},
		{"nothing where something is needed", "", `{"text":"a"}`, one("query", "needed", "required", "is missing")},
		{"text that is no UTF-8", "needed=%ff", `{"text":"a"}`, one("query", "needed", "type", "must be a string")},
		{"too few members", "needed=a", `{"text":"a","map":{}}`, one("body", "/map", "minProperties", "must have at least 1 member")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log frameworktest.Log
			recorded := draw(t, drawing(t, &log, framework.Drop), c.query, c.body)
			got := problem(t, answer{recorded.Code, recorded.Header(), recorded.Body.String()})
			if got.Status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", got.Status)
			}
			if diff := cmp.Diff(c.want, got.Errors); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodiesAreJSONInUTF8WhateverTheContentTypeIsCalled(t *testing.T) {
	var log frameworktest.Log
	funnel := drawing(t, &log, framework.Reject)
	for contentType, want := range map[string]int{
		"application/json; charset=UTF-8": 202, "application/vnd.example+json": 202, "APPLICATION/JSON": 202, `application/json; charset="utf-8"`: 202,
		"application/json; charset=latin1": 415, "text/plain": 415, "application/json; charset": 415, "application/xml": 415,
	} {
		if got := draw(t, funnel, "needed=a", `{"text":"a"}`, "Content-Type", contentType); got.Code != want {
			t.Errorf("%s: %d %s", contentType, got.Code, got.Body)
		}
	}
}

func TestALongMethodIsNotWrittenIntoTheLog(t *testing.T) {
	var log frameworktest.Log
	recorder := httptest.NewRecorder()
	drawing(t, &log, framework.Reject).ServeHTTP(recorder, httptest.NewRequest(strings.Repeat("BREW", 100), "/draw/jane", nil))
	if recorder.Code != http.StatusMethodNotAllowed || strings.Contains(log.String(), "BREW") || !strings.Contains(log.String(), "other") {
		t.Errorf("%d; the log: %s", recorder.Code, log.String())
	}
}

func TestRoutesAreListedForPeople(t *testing.T) {
	var log frameworktest.Log
	funnel := drawing(t, &log, framework.Reject)
	shown := framework.Endpoint[shownInput, shownOutput]{Method: http.MethodGet, Path: "/shown", ID: "shown", Summary: "Show"}.Route()
	after := framework.Named[framework.After]{Name: "last", Part: step{to: &order{}}}
	if err := funnel.Mount(shown, framework.Chain{Public: true, After: list(after)}); err != nil {
		t.Fatal(err)
	}
	want := []framework.Mounted{
		{Method: "POST", Path: "/draw/{guest}", ID: "draw", Before: []string{"guide"}},
		{Method: "GET", Path: "/shown", ID: "shown", Summary: "Show", After: []string{"last"}, Public: true},
	}
	if diff := cmp.Diff(want, funnel.Routes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	document, err := funnel.OpenAPI()
	if err != nil || !bytes.Contains(document, []byte(`"description": "Read by the plugin guide"`)) {
		t.Errorf("%v: the document does not tell of the segment: %s", err, document)
	}
	if id := framework.RequestID(t.Context()); id != "" {
		t.Errorf("outside of a request its id is %s", id)
	}
}

// said is a type whose schema is what a test wants it to be.
type said[S interface{ schema() *huma.Schema }] struct{ Value S }

func (said[S]) Schema(huma.Registry) *huma.Schema { return (*new(S)).schema() }

type (
	anyOf     struct{}
	unknown   struct{}
	ambiguous struct{}
	strange   struct{}
	dangling  struct{}
	broken    struct{}
)

func (anyOf) schema() *huma.Schema   { return &huma.Schema{AnyOf: []*huma.Schema{{Type: "string"}}} }
func (unknown) schema() *huma.Schema { return &huma.Schema{Type: "text"} }
func (ambiguous) schema() *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: "string"}, {Type: "string", Format: "uuid"}}}
}
func (strange) schema() *huma.Schema { return &huma.Schema{Type: "string", Format: "binary"} }
func (dangling) schema() *huma.Schema {
	return &huma.Schema{Type: "array", Items: &huma.Schema{Ref: "#/components/schemas/Nowhere"}}
}

func (broken) schema() *huma.Schema {
	return &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"a": {Type: "string", Pattern: "("}}}
}

type alphabet struct {
	A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, D0, D1 bool
	E0, E1, E2, E3, E4, E5, E6, E7, E8, E9, F0, F1, F2, F3, F4, F5, F6, F7, F8, F9, G0, G1, G2, G3, G4, G5, G6, G7, G8, G9, H0, H1 bool
	I0                                                                                                                             bool
}

func TestSchemasThatWouldBePublishedAndNotHoldAreErrorsAtStart(t *testing.T) {
	for name, c := range map[string]struct {
		route framework.Route
		want  string
	}{
		"anyOf":                      {taking[said[anyOf]](), "anyOf, allOf, not and dependentRequired are not enforced"},
		"a type that there is not":   {taking[said[unknown]](), `unknown type "text"`},
		"oneOf what is the same":     {taking[said[ambiguous]](), "alternatives of oneOf must differ in their JSON type"},
		"a format that there isn't":  {taking[said[strange]](), `unknown format "binary"`},
		"a schema that is nowhere":   {taking[said[dangling]](), "no schema #/components/schemas/Nowhere"},
		"a pattern":                  {taking[said[broken]](), "error parsing regexp: missing closing )"},
		"too many members":           {taking[alphabet](), "more than 64 required members"},
		"an answer":                  {calledWith[struct{}, said[anyOf]]("/wrong"), "anyOf, allOf, not and dependentRequired are not enforced"},
		"an input that is no struct": {calledWith[string, nothing]("/wrong"), "input string is not a struct"},
		"a choice of a text":         {taking[framework.Choice[string]](), "framework.Choice needs a struct, not string"},
		"a choice of nothing":        {taking[framework.Choice[struct{}]](), "has nothing to choose from"},
		"an open text":               {taking[framework.Open[string]](), "framework.Open needs a struct, not string"},
	} {
		err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(c.route, framework.Chain{Public: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestAMethodThatCannotBeDocumentedIsAMistake(t *testing.T) {
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	route := framework.Endpoint[struct{}, nothing]{Method: "BREW", Path: "/tea", ID: "tea"}.Route()
	err := funnel.Mount(route, framework.Chain{Public: true})
	if err == nil {
		err = funnel.MountDocs()
	}
	if err == nil || !strings.Contains(err.Error(), "method BREW cannot be documented") {
		t.Errorf("error %v", err)
	}
}
