package framework

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// judged has one of everything that a schema may say.
type judged struct {
	Text     string                  `json:"text" minLength:"2" maxLength:"5"`
	Code     string                  `json:"code,omitempty" pattern:"^[a-z]+[0-9]*$"`
	Level    string                  `json:"level,omitempty" enum:"low,high"`
	Step     float64                 `json:"step,omitempty" enum:"0.5,1,100"`
	Count    int                     `json:"count,omitempty" minimum:"-3" maximum:"10"`
	Ratio    float64                 `json:"ratio,omitempty" exclusiveMinimum:"0" exclusiveMaximum:"1"`
	Even     int                     `json:"even,omitempty" multipleOf:"2"`
	Tenth    float64                 `json:"tenth,omitempty" multipleOf:"0.1" maximum:"9007199254740992"`
	Flag     bool                    `json:"flag,omitempty"`
	Maybe    *string                 `json:"maybe,omitempty" nullable:"true"`
	Tags     []string                `json:"tags,omitempty" minItems:"1" maxItems:"3" uniqueItems:"true"`
	Distinct []JSON                  `json:"distinct,omitempty" uniqueItems:"true"`
	Kids     []nested                `json:"kids,omitempty" uniqueItems:"true"`
	Choices  []Choice[shapes]        `json:"choices,omitempty" uniqueItems:"true" maxItems:"3"`
	Values   map[string]StringOrList `json:"values,omitempty" maxProperties:"2"`
	Nested   *nested                 `json:"nested,omitempty"`
	OrNull   OrNull[nested]          `json:"or_null,omitzero"`
	Free     JSON                    `json:"free,omitempty"`
	Open     Open[nested]            `json:"open,omitzero"`
	Choice   Choice[shapes]          `json:"choice,omitzero"`
	Matrix   [][]int                 `json:"matrix,omitempty"`
	Numbers  [2]int32                `json:"numbers,omitzero"`
	Blob     []byte                  `json:"blob,omitempty"`
	Tiny     int8                    `json:"tiny,omitempty"`
	Port     uint16                  `json:"port,omitempty" minimum:"1"`
	Huge     uint64                  `json:"huge,omitempty"`
	Single   float32                 `json:"single,omitempty"`
	Grade    *string                 `json:"grade,omitempty" nullable:"true" enum:"a,b"`
	When     string                  `json:"when,omitempty" format:"date-time"`
	UTC      string                  `json:"utc,omitempty" format:"date-time" pattern:"Z$"`
	Day      string                  `json:"day,omitempty" format:"date"`
	Lasts    string                  `json:"lasts,omitempty" format:"duration"`
	Mail     string                  `json:"mail,omitempty" format:"email"`
	Host     string                  `json:"host,omitempty" format:"hostname"`
	V4       string                  `json:"v4,omitempty" format:"ipv4"`
	V6       string                  `json:"v6,omitempty" format:"ipv6"`
	Link     string                  `json:"link,omitempty" format:"uri"`
	Identity string                  `json:"identity,omitempty" format:"uuid"`
	At       time.Time               `json:"at,omitzero"`
}

type nested struct {
	ID   string  `json:"id"`
	Next *nested `json:"next,omitempty"`
}

type shapes struct {
	Circle *struct {
		Radius int `json:"radius" minimum:"1"`
	} `choice:"circle"`
	Line *struct {
		From string `json:"from"`
		To   string `json:"to,omitempty"`
	} `choice:"line"`
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
	compiler.AssertFormat()
	compiler.AssertContent()
	for _, format := range numberFormats() {
		compiler.RegisterFormat(format)
	}
	if err := compiler.AddResource("mem:///openapi.json", document); err != nil {
		tb.Fatal(err)
	}
	schema, err := compiler.Compile("mem:///openapi.json" + ref)
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

// numberFormats are those of OpenAPI's registry of formats, which JSON Schema does not know.
func numberFormats() []*jsonschema.Format {
	power := func(exponent uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), exponent) }
	integer := func(name string, least, end *big.Int) *jsonschema.Format {
		return &jsonschema.Format{Name: name, Validate: func(v any) error {
			number, ok := new(big.Rat).SetString(fmt.Sprint(v))
			if _, is := v.(stdjson.Number); is && ok && number.IsInt() && (number.Num().Cmp(least) < 0 || number.Num().Cmp(end) >= 0) {
				return errors.New("out of range")
			}
			return nil
		}}
	}
	double := func(v any) error {
		text, is := v.(stdjson.Number)
		exact, ok := new(big.Rat).SetString(string(text))
		if held, _ := exact.Float64(); is && ok && (math.IsInf(held, 0) || held == 0 && exact.Sign() != 0) {
			return errors.New("out of range")
		}
		return nil
	}
	return []*jsonschema.Format{
		integer("int64", new(big.Int).Neg(power(63)), power(63)), integer("uint64", new(big.Int), power(64)),
		integer("int32", new(big.Int).Neg(power(31)), power(32)), integer("uint32", new(big.Int), power(32)),
		{Name: "double", Validate: double},
		{Name: "float", Validate: double},
	}
}

func FuzzTheCheckAgreesWithAnIndependentJudge(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	compare := newComparison(f)
	f.Fuzz(func(t *testing.T, document []byte) { compare.agree(t, document) })
}

// FuzzTheCheckAgreesOnDocumentsThatAreAlmostRight makes JSON of the input, most of it near to what the schema allows.
func FuzzTheCheckAgreesOnDocumentsThatAreAlmostRight(f *testing.F) {
	for i := range byte(64) {
		f.Add(bytes.Repeat([]byte{i, 7 * i, 31, i * i}, 12))
	}
	compare := newComparison(f)
	f.Fuzz(func(t *testing.T, program []byte) { compare.agree(t, (&author{program: program}).object(0)) })
}

var documents = flag.Int("documents", 10_000, "how many random documents the judge and we are asked about")

func TestTheJudgeAgreesOnRandomDocuments(t *testing.T) {
	compare := newComparison(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	valid, program := 0, make([]byte, 64)
	for range *documents {
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		document := (&author{program: program[:1+random.IntN(len(program)-1)]}).object(0)
		if compare.agree(t, document) {
			valid++
		}
	}
	t.Logf("no disagreement on %d documents (seed %d), %d of them valid; excused: %v", *documents, seed, valid, compare.excused)
	if valid < *documents/20 || valid > *documents*19/20 {
		t.Errorf("%d of %d documents are valid: the author of the documents is not worth its pay", valid, *documents)
	}
}
