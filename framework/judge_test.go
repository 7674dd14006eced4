package framework

import (
	"bytes"
	stdjson "encoding/json"
	"flag"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// comparison holds our checker and the judge's.
type comparison struct {
	ours  *node
	form  *form
	judge *jsonschema.Schema
}

func newComparison(tb testing.TB) comparison {
	tb.Helper()
	s := newSchemas()
	schema, checker, err := s.ofType(reflect.TypeFor[judged](), "judged")
	if err != nil {
		tb.Fatal(err)
	}
	return comparison{checker, formOf(reflect.TypeFor[judged]()), judge(tb, s, schema.Ref)}
}

func (c comparison) agree(t *testing.T, document []byte) {
	t.Helper()
	violations, _, err := c.ours.check(document, Reject)
	if err != nil {
		return // not JSON as we want it; the judge's decoder is more lenient
	}
	if slices.ContainsFunc(violations, isOursAlone) {
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatalf("the judge cannot read what we accept as JSON: %v", err)
	}
	if hasHugeNumber(value) {
		return // the judge computes it exactly, however long that takes
	}
	verdict := c.judge.Validate(value)
	onlyFormats := !slices.ContainsFunc(violations, func(v Field) bool { return v.Rule != "format" })
	if verdict == nil && len(violations) > 0 && onlyFormats && judgeIsLenient(value) {
		return
	}
	if (verdict == nil) != (len(violations) == 0) {
		t.Fatalf("%s\njudge: %v\nours: %v", document, verdict, violations)
	}
	if len(violations) == 0 {
		var into judged
		if err := decodeChecked(document, &into); err != nil {
			t.Fatalf("valid by the schema, but does not decode: %v", err)
		}
		var filled judged
		if _, ok, err := c.ours.fill(document, Reject, c.form, reflect.ValueOf(&filled).Elem()); !ok || err != nil {
			t.Fatalf("%s decodes, but is not filled: %v", document, err)
		}
		if !reflect.DeepEqual(into, filled) {
			t.Fatalf("%s\ndecoded: %+v\nfilled: %+v", document, into, filled)
		}
	}
}

// isOursAlone is a refusal for the sake of the Go type, which JSON Schema does not know.
func isOursAlone(v Field) bool {
	return strings.Contains(v.Message, "without fraction or exponent") || strings.Contains(v.Message, "must fit") || strings.Contains(v.Message, "fits 64 bits")
}

// hasHugeNumber reports whether a document has a number that the judge would take very long for.
func hasHugeNumber(value any) bool {
	switch value := value.(type) {
	case stdjson.Number:
		_, ok := parseDecimal([]byte(value))
		return !ok
	case []any:
		return slices.ContainsFunc(value, hasHugeNumber)
	case map[string]any:
		for _, member := range value {
			if hasHugeNumber(member) {
				return true
			}
		}
	}
	return false
}

// judgeIsLenient tells where the judge is known to accept what the format does not allow: it reads numbers with a sign inside
// addresses and times, times that Go cannot hold, mailboxes without a local part or with control characters in quotes, durations that leave out a unit in
// the middle, and URIs with characters that RFC 3986 does not have.
func judgeIsLenient(value any) bool {
	object, _ := value.(map[string]any)
	text := func(name string) string { s, _ := object[name].(string); return s }
	local, _, _ := strings.Cut(text("mail"), "@")
	return strings.ContainsAny(text("v4"), "+-") || strings.Contains(text("mail"), "[") || local == "" && text("mail") != "" || strings.Contains(text("mail"), `"`) ||
		!isHeldByGo(text("when")) || !isHeldByGo(text("at")) || text("link") != "" && !uriPattern.MatchString(text("link"))
}

// isHeldByGo reports whether a time can be read, and written again in UTC, by Go.
func isHeldByGo(text string) bool {
	var at time.Time
	if text == "" || json.Unmarshal([]byte(strconv.Quote(text)), &at) != nil {
		return text == ""
	}
	_, err := json.Marshal(at.UTC())
	return err == nil
}

// uriPattern has the characters of RFC 3986.
var uriPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*$`)

var documents = flag.Int("documents", 20_000, "how many random documents the judge and we are asked about")

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
		compare.agree(t, document)
		if violations, _, err := compare.ours.check(document, Reject); err == nil && len(violations) == 0 {
			valid++
		}
	}
	t.Logf("no disagreement on %d documents (seed %d), %d of them valid", *documents, seed, valid)
	if valid < *documents/20 || valid > *documents*19/20 {
		t.Errorf("%d of %d documents are valid: the author of the documents is not worth its pay", valid, *documents)
	}
}
