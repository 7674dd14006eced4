package framework

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheNamesOfASchemaAreFoundWhereverTheyAre(t *testing.T) {
	type inner struct {
		Deep int `json:"deep"`
	}
	type output struct {
		List   [][]inner                    `json:"list"`
		Map    map[string]map[string]nested `json:"map"`
		OrNull OrNull[struct {
			Maybe string `json:"maybe"`
		}] `json:"or_null"`
		Choice Choice[shapes] `json:"choice"`
		Open   Open[struct {
			Opened string `json:"opened"`
		}] `json:"open"`
		Free JSON `json:"free"`
	}
	_, n, err := newSchemas().ofType(reflect.TypeFor[output](), "output")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"choice", "deep", "free", "from", "id", "list", "map", "maybe", "next", "open", "opened", "or_null", "radius", "to", "type"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(namesOf(n)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheMembersOfAProblemAreKnown(t *testing.T) {
	_, n, err := newSchemas().ofType(reflect.TypeFor[Problem](), "problem")
	if err != nil {
		t.Fatal(err)
	}
	all := namesOf(n)
	for name := range all {
		if !isProblemMember(name) {
			t.Errorf("%s is not known", name)
		}
	}
	if len(all) != 9 || isProblemMember("cause") || isProblemMember("") {
		t.Errorf("a problem has %v", all)
	}
}

// asker notes which of some names are declared.
type asker struct{ told map[string]bool }

func (a asker) After(_ context.Context, _ *Request, r *Response) error {
	for _, name := range []string{"id", "detail", "4111"} {
		a.told[name] = r.IsDeclared(name)
	}
	return nil
}

func TestAnAfterPluginLearnsWhatTheAnswerDeclares(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want map[string]bool
	}{
		"an answer":  {nil, map[string]bool{"id": true, "detail": false, "4111": false}},
		"a problem":  {NewProblem(http.StatusConflict, "No."), map[string]bool{"id": false, "detail": true, "4111": false}},
		"a bare 500": {errors.New("broken"), map[string]bool{"id": false, "detail": true, "4111": false}},
	} {
		t.Run(name, func(t *testing.T) {
			funnel, err := NewFunnel(Info{Title: "t", Version: "1"}, slog.New(slog.DiscardHandler), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			told := map[string]bool{}
			route := Endpoint[struct{}, nested]{
				Method: http.MethodGet, Path: "/declared", ID: "declared",
				Handle: func(context.Context, *struct{}) (*nested, error) { return &nested{ID: "1"}, c.err },
			}.Route()
			if err := funnel.Mount(route, Chain{Public: true, After: []Named[After]{{Name: "asker", Part: asker{told}}}}); err != nil {
				t.Fatal(err)
			}
			funnel.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/declared", nil))
			if diff := cmp.Diff(c.want, told); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
