package framework

import (
	"bytes"
	stdjson "encoding/json"
	"flag"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

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
	Grade    *string                 `json:"grade,omitempty" nullable:"true" enum:"a,b"`
	Formats
}

// Formats is exported since members of other embedded types are left out of the schema.
type Formats struct {
	When     string `json:"when,omitempty" format:"date-time"`
	Day      string `json:"day,omitempty" format:"date"`
	Lasts    string `json:"lasts,omitempty" format:"duration"`
	Mail     string `json:"mail,omitempty" format:"email"`
	Host     string `json:"host,omitempty" format:"hostname"`
	V4       string `json:"v4,omitempty" format:"ipv4"`
	V6       string `json:"v6,omitempty" format:"ipv6"`
	Link     string `json:"link,omitempty" format:"uri"`
	Identity string `json:"identity,omitempty" format:"uuid"`
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
		if err := json.Unmarshal(document, &into); err != nil {
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

// author writes a document, led by the bytes of a program.
type author struct{ program []byte }

// pick takes a byte and returns a number below n.
func (a *author) pick(n int) int {
	if len(a.program) == 0 {
		return 0
	}
	next := a.program[0]
	a.program = a.program[1:]
	return int(next) % n
}

func (a *author) object(depth int) []byte {
	names := []string{
		"text", "code", "level", "step", "count", "ratio", "even", "tenth", "flag", "maybe", "tags", "distinct", "values", "nested", "or_null", "free", "open",
		"choice", "matrix", "numbers", "blob", "when", "day", "lasts", "mail", "host", "v4", "v6", "link", "identity", "grade",
		"id", "next", "type", "radius", "from", "to", "Text", "other",
	}
	text, taken := []byte("{"), map[string]bool{}
	if depth == 0 {
		text, taken["text"] = append(text, `"text":"abc"`...), true
	}
	for range a.pick(5) {
		name := names[a.pick(len(names))]
		if taken[name] {
			continue
		}
		if taken[name] = true; len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, `"`+name+`":`...)
		text = append(text, a.value(name, depth)...)
	}
	return append(text, '}')
}

func (a *author) value(name string, depth int) []byte {
	if fitting := fittingValues()[name]; len(fitting) > 0 && a.pick(3) > 0 {
		return []byte(fitting[a.pick(len(fitting))])
	}
	switch choice := a.pick(8); {
	case choice == 0 && depth < 4:
		return a.object(depth + 1)
	case choice == 1 && depth < 4:
		list := []byte("[")
		for i := range a.pick(4) {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, a.value("", depth+1)...)
		}
		return append(list, ']')
	default:
		any := []string{
			"null", "true", "false", "0", "-0", "1", "1.0", "10", "11", "-3", "-4", "0.5", "0.3", "1e0", "1e2", "100", "5e-1", "2147483648", "9007199254740993", "1e-7",
			`""`, `"a"`, `"ab"`, `"abcdef"`, `"\u0061b"`, `"low"`, `"aGk="`, `"ü"`, `"circle"`, `"line"`, "[]", "{}", `{"id":"x"}`, `["a"]`, `["a","a"]`, "[[1]]",
		}
		return []byte(any[a.pick(len(any))])
	}
}

