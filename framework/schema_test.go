package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

type ipTarget struct {
	Address string `json:"address" format:"ip"`
}

type userTarget struct {
	Name string `json:"name" minLength:"1"`
}

type targets struct {
	_    struct{}    `discriminator:"kind"`
	IP   *ipTarget   `choice:"ip"`
	User *userTarget `choice:"user"`
}

type richInput struct {
	Tags  []string  `query:"tag" maxItems:"2"`
	Since time.Time `query:"since"`
	Body  rich
}

type rich struct {
	Target framework.Choice[targets]    `json:"target"`
	Owner  framework.OrNull[userTarget] `json:"owner,omitzero"`
	Level  string                       `json:"level,omitempty" default:"low" enum:"low,high"`
	Inner  richInner                    `json:"inner,omitzero"`
}

type richInner struct {
	Limit int      `json:"limit,omitempty" default:"7"`
	Words []string `json:"words,omitempty" default:"[\"a\",\"b\"]"`
}

// echo answers with what the handler got.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	route := framework.Endpoint[richInput, rich]{
		Method: http.MethodPost, Path: "/rich", ID: "rich",
		Handle: func(_ context.Context, in *richInput) (*rich, error) {
			if len(in.Tags) > 0 {
				in.Body.Level = strings.Join(in.Tags, "+")
			}
			in.Body.Inner.Words = append(in.Body.Inner.Words, "changed")[:len(in.Body.Inner.Words)]
			return &in.Body, nil
		},
	}.Route()
	if err := funnel.Mount(route, framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(funnel)
	t.Cleanup(server.Close)
	return server
}

