package framework

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// judged has one of everything that a schema may say.
type judged struct {
	Text    string                  `json:"text" minLength:"2" maxLength:"5"`
	Code    string                  `json:"code,omitempty" pattern:"^[a-z]+[0-9]*$"`
	Level   string                  `json:"level,omitempty" enum:"low,high"`
	Count   int                     `json:"count,omitempty" minimum:"-3" maximum:"10"`
	Ratio   float64                 `json:"ratio,omitempty" exclusiveMinimum:"0" exclusiveMaximum:"1"`
	Even    int                     `json:"even,omitempty" multipleOf:"2"`
	Flag    bool                    `json:"flag,omitempty"`
	Maybe   *string                 `json:"maybe,omitempty" nullable:"true"`
	Tags    []string                `json:"tags,omitempty" minItems:"1" maxItems:"3" uniqueItems:"true"`
	Values  map[string]StringOrList `json:"values,omitempty" maxProperties:"2"`
	Nested  *nested                 `json:"nested,omitempty"`
	Free    JSON                    `json:"free,omitempty"`
	Open    Open[nested]            `json:"open,omitzero"`
	Matrix  [][]int                 `json:"matrix,omitempty"`
	Numbers [2]int32                `json:"numbers,omitzero"`
}

type nested struct {
	ID   string  `json:"id"`
	Next *nested `json:"next,omitempty"`
}

// judge compiles the published schema with an implementation that shares nothing with ours.
func judge(tb testing.TB, s *schemas, ref string) *jsonschema.Schema {
	tb.Helper()
	published, err := json.Marshal(map[string]any{"components": map[string]any{"schemas": s.registry.Map()}})
	if err != nil {
		tb.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mem:///openapi.json", document); err != nil {
		tb.Fatal(err)
	}
	schema, err := compiler.Compile("mem:///openapi.json" + ref)
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

func FuzzTheCheckAgreesWithAnIndependentJudge(f *testing.F) {
	for _, seed := range []string{
		`{"text":"abc"}`, `{"text":"a"}`, `{"text":"äöüßé!"}`, `{"text":"abc","code":"ab1","level":"low","count":-3,"ratio":0.5,"even":4,"flag":true}`,
		`{"text":"abc","maybe":null,"tags":["a","b"],"values":{"a":"x","b":["y"]},"nested":{"id":"1","next":{"id":"2"}}}`,
		`{"text":"abc","tags":["a","\u0061"]}`, `{"text":"abc","tags":[]}`, `{"text":null}`, `[]`, `{"text":"abc","free":{"any":[1,null]}}`,
		`{"text":"abc","open":{"id":"x","more":1}}`, `{"text":"abc","open":{"more":1}}`, `{"text":"abc","matrix":[[1],[]],"numbers":[1,2]}`,
		`{"text":"abc","numbers":[1]}`, `{"text":"abc","values":{"a":"x","b":"y","c":"z"}}`, `{"text":"abc","unknown":1}`, `{"text":"abc","even":3}`, `{"text":"abc","ratio":1}`,
	} {
		f.Add([]byte(seed))
	}
	s := newSchemas()
	schema, checker, err := s.ofType(reflect.TypeFor[judged](), "judged")
	if err != nil {
		f.Fatal(err)
	}
	other := judge(f, s, schema.Ref)
	f.Fuzz(func(t *testing.T, document []byte) {
		violations, _, err := checker.check(document, Reject)
		if err != nil {
			return // not JSON as we want it; the judge's decoder is more lenient
		}
		for _, v := range violations {
			if strings.Contains(v.Message, "without fraction or exponent") || strings.Contains(v.Message, "must fit") || strings.Contains(v.Message, "fits 64 bits") {
				return // refused for the sake of the Go type, which JSON Schema does not know
			}
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		if err != nil {
			t.Fatalf("the judge cannot read what we accept as JSON: %v", err)
		}
		verdict := other.Validate(value)
		if (verdict == nil) != (len(violations) == 0) {
			t.Fatalf("%s\njudge: %v\nours: %v", document, verdict, violations)
		}
		if len(violations) == 0 {
			var into judged
			if err := json.Unmarshal(document, &into); err != nil {
				t.Fatalf("valid by the schema, but does not decode: %v", err)
			}
		}
	})
}

func TestOutputLosesWhatItsSchemaDoesNotDeclare(t *testing.T) {
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, document, want string }{
		{"nothing to lose", `{"id":"1"}`, `{"id":"1"}`},
		{"the first member", `{"x":1,"id":"1"}`, `{"id":"1"}`},
		{"the last member", `{"id":"1","x":{"y":[1,2]}}`, `{"id":"1"}`},
		{"one in the middle", `{"id":"1","x":"a,b","next":{"id":"2"}}`, `{"id":"1","next":{"id":"2"}}`},
		{"several at the start", `{"x":1,"y":2,"id":"1"}`, `{"id":"1"}`},
		{"one deep inside", `{"next":{"x":1,"id":"2","y":1},"id":"1"}`, `{"next":{"id":"2"},"id":"1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			violations, cuts, err := checker.check([]byte(c.document), Drop)
			if err != nil || len(violations) > 0 {
				t.Fatal(err, violations)
			}
			if diff := cmp.Diff(c.want, string(without([]byte(c.document), cuts))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzStrippingLeavesAValidDocumentThatNeedsNoMore(f *testing.F) {
	for _, seed := range []string{`{"x":1,"id":"1"}`, `{"id":"1","x":2,"next":{"y":1,"id":"2"}}`, `{"x":1,"y":2,"id":"","z":[{}]}`} {
		f.Add([]byte(seed))
	}
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var value any
		if json.Unmarshal(document, &value) != nil {
			return
		}
		compact, err := json.Marshal(value, json.Deterministic(true))
		if err != nil {
			return
		}
		violations, cuts, err := checker.check(compact, Drop)
		if err != nil || len(violations) > 0 {
			return
		}
		stripped := without(compact, cuts)
		violations, more, err := checker.check(stripped, Reject)
		if err != nil || len(violations) > 0 || len(more) > 0 {
			t.Fatalf("%s was stripped to %s: %v %v", compact, stripped, err, violations)
		}
	})
}

func TestADeepDocumentIsRefusedInBoundedTime(t *testing.T) {
	s := newSchemas()
	_, checker, err := s.ofType(reflect.TypeFor[nested](), "nested")
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"id":"1","next":`, 200_000) + "null" + strings.Repeat("}", 200_000)
	if _, _, err := checker.check([]byte(deep), Reject); err == nil {
		t.Error("a document nested 200,000 deep was accepted")
	}
}
