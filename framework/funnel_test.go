package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestACallPassesTheFunnelInTheFixedOrder(t *testing.T) {
	s := serve(t, func(o *order) setup {
		return setup{
			before: []framework.Named[framework.Before]{{Name: "b2", Part: step{name: "b2", to: o}}},
			after:  []framework.Named[framework.After]{{Name: "a1", Part: step{name: "a1", to: o}}, {Name: "a2", Part: step{name: "a2", to: o}}},
		}
	})
	got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n","count":3,"fields":{"a.b {}":["1","2"],"c":"d"}}`, "X-Trace", "abc")
	if got.Status != http.StatusOK || got.Body != `{"name":"n","limit":10,"trace":"abc"}` {
		t.Errorf("answer %d %s", got.Status, got.Body)
	}
	if diff := cmp.Diff([]string{"door", "b2", "handler", "a1", "a2"}, s.order.ran); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a1", "a2"}, got.Header.Values("X-After")); diff != "" {
		t.Errorf("after plugins (-want +got):\n%s", diff)
	}
}

func TestEveryBrokenRuleIsNamedWithItsPlaceAndNeverItsValue(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
		want             []framework.Field
	}{
		{name: "a wrong type", body: `{"name":7}`, want: fields("body", "/name", "type", "must be a string")},
		{name: "a missing member", body: `{}`, want: fields("body", "/name", "required", "is missing")},
		{name: "an unknown member", body: `{"name":"n","EVIL":"` + canary + `"}`, want: fields("body", "/EVIL", "additionalProperties", "is not a member that is known here")},
		{name: "a name in another case", body: `{"name":"n","NAME":"m"}`, want: fields("body", "/NAME", "additionalProperties", "is not a member that is known here")},
		{name: "an empty string", body: `{"name":""}`, want: fields("body", "/name", "minLength", "must have at least 1 character")},
		{name: "a long string", body: `{"name":"` + strings.Repeat("ä", 21) + `"}`, want: fields("body", "/name", "maxLength", "must have at most 20 characters")},
		{name: "a value outside an enum", body: `{"name":"n","severity":"` + canary + `"}`, want: fields("body", "/severity", "enum", "must be one of the listed values")},
		{name: "a number below its minimum", body: `{"name":"n","count":-1}`, want: fields("body", "/count", "minimum", "must be at least 0")},
		{name: "a fraction for an integer", body: `{"name":"n","count":1.5}`, want: fields("body", "/count", "type", "must be an integer")},
		{name: "an integer beyond 64 bits", body: `{"name":"n","count":99999999999999999999}`, want: fields("body", "/count", "format", "must fit 64 bits")},
		{name: "a repeated item", body: `{"name":"n","tags":["a", "\u0061"]}`, want: fields("body", "/tags/1", "uniqueItems", "must not repeat an earlier item")},
		{name: "too many items", body: `{"name":"n","tags":["a","b","c"]}`, want: fields("body", "/tags", "maxItems", "must have at most 2 items")},
		{name: "a field that is neither string nor list", body: `{"name":"n","fields":{"a/b":{"x":1}}}`, want: fields("body", "/fields/a~1b", "type", "must be a list or a string")},
		{name: "a list of something else", body: `{"name":"n","fields":{"a":["x",1]}}`, want: fields("body", "/fields/a/1", "type", "must be a string")},
		{name: "several at once, in the order of the document", body: `{"severity":"x","name":1}`, want: append(
			fields("body", "/severity", "enum", "must be one of the listed values"), fields("body", "/name", "type", "must be a string")...)},
		{name: "a body of another type", body: `[]`, want: fields("body", "", "type", "must be an object")},
		{name: "a parameter that is no number", path: "/alerts/x?limit=ten", body: `{"name":"n"}`, want: fields("query", "limit", "type", "must be an integer")},
		{name: "a parameter above its maximum", path: "/alerts/x?limit=51", body: `{"name":"n"}`, want: fields("query", "limit", "maximum", "must be at most 50")},
		{name: "a parameter given twice", path: "/alerts/x?limit=1&limit=2", body: `{"name":"n"}`, want: fields("query", "limit", "once", "must be given once")},
		{name: "a path parameter that is too long", path: "/alerts/abcdef", body: `{"name":"n"}`, want: fields("path", "id", "maxLength", "must have at most 5 characters")},
		{name: "a header that breaks its pattern", body: `{"name":"n"}`, header: []string{"X-Trace", "123"}, want: fields("header", "X-Trace", "pattern", "must match ^[a-z]+$")},
		{name: "no JSON", body: `{"name":`, status: 400, want: fields("body", "/name", "json", "ends before the JSON document is complete")},
		{name: "a name given twice", body: `{"name":"n","name":"m"}`, status: 400, want: fields("body", "/name", "json", "must be one JSON document (RFC 8259) in UTF-8 without repeated names; see byte 12")},
		{name: "two documents", body: `{"name":"n"}{}`, status: 400, want: fields("body", "", "json", "must be one JSON document (RFC 8259) in UTF-8 without repeated names")},
		{name: "no body", body: ``, status: 400, want: fields("body", "", "json", "ends before the JSON document is complete")},
		{name: "invalid UTF-8", body: "{\"name\":\"\xff\"}", status: 400, want: fields("body", "/name", "json", "must be one JSON document (RFC 8259) in UTF-8 without repeated names; see byte 9")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, plain)
			if c.path == "" {
				c.path = "/alerts/x"
			}
			if c.status == 0 {
				c.status = http.StatusUnprocessableEntity
			}
			got := s.call(t, http.MethodPost, c.path, c.body, c.header...)
			if got.Status != c.status {
				t.Errorf("status %d, want %d: %s", got.Status, c.status, got.Body)
			}
			if diff := cmp.Diff(c.want, problem(t, got).Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, got.Body, s.log.String())
			if diff := cmp.Diff([]string{"door"}, s.order.ran); diff != "" {
				t.Errorf("the handler must not run (-want +got):\n%s", diff)
			}
		})
	}
}

