package framework

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

type whereabouts struct {
	_    struct{} `discriminator:"kind"`
	Host *struct {
		Name string `json:"name"`
	} `choice:"host"`
	Nowhere *struct{} `choice:"nowhere"`
}

func TestAChoiceIsWrittenAsItIsRead(t *testing.T) {
	for _, document := range []string{`{"kind":"host","name":"WS-042"}`, `{"kind":"nowhere"}`} {
		var read Choice[whereabouts]
		if err := json.Unmarshal([]byte(document), &read); err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		written, err := json.Marshal(read)
		if diff := cmp.Diff(document, string(written)); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestAChoiceHasExactlyOneShape(t *testing.T) {
	host := &struct {
		Name string `json:"name"`
	}{"a"}
	for name, value := range map[string]whereabouts{"none": {}, "two": {Host: host, Nowhere: &struct{}{}}} {
		if written, err := json.Marshal(Choice[whereabouts]{value}); !errors.Is(err, errNoChoice) {
			t.Errorf("%s was written as %s: %v", name, written, err)
		}
	}
	for _, document := range []string{`{}`, `{"kind":"elsewhere"}`, `{"kind":7}`, `{"name":"a"}`, `[]`, `"host"`, `null`, `{"Kind":"host"}`} {
		into := Choice[whereabouts]{Value: whereabouts{Host: host}}
		if err := json.Unmarshal([]byte(document), &into); err == nil {
			t.Errorf("%s was read as %+v", document, into)
		}
	}
	into := Choice[whereabouts]{Value: whereabouts{Host: host}}
	if err := json.Unmarshal([]byte(`{"kind":"nowhere"}`), &into); err != nil || into.Value.Host != nil || into.Value.Nowhere == nil {
		t.Errorf("what was chosen before is left: %+v %v", into, err)
	}
}

// TestADiscriminatorIsFoundWhereverItStands also behind members that look like it.
func TestADiscriminatorIsFoundWhereverItStands(t *testing.T) {
	for _, c := range []struct {
		object, want string
		found        bool
	}{
		{`{"kind":"a"}`, "a", true},
		{`{"x":{"kind":"b"},"y":["kind","c"],"kind":"a"}`, "a", true},
		{`{"\u006bind":"\u0061"}`, "a", true},
		{`{"x":"kind","z":"kind"}`, "", false},
		{`{"kind":{"kind":"a"}}`, "", false},
		{`{"kind":null}`, "", false},
		{`{"kind":""}`, "", true},
		{`[]`, "", false},
		{`"kind"`, "", false},
		{``, "", false},
		{`{"x":`, "", false},
		{`{"kind":"a`, "", false},
	} {
		if got, found := discriminatorOf([]byte(c.object), "kind"); got != c.want || found != c.found {
			t.Errorf("%s: %q %t", c.object, got, found)
		}
	}
}

func TestWrongChoicesAreErrorsAtTheStart(t *testing.T) {
	for _, c := range []struct {
		name string
		of   reflect.Type
		want string
	}{
		{"no struct", reflect.TypeFor[Choice[int]](), "needs a struct"},
		{"nothing to choose", reflect.TypeFor[Choice[struct{}]](), "nothing to choose from"},
		{"a field that is no pointer", reflect.TypeFor[Choice[struct {
			A struct{} `choice:"a"`
		}]](), "field A of"},
		{"a field without a name", reflect.TypeFor[Choice[struct{ A *struct{} }]](), "field A of"},
		{"a name twice", reflect.TypeFor[Choice[struct {
			A *struct{} `choice:"a"`
			B *struct{} `choice:"a"`
		}]](), "given twice"},
		{"a member that is the discriminator", reflect.TypeFor[Choice[struct {
			A *struct {
				Type string `json:"type"`
			} `choice:"a"`
		}]](), "has a member type"},
		{"an open value that is no object", reflect.TypeFor[Open[[]int]](), "needs a struct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := newSchemas().ofType(c.of, "wrong"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