func TestAbsentMembersTakeTheirDefaultsAndOthersDoNot(t *testing.T) {
	s := &server{Server: echo(t)}
	for range 2 { // a default that a handler changed must not be changed for the next call
		got := s.call(t, http.MethodPost, "/rich", `{"target":{"kind":"ip","address":"::1"}}`)
		want := `{"target":{"kind":"ip","address":"::1"},"level":"low","inner":{"limit":7,"words":["a","b"]}}`
		if diff := cmp.Diff(want, got.Body); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	got := s.call(t, http.MethodPost, "/rich", `{"target":{"name":"jdoe","kind":"user"},"level":"high","owner":null,"inner":{"limit":1,"words":[]}}`)
	if want := `{"target":{"kind":"user","name":"jdoe"},"level":"high","inner":{"limit":1}}`; got.Body != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}

func TestAChoiceIsCheckedByTheShapeThatItNames(t *testing.T) {
	s := &server{Server: echo(t)}
	for _, c := range []struct {
		name, body string
		want       []framework.Field
	}{
		{"no discriminator", `{"target":{"address":"::1"}}`, fields("body", "/target/kind", "required", "is missing, or is no string")},
		{"an unknown shape", `{"target":{"kind":"host"}}`, fields("body", "/target/kind", "enum", "must be one of the listed values")},
		{"a broken shape", `{"target":{"address":"localhost","kind":"ip"}}`, fields("body", "/target/address", "format", "must be of the format ip")},
		{"another shape's member", `{"target":{"kind":"user","name":"a","address":"::1"}}`, fields("body", "/target/address", "additionalProperties", "is not a member that is known here")},
		{"no object", `{"target":"ip"}`, fields("body", "/target", "type", "must be an object")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, problem(t, s.call(t, http.MethodPost, "/rich", c.body)).Errors); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAParameterMayBeAListOrATime(t *testing.T) {
	s := &server{Server: echo(t)}
	const body = `{"target":{"kind":"ip","address":"::1"}}`
	if got := s.call(t, http.MethodPost, "/rich?since=2026-11-20T12:00:00Z", body); got.Status != http.StatusOK {
		t.Errorf("a time: %d %s", got.Status, got.Body)
	}
	p := problem(t, s.call(t, http.MethodPost, "/rich?since=yesterday&tag=a&tag=b&tag=c", body))
	want := append(fields("query", "tag", "maxItems", "must have at most 2 items"), fields("query", "since", "format", "must be of the format date-time")...)
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBombsAreRefusedInBoundedTime(t *testing.T) {
	s := serve(t, plain)
	for name, body := range map[string]string{
		"nesting":             `{"name":"n","x":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`,
		"nesting, unclosed":   strings.Repeat(`{"a":`, 100_000),
		"a huge exponent":     `{"name":"n","count":1e999999999}`,
		"a tiny exponent":     `{"name":"n","count":1e-999999999}`,
		"a very long integer": `{"name":"n","count":` + strings.Repeat("9", 500_000) + `}`,
		"a lone surrogate":    `{"name":"\ud800"}`,
		"half a pair":         `{"name":"\udc00\ud800"}`,
		"a NUL in the text":   "{\"name\":\"\x00\"}",
		"a byte order mark":   "\ufeff{\"name\":\"n\"}",
		"many members":        `{"name":"n","fields":{` + strings.TrimSuffix(manyMembers(50_000), ",") + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := s.call(t, http.MethodPost, "/alerts/x", body)
			if name == "many members" {
				if got.Status != http.StatusOK {
					t.Errorf("status %d", got.Status)
				}
				return
			}
			if p := problem(t, got); p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
}

func manyMembers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `"f%d":"v",`, i)
	}
	return text.String()
}

func TestDefaultsAndChoicesThatCannotWorkAreErrorsAtStart(t *testing.T) {
	type inList struct {
		Body struct {
			Items []richInner `json:"items,omitempty"`
		}
	}
	type required struct {
		Body struct {
			Level string `json:"level" default:"low"`
		}
	}
	type wrong struct {
		Body struct {
			Limit int `json:"limit,omitempty" default:"many"`
		}
	}
	type notAChoice struct {
		Body framework.Choice[struct{ A string }]
	}
	for _, c := range []struct {
		route framework.Route
		want  string
	}{
		{framework.Endpoint[inList, rich]{Method: "POST", Path: "/1", ID: "a"}.Route(), "Limit of framework_test.richInner has a default, which is not applied inside a list"},
		{framework.Endpoint[required, rich]{Method: "POST", Path: "/2", ID: "b"}.Route(), "has a default and is required"},
		{framework.Endpoint[wrong, rich]{Method: "POST", Path: "/3", ID: "c"}.Route(), "Limit"},
		{framework.Endpoint[notAChoice, rich]{Method: "POST", Path: "/4", ID: "d"}.Route(), "field A of"},
	} {
		err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(c.route, framework.Chain{Public: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestAChoiceWithNothingOrTwoThingsSetIsNotEncoded(t *testing.T) {
	for _, value := range []targets{{}, {IP: &ipTarget{}, User: &userTarget{}}} {
		if encoded, err := json.Marshal(framework.Choice[targets]{Value: value}); err == nil {
			t.Errorf("encoded as %s", encoded)
		}
	}
}

func TestALongNameAboveManyMistakesCostsNoMoreThanItsLength(t *testing.T) {
	s := serve(t, plain)
	// Before pointers were made only for what is reported, this took minutes and gigabytes.
	body := `{"name":"n","fields":{"` + strings.Repeat("k", 400_000) + `":[` + strings.TrimSuffix(strings.Repeat("1,", 250_000), ",") + `]}}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := s.call(t, http.MethodPost, "/alerts/x", body)
	runtime.ReadMemStats(&after)
	if p := problem(t, got); p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 32 {
		t.Errorf("%d with %d errors", p.Status, len(p.Errors))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
		t.Errorf("%d MiB were allocated for a body of %d bytes", used>>20, len(body))
	}
}

func TestAQueryIsReadStrictly(t *testing.T) {
	s := serve(t, plain)
	for _, query := range []string{"limit=%zz", "limit=1;2", "limit=+1", "limit=%201", "limit=null", "limit=[1]", "limit=1,2", "limit="} {
		if got := s.call(t, http.MethodPost, "/alerts/x?"+query, `{"name":"n"}`); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", query, got.Status, got.Body)
		}
	}
}

type treeNode struct {
	Kids []framework.Choice[tree] `json:"kids,omitempty"`
}

type tree struct {
	Node *treeNode `choice:"node"`
}

func TestAChoiceThatContainsItselfOrSaysThingsTwiceIsAnErrorAtStart(t *testing.T) {
	type recursive struct {
		Body framework.Choice[tree]
	}
	type twice struct {
		Body framework.Choice[struct {
			A *ipTarget   `choice:"same"`
			B *userTarget `choice:"same"`
		}]
	}
	type typed struct {
		Body framework.Choice[struct {
			A *struct {
				Type string `json:"type"`
			} `choice:"a"`
		}]
	}
	type withDefault struct {
		Body framework.Choice[struct {
			A *richInner `choice:"a"`
		}]
	}
	for _, c := range []struct {
		route framework.Route
		want  string
	}{
		{framework.Endpoint[recursive, rich]{Method: "POST", Path: "/1", ID: "a"}.Route(), "contains itself"},
		{framework.Endpoint[twice, rich]{Method: "POST", Path: "/2", ID: "b"}.Route(), "is given twice"},
		{framework.Endpoint[typed, rich]{Method: "POST", Path: "/3", ID: "c"}.Route(), "which is the discriminator"},
		{framework.Endpoint[withDefault, rich]{Method: "POST", Path: "/4", ID: "d"}.Route(), "has a default, which is not applied"},
	} {
		err := newFunnel(t, slog.New(slog.DiscardHandler)).Mount(c.route, framework.Chain{Public: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