func fields(in, pointer, rule, message string) []framework.Field {
	return []framework.Field{{In: in, Pointer: pointer, Rule: rule, Message: message}}
}

func TestManyViolationsAreCutOff(t *testing.T) {
	s := serve(t, plain)
	var body strings.Builder
	body.WriteString(`{"name":"n"`)
	for i := range 1000 {
		fmt.Fprintf(&body, `,"x%d":1`, i)
	}
	body.WriteString("}")
	p := problem(t, s.call(t, http.MethodPost, "/alerts/x", body.String()))
	if len(p.Errors) != 32 || !strings.Contains(p.Detail, "of which errors lists 32") {
		t.Errorf("%d errors are listed, want 32: %s", len(p.Errors), p.Detail)
	}
}

func TestRefusalsAheadOfTheHandler(t *testing.T) {
	s := serve(t, func(*order) setup { return setup{maxBody: 100} })
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		ran                      []string
	}{
		{"a caller who proves nothing", http.MethodPost, "/alerts/x", `nonsense`, []string{"Word", "wrong"}, 401, []string{"door"}},
		{"a body of another media type", http.MethodPost, "/alerts/x", `{"name":"n"}`, []string{"Content-Type", "text/xml"}, 415, []string{"door"}},
		{"a body in another character set", http.MethodPost, "/alerts/x", `{"name":"n"}`, []string{"Content-Type", "application/json; charset=utf-16"}, 415, []string{"door"}},
		{"a compressed body", http.MethodPost, "/alerts/x", `{"name":"n"}`, []string{"Content-Encoding", "gzip"}, 415, []string{"door"}},
		{"a body compressed twice", http.MethodPost, "/alerts/x", `{"name":"n"}`, []string{"Content-Encoding", "identity, br"}, 415, []string{"door"}},
		{"a body in an encoding that nobody knows", http.MethodPost, "/alerts/x", `{"name":"n"}`, []string{"Content-Encoding", "x"}, 415, []string{"door"}},
		{"a slash in disguise", http.MethodPost, "/alerts%2fx", `{"name":"n"}`, nil, 404, nil},
		{"a letter in disguise", http.MethodPost, "/%61lerts/x", `{"name":"n"}`, nil, 404, nil},
		{"a body that is too large", http.MethodPost, "/alerts/x", `{"name":"` + strings.Repeat("n", 200) + `"}`, nil, 413, nil},
		{"an unknown path", http.MethodPost, "/nothing", "", nil, 404, nil},
		{"a path that only looks the same", http.MethodPost, "//alerts/x", `{"name":"n"}`, nil, 404, nil},
		{"another method", http.MethodGet, "/alerts/x", "", nil, 405, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.order.ran = nil
			got := s.call(t, c.method, c.path, c.body, c.header...)
			problem(t, got)
			if got.Status != c.status {
				t.Errorf("status %d, want %d", got.Status, c.status)
			}
			if diff := cmp.Diff(c.ran, s.order.ran); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
			if c.status == 405 && got.Header.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("Allow is %q", got.Header.Get("Allow"))
			}
			if c.status == 401 && got.Header.Get("WWW-Authenticate") != "Word" {
				t.Errorf("WWW-Authenticate is %q", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestABodyThatIsNotEncodedMaySaySo(t *testing.T) {
	s := serve(t, plain)
	for _, said := range []string{"identity", "Identity", "identity, identity", " "} {
		if got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`, "Content-Encoding", said); got.Status != http.StatusOK {
			t.Errorf("Content-Encoding %q: status %d %s", said, got.Status, got.Body)
		}
	}
	got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`, "Content-Encoding", "gzip")
	if got.Header.Get("Accept-Encoding") != "identity" { // RFC 9110 section 15.5.16: this tells the reason apart
		t.Errorf("Accept-Encoding of the refusal is %q", got.Header.Get("Accept-Encoding"))
	}
}

func TestABodyWithoutLengthIsBoundedToo(t *testing.T) {
	s := serve(t, func(*order) setup { return setup{maxBody: 100} })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/alerts/x", endless{})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Word", "sesame")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", response.StatusCode)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "xxxxxxxx"), nil }

func TestATrailingSlashIsServedAndNeverRedirected(t *testing.T) {
	s := serve(t, plain)
	for _, path := range []string{"/alerts/x", "/alerts/x/"} {
		if got := s.call(t, http.MethodPost, path, `{"name":"n"}`); got.Status != http.StatusOK {
			t.Errorf("%s gives %d", path, got.Status)
		}
	}
}

func TestABodyWithoutAMediaTypeIsTakenForJSON(t *testing.T) {
	s := serve(t, plain)
	if got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`, "Content-Type", ""); got.Status != http.StatusOK {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
}

func TestUndeclaredMembersAreDroppedWhereTheEndpointSaysSo(t *testing.T) {
	s := serve(t, func(*order) setup { return setup{drop: true} })
	got := s.call(t, http.MethodPost, "/alerts/x", `{"new":{"deep":[1]},"name":"n","NAME":"m"}`)
	if got.Status != http.StatusOK || !strings.Contains(got.Body, `"name":"n"`) {
		t.Errorf("answer %d %s", got.Status, got.Body)
	}
	broken := s.call(t, http.MethodPost, "/alerts/x", `{"new":{"deep":[1,]},"name":"n"}`)
	if broken.Status != http.StatusBadRequest {
		t.Errorf("a dropped member must still be JSON: %d", broken.Status)
	}
}

func TestOneLogLineARequestNamesTheRouteAndNeverTheURL(t *testing.T) {
	s := serve(t, plain)
	s.call(t, http.MethodPost, "/alerts/x?token="+canary, `{"name":"n"}`)
	line := s.log.String()
	if strings.Count(line, "\n") != 1 {
		t.Errorf("want one line, got:\n%s", line)
	}
	frameworktest.LeaksNoSecret(t, canary, line)
	for _, want := range []string{"route=/alerts/{id}", "status=200", "method=POST", "identity=visitor", "request_id=", "duration_ms="} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
}

func TestTheRequestIDReachesTheHandler(t *testing.T) {
	var seen string
	s := serve(t, func(*order) setup {
		return setup{handle: func(ctx context.Context, _ *alertInput) (*alertOutput, error) {
			seen = framework.RequestID(ctx)
			return &alertOutput{}, nil
		}}
	})
	got := s.call(t, http.MethodPost, "/alerts/x", `{"name":"n"}`, framework.RequestIDHeader, "forged")
	if seen == "" || seen != got.Header.Get(framework.RequestIDHeader) || seen == "forged" {
		t.Errorf("handler saw %q, the answer has %q", seen, got.Header.Get(framework.RequestIDHeader))
	}
}

func TestARouteThatIsOpenByMistakeIsRefused(t *testing.T) {
	o := &order{}
	route := framework.Endpoint[struct{}, alertOutput]{Method: http.MethodGet, Path: "/x", ID: "x", Handle: nil}.Route()
	locked := []framework.Named[framework.Before]{{Name: "door", Part: door{step{to: o}}}}
	for _, c := range []struct {
		name  string
		chain framework.Chain
		want  string
	}{
		{"no plugin", framework.Chain{}, "say public: true"},
		{"a plugin that authenticates nobody", framework.Chain{Before: []framework.Named[framework.Before]{{Name: "s", Part: step{to: o}}}}, "say public: true"},
		{"public and locked", framework.Chain{Public: true, Before: locked}, "contradicts"},
		{"public", framework.Chain{Public: true}, ""},
		{"locked", framework.Chain{Before: locked}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(route, c.chain)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestWrongTagsAndClashingPathsAreErrorsAtStart(t *testing.T) {
	type badFormat struct {
		Body struct {
			At string `json:"at" format:"postcode"`
		}
	}
	type badPattern struct {
		Body struct {
			At string `json:"at" pattern:"("`
		}
	}
	type badTag struct {
		Body struct {
			N int `json:"n" minimum:"many"`
		}
	}
	type noTag struct{ Name string }
	open := framework.Chain{Public: true}
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		route framework.Route
		want  []string
	}{
		{framework.Endpoint[badFormat, alertOutput]{Method: "POST", Path: "/1", ID: "one"}.Route(), []string{"badFormat", "field At of", `the format "postcode" is not known`}},
		{framework.Endpoint[badPattern, alertOutput]{Method: "POST", Path: "/2", ID: "two"}.Route(), []string{"badPattern", "field At of", "pattern"}},
		{framework.Endpoint[badTag, alertOutput]{Method: "POST", Path: "/3", ID: "three"}.Route(), []string{"badTag", "field N of", "minimum"}},
		{framework.Endpoint[noTag, alertOutput]{Method: "POST", Path: "/4", ID: "four"}.Route(), []string{"noTag", "Name", "path, query and header"}},
	} {
		err := funnel.Mount(c.route, open)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not name %s", err, want)
			}
		}
	}
	good := framework.Endpoint[struct{}, alertOutput]{Method: "GET", Path: "/same", ID: "same"}.Route()
	if err := funnel.Mount(good, open); err != nil {
		t.Fatal(err)
	}
	if err := funnel.Mount(good, open); err == nil {
		t.Error("the same path was mounted twice")
	}
}

func TestTheDocumentIsServedAndDocsWorkWithoutOtherHosts(t *testing.T) {
	s := serve(t, plain)
	document := s.call(t, http.MethodGet, "/openapi.json", "")
	var decoded struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document.Body), &decoded); err != nil {
		t.Fatal(err)
	}
	if decoded.OpenAPI != "3.1.0" || decoded.Paths["/alerts/{id}"]["post"] == nil {
		t.Errorf("document: %s", document.Body)
	}
	page := s.call(t, http.MethodGet, "/docs/", "")
	if page.Status != http.StatusOK || strings.Contains(page.Body, "//") || strings.Contains(page.Header.Get("Content-Security-Policy"), "script-src 'self' ") {
		t.Errorf("docs page: %d %s %s", page.Status, page.Header.Get("Content-Security-Policy"), page.Body)
	}
	for _, asset := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "start.js", "favicon-32x32.png"} {
		if got := s.call(t, http.MethodGet, "/docs/"+asset, ""); got.Status != http.StatusOK || got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %q", asset, got.Status, got.Header.Get("Content-Type"))
		}
	}
	problem(t, s.call(t, http.MethodGet, "/docs/../secret", ""))
	problem(t, s.call(t, http.MethodGet, "/docs/nothing.js", ""))
}
