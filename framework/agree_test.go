package framework

import (
	"bytes"
	stdjson "encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// comparison holds our checker and the judge's.
type comparison struct {
	ours    *node
	form    *form
	answer  *operation // that answers what was taken
	judge   *jsonschema.Schema
	excused map[string]int // how often we alone have refused something, by the reason
}

func newComparison(tb testing.TB) comparison {
	tb.Helper()
	s := newSchemas()
	schema, checker, err := s.ofType(reflect.TypeFor[judged](), "judged")
	if err != nil {
		tb.Fatal(err)
	}
	route := Endpoint[struct{}, judged]{Method: "GET", Path: "/judged", ID: "judged"}.Route()
	answer, err := newOperation(s, route, Chain{Public: true})
	if err != nil {
		tb.Fatal(err)
	}
	return comparison{checker, formOf(reflect.TypeFor[judged]()), answer, judge(tb, s, schema.Ref), map[string]int{}}
}

// agree holds what we say of a document against what the judge says, place by place, as an input whose undeclared members are
// refused, as one whose undeclared members are dropped, and, when it is valid, what was made of it as an answer.
func (c comparison) agree(t *testing.T, document []byte) (valid bool) {
	t.Helper()
	violations, cuts, err := c.ours.check(document, Reject)
	if want := jsonError(document); (err == nil) != (want == nil) {
		t.Fatalf("%s: ours %v, the JSON package %v", document, err, want)
	}
	if err != nil {
		return false
	}
	c.places(t, document, violations)
	if len(cuts) > 0 {
		dropped, _, err := c.ours.check(document, Drop)
		if err != nil {
			t.Fatal(err)
		}
		c.places(t, without(document, cuts), dropped)
	}
	if len(violations) == 0 {
		c.answers(t, c.filled(t, document))
	}
	return len(violations) == 0
}

// places holds our violations against the judge's, each at its place. What only we find must be excused by its value.
func (c comparison) places(t *testing.T, document []byte, violations []Field) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatalf("the judge cannot read what we accept as JSON: %v", err)
	}
	verdict := c.judge.Validate(shrunk(value, map[string]int{}))
	found := placesOf(verdict)
	for _, place := range found {
		if len(violations) < maxViolations && !slices.ContainsFunc(violations, func(v Field) bool { return v.Pointer == shortened(place.pointer) }) {
			t.Fatalf("%s\nthe judge alone finds %s: %v\nours: %v", document, place.pointer, verdict, violations)
		}
	}
	for _, v := range violations {
		if slices.ContainsFunc(found, func(p judgement) bool { return shortened(p.pointer) == v.Pointer }) || isRepeated(found, v) {
			continue
		}
		reason := excuse(v, valueAt(value, v.Pointer))
		if reason == "" {
			t.Fatalf("%s\nwe alone find %v\njudge: %v", document, v, verdict)
		}
		c.excused[reason]++
	}
}

// isRepeated reports whether an item repeats another one in a list of which the judge has named the first that does.
func isRepeated(found []judgement, v Field) bool {
	list := v.Pointer[:strings.LastIndexByte(v.Pointer, '/')+1]
	return v.Rule == "uniqueItems" && slices.ContainsFunc(found, func(p judgement) bool { return p.repeats && strings.HasPrefix(p.pointer, list) })
}

// What the texts of a format are made of, by their RFCs: what the judge takes beside is excused, and nothing else.
var (
	addressV4 = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){3}$`) // RFC 2673 section 3.2
	uriPart   = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*$`)
	// RFC 5321 section 4.1.2, with RFC 5322 section 3.2.3 for the atoms.
	localPart = regexp.MustCompile("^([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"[ -~]*\")$")
)

// excuse tells why the judge may have taken a value that we have refused, or "".
func excuse(v Field, value any) string {
	text, isText := value.(string)
	number, _ := value.(stdjson.Number)
	format, _ := strings.CutPrefix(v.Message, "must be of the format ")
	local, domain, _ := cutLast(text, "@")
	literal, isLiteral := strings.CutPrefix(strings.TrimSuffix(domain, "]"), "[")
	switch {
	case v.Rule == "type" && strings.HasSuffix(v.Message, "without fraction or exponent") && strings.ContainsAny(string(number), ".eE"):
		return "an integer as 1.0"
	case v.Rule != "format" || !isText:
	case format == "ipv4" && !addressV4.MatchString(text):
		return "a sign in an IPv4 address"
	case format == "uri" && !uriPart.MatchString(text):
		return "a URI of other characters"
	case format == "email" && !localPart.MatchString(local):
		return "a local part of other characters"
	case format == "email" && isLiteral && !strings.HasPrefix(literal, "IPv6:") && !addressV4.MatchString(literal):
		return "a sign in an address literal"
	}
	return ""
}

func cutLast(text, at string) (before, after string, found bool) {
	i := strings.LastIndex(text, at)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(at):], true
}

// filled is what a valid document is to the handler: as filled, as decoded, and as the JSON package alone has it.
func (c comparison) filled(t *testing.T, document []byte) *judged {
	t.Helper()
	var decoded, filled, plain judged
	if err := decodeChecked(document, &decoded); err != nil {
		t.Fatalf("%s is valid by the schema, but does not decode: %v", document, err)
	}
	if _, ok, err := c.ours.fill(document, Reject, c.form, reflect.ValueOf(&filled).Elem()); !ok || err != nil {
		t.Fatalf("%s decodes, but is not filled: %v", document, err)
	}
	if !reflect.DeepEqual(decoded, filled) {
		t.Fatalf("%s\ndecoded: %+v\nfilled: %+v", document, decoded, filled)
	}
	if err := json.Unmarshal(document, &plain); err == nil && !reflect.DeepEqual(plain, filled) || err != nil && !bytes.Contains(document, []byte("-0")) {
		t.Fatalf("%s\nthe JSON package alone: %+v %v\nfilled: %+v", document, plain, err, filled)
	}
	return &filled
}

// answers holds what the funnel makes of a handler's output against the judge: it sends what is valid, and nothing else.
func (c comparison) answers(t *testing.T, output *judged) {
	t.Helper()
	encoded, err := json.Marshal(output)
	if err != nil {
		t.Fatalf("%+v cannot be written: %v", output, err)
	}
	violations, cuts, err := c.answer.output.check(encoded, Drop)
	if err != nil {
		t.Fatalf("%s: %v", encoded, err)
	}
	c.places(t, without(encoded, cuts), violations)
	response, err := c.answer.encode(output)
	if (err == nil) != (len(violations) == 0) || err == nil && !bytes.Equal(response.Body, without(encoded, cuts)) {
		t.Fatalf("%s with %v was answered: %v", encoded, violations, err)
	}
}