// fittingValues are values that a member may have, and some that it may just not.
func fittingValues() map[string][]string {
	return map[string][]string{
		"text": {`"ab"`, `"abcde"`, `"äöüßé"`}, "code": {`"a"`, `"a1"`, `"1a"`, `"a1b"`}, "level": {`"low"`, `"high"`, `"\u006cow"`, `"mid"`},
		"step": {"0.5", "5e-1", "1", "1.00", "1e2", "99"}, "count": {"-3", "10", "11", "-4"}, "ratio": {"0.1", "0", "1", "0.99999999999999999999"},
		"even": {"2", "3", "0", "-4"}, "tenth": {"0.1", "0.3", "0.30000000000000004", "1e-1", "1e-2", "9007199254740992", "9007199254740993"},
		"tags": {`["a"]`, `["a","b","c"]`, `["a","b","c","d"]`, `["a","\u0061"]`}, "distinct": {`[1,1.0]`, `[0.1,0.10000000000000001]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `[1,"1",true,null]`},
		"values": {`{"a":"x"}`, `{"a":["x","y"],"b":[]}`, `{"a":1}`}, "nested": {`{"id":"1"}`, `{"id":"1","next":{"id":"2"}}`, `{"id":"1","next":{}}`},
		"or_null": {"null", `{"id":"1"}`, `{"id":1}`}, "open": {`{"id":"1","x":[]}`, `{"x":1}`},
		"choice": {`{"type":"circle","radius":1}`, `{"radius":0,"type":"circle"}`, `{"type":"line","from":"a","to":"b"}`, `{"type":"line","radius":1}`, `{"type":"x"}`},
		"matrix": {"[[1,2],[]]", "[[1.5]]"}, "numbers": {"[1,2]", "[1,2,3]"}, "blob": {`"aGk="`, `"aGk"`, `"aG k="`},
		"when": {`"2026-11-20T12:00:00Z"`, `"2016-12-31T23:59:60Z"`, `"2016-12-31T22:59:60-01:00"`, `"2026-13-01T00:00:00Z"`, `"2026-11-20T12:00:00"`, `"2026-11-20T12:00:00+24:00"`},
		"day":  {`"2024-02-29"`, `"2026-02-29"`, `"0000-01-01"`}, "lasts": {`"P1D"`, `"PT5M"`, `"P1YT"`, `"P1Y1D"`, `"PT1S1M"`},
		"mail": {`"a@b.c"`, `"a.b@c"`, `".a@b"`, `"a@-b"`}, "host": {`"a.b"`, `"a..b"`, `"a.b."`, `"-a"`}, "v4": {`"1.2.3.4"`, `"1.2.3"`, `"01.2.3.4"`},
		"v6": {`"::1"`, `"::1%x"`, `"1::2::3"`, `"1.2.3.4"`}, "link": {`"http://a/b"`, `"a/b"`, `"urn:x:y"`, `"http://[::1"`},
		"grade":    {`"a"`, `"b"`, `"c"`, "null"},
		"identity": {`"123e4567-e89b-12d3-a456-426614174000"`, `"123e4567-e89b-12d3-a456-42661417400g"`},
	}
}

func seeds() []string {
	documents := []string{
		`{"text":"abc"}`, `{"text":"a"}`, `{"text":"äöüßé!"}`, `{"text":"abc","code":"ab1","level":"low","count":-3,"ratio":0.5,"even":4,"flag":true}`,
		`{"text":"abc","maybe":null,"tags":["a","b"],"values":{"a":"x","b":["y"]},"nested":{"id":"1","next":{"id":"2"}}}`,
		`{"text":"abc","tags":["a","\u0061"]}`, `{"text":"abc","tags":[]}`, `{"text":null}`, `[]`, `{"text":"abc","free":{"any":[1,null]}}`,
		`{"text":"abc","open":{"id":"x","more":1}}`, `{"text":"abc","open":{"more":1}}`, `{"text":"abc","matrix":[[1],[]],"numbers":[1,2]}`,
		`{"text":"abc","numbers":[1]}`, `{"text":"abc","values":{"a":"x","b":"y","c":"z"}}`, `{"text":"abc","unknown":1}`, `{"text":"abc","even":3}`, `{"text":"abc","ratio":1}`,
		`{"text":"abc","distinct":[1,1.0,1e0,"1",{"a":1,"b":2},{"b":2,"a":1},9007199254740993,9007199254740992]}`, `{"text":"abc","distinct":[0,-0,[null]]}`,
		`{"text":"abc","tenth":0.3}`, `{"text":"abc","tenth":0.30000000000000004}`, `{"text":"abc","tenth":9007199254740993}`, `{"text":"abc","step":1.0}`, `{"text":"abc","step":1e2}`, `{"text":"abc","step":5E-1}`,
		`{"text":"abc","or_null":null}`, `{"text":"abc","or_null":{"id":"1"}}`, `{"text":"abc","or_null":[]}`, `{"text":"abc","blob":"aGk="}`, `{"text":"abc","blob":"aGk"}`,
		`{"text":"abc","choice":{"type":"circle","radius":1}}`, `{"text":"abc","choice":{"radius":1,"type":"circle"}}`, `{"text":"abc","choice":{"type":"circle","from":"a"}}`,
		`{"text":"abc","choice":{"type":"line","from":"a"}}`, `{"text":"abc","choice":{"type":"square"}}`, `{"text":"abc","choice":{}}`, `{"text":"abc","choice":{"type":7}}`,
	}
	for member, values := range map[string][]string{
		"when":     {"2026-11-20T12:00:00Z", "2026-11-20t12:00:00.5+01:00", "2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "2016-12-31T22:59:60-01:00", "2026-11-20 12:00:00Z", "2026-11-20T24:00:00Z"},
		"day":      {"2026-11-20", "2026-11-31", "20261120"},
		"lasts":    {"P1D", "PT1H30M", "P2W", "P", "PT", "P1Y2M3DT4H5M6S", "P1H", "P1W1D"},
		"mail":     {"jane@example.com", "a@b", "a..b@c.de", "\\\"a b\\\"@c.de", "a@[127.0.0.1]", "a@[IPv6:::1]", "@b.c", "jane"},
		"host":     {"example.com", "-a.com", "a.com.", "a_b.com", "xn--a", ""},
		"v4":       {"127.0.0.1", "127.0.0.01", "256.1.1.1", "1.1.1"},
		"v6":       {"::1", "fe80::1%eth0", "2001:db8::", ":::", "::ffff:1.2.3.4"},
		"link":     {"https://example.com/a?b#c", "mailto:a@b.c", "/relative", "http://[::1]/", "http://a b/", "http://exämple.com"},
		"identity": {"123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"},
	} {
		for _, value := range values {
			documents = append(documents, `{"text":"abc","`+member+`":"`+value+`"}`)
		}
	}
	return documents
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
// addresses and times, mailboxes without a local part or with control characters in quotes, durations that leave out a unit in
// the middle, and URIs with characters that RFC 3986 does not have.
func judgeIsLenient(value any) bool {
	object, _ := value.(map[string]any)
	text := func(name string) string { s, _ := object[name].(string); return s }
	local, _, _ := strings.Cut(text("mail"), "@")
	return strings.ContainsAny(text("v4"), "+-") || strings.Contains(text("mail"), "[") || local == "" && text("mail") != "" || strings.Contains(text("mail"), `"`) ||
		signInTime.MatchString(text("when")) || text("link") != "" && !uriPattern.MatchString(text("link"))
}

var signInTime = regexp.MustCompile(`[Tt].*([+-].*[+-]|[+-][0-9]:|:[+-]|^..........[Tt][+-])`)

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
