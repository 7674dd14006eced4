package framework_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// picky is a text that the schema knows nothing about.
type picky string

func (p *picky) UnmarshalText(text []byte) error {
	if string(text) == "bad" {
		return errors.New("no")
	}
	*p = picky(text)
	return nil
}

type pickyShape struct {
	Deep []struct {
		Text picky `json:"text"`
	} `json:"deep"`
}

type pickyChoice struct {
	Shape *pickyShape `choice:"shape"`
}

func TestWhatAGoTypeRefusesIsFoundByItsPlaceInTheBody(t *testing.T) {
	type body struct {
		Plain  *pickyShape                              `json:"plain,omitempty"`
		Choice []framework.Choice[pickyChoice]          `json:"choice,omitempty"`
		Open   framework.Open[pickyShape]               `json:"open,omitzero"`
		OrNull framework.OrNull[pickyShape]             `json:"or_null,omitzero"`
		Named  map[string]framework.Choice[pickyChoice] `json:"named,omitempty"`
	}
	type input struct{ Body body }
	funnel := newFunnel(t, slog.New(slog.DiscardHandler))
	if err := funnel.Mount(framework.Endpoint[input, rich]{
		Method: http.MethodPost, Path: "/picky", ID: "picky",
		Handle: func(context.Context, *input) (*rich, error) { return &rich{}, nil },
	}.Route(), framework.Chain{Public: true}); err != nil {
		t.Fatal(err)
	}
	const shape = `"deep":[{"text":"good"},{"text":"bad"}]`
	for _, c := range []struct{ name, body, want string }{
		{"a struct", `{"plain":{` + shape + `}}`, "/plain/deep/1/text"},
		{"a choice", `{"choice":[{"type":"shape","deep":[]},{"type":"shape",` + shape + `}]}`, "/choice/1/deep/1/text"},
		{"a choice in a map", `{"named":{"a/b":{"type":"shape",` + shape + `}}}`, "/named/a~1b/deep/1/text"},
		{"an open object", `{"open":{"x":1,` + shape + `}}`, "/open/deep/1/text"},
		{"an object or null", `{"or_null":{` + shape + `}}`, "/or_null/deep/1/text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			funnel.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/picky", strings.NewReader(c.body)))
			var p framework.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Pointer != c.want {
				t.Errorf("%d %+v, want one at %s", p.Status, p.Errors, c.want)
			}
		})
	}
}
