package framework

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// keyOf is the key of a whole document.
func keyOf(t *testing.T, document string) string {
	t.Helper()
	var s scanner
	s.reset([]byte(document))
	if s.value() == nil || s.broken {
		t.Fatalf("%s is no JSON", document)
	}
	return string(s.canonical(0))
}

func TestEqualValuesHaveOneKeyAndOthersDoNot(t *testing.T) {
	equal := [][]string{
		{`{"a":1,"b":[2,"c"]}`, `{ "b":[20e-1,"\u0063"] ,"a":1.0}`},
		{`[[],{}]`, `[ [ ] , { } ]`},
		{`{}`},
		{`[]`},
		{`[[]]`},
		{`[{}]`},
		{`[{},[]]`},
		{`{"":{}}`},
		{`{"a":1,"b":2}`},
		{`{"a":2,"b":1}`},
		{`{"a":12}`},
		{`{"a1":2}`},
		{`["a,b"]`},
		{`["a","b"]`},
		{`["1"]`},
		{`[1]`, `[1.0]`},
		{`["#0123456789abcdef"]`},
		{`[null]`},
		{`[true]`},
		{`[[1],2]`},
		{`[1,[2]]`},
		{`[[1,2]]`},
		{`{"a":{"b":1}}`},
		{`{"a":{"c":1}}`},
		{`[1e99999999999999999999]`, `[1e99999999999999999999]`},
		{`0`, `-0`, `0.0`, `0e7`},
		{`1e1000000`, `10e999999`},
	}
	of := map[string]int{}
	for i, class := range equal {
		for _, document := range class {
			key := keyOf(t, document)
			if before, known := of[key]; known && before != i {
				t.Errorf("%s has the key of %s", document, equal[before][0])
			}
			of[key] = i
		}
	}
	if len(of) != len(equal) {
		t.Errorf("%d keys for %d values", len(of), len(equal))
	}
}

// TestTheDigestOfWhatWasReadIsUsedAgain counts the bytes that a digest is made of, and not the time that takes.
func TestTheDigestOfWhatWasReadIsUsedAgain(t *testing.T) {
	const before, between, after = `{"kids":[{"v":"first"}, `, `, `, `],"v":"outer"}`
	large := `{"v":"` + strings.Repeat("x", 100_000) + `"}`
	document := before + large + between + `["second"]` + after
	var s scanner
	s.reset([]byte(document))
	for _, item := range []string{large, `["second"]`} {
		start := strings.Index(document, item)
		s.at = start + len(item)
		s.remember(start, s.canonical(start))
	}
	if s.key = nil; len(s.digests) != 2 {
		t.Fatalf("%d digests are known", len(s.digests))
	}
	s.at = len(document)
	if key := s.canonical(0); string(key) != keyOf(t, document) {
		t.Error("the key is another one")
	}
	if cap(s.key) > 1000 || len(s.digests) != 0 {
		t.Errorf("room for %d bytes was needed, and %d digests are still known", cap(s.key), len(s.digests))
	}
}

func TestItemsThatRepeatAreFoundOnEveryLevel(t *testing.T) {
	type level struct {
		Kids []level `json:"kids,omitempty" uniqueItems:"true"`
		V    string  `json:"v,omitempty"`
	}
	_, n, err := newSchemas().ofType(reflect.TypeFor[level](), "level")
	if err != nil {
		t.Fatal(err)
	}
	twin, other := `{"kids":[{"v":"a"},{"kids":[]}],"v":"b"}`, `{"kids":[{"v":"a"},{"kids":[{}]}],"v":"b"}`
	for depth := range 20 {
		around := func(items string) []byte {
			return []byte(strings.Repeat(`{"kids":[{"v":"x"},`, depth) + `{"kids":[` + items + `]}` + strings.Repeat(`],"v":"y"}`, depth))
		}
		if violations, _, err := n.check(around(twin+","+other), Reject); err != nil || len(violations) > 0 {
			t.Errorf("depth %d: %v %v", depth, violations, err)
		}
		violations, _, err := n.check(around(twin+","+other+`,{"v":"\u0062", "kids":[{"v":"a"},{"kids":[]}]}`), Reject)
		if err != nil || len(violations) != 1 || violations[0].Pointer != strings.Repeat("/kids/1", depth)+"/kids/2" {
			t.Errorf("depth %d: %v %v", depth, violations, err)
		}
	}
}

// TestMultiplesAgreeWithBigNumbers asks math/big about exponents that it can still expand.
func TestMultiplesAgreeWithBigNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	multiples := 0
	for range 20_000 {
		text := fmt.Sprintf("%d.%de%d", random.Int64N(1000), random.Int64N(100), random.IntN(80)-40)
		step := []float64{0.1, 0.001, 3, 7e-5, 1.5, 1e20, 9007199254740993, 1.7976931348623157e308, 5e-324, 0.12345678901234567, 12, 2.5}[random.IntN(12)]
		value, _ := new(big.Rat).SetString(text)
		by, _ := new(big.Rat).SetString(strconv.FormatFloat(step, 'e', -1, 64))
		want := new(big.Rat).Quo(value, by).IsInt()
		d, _ := parseDecimal([]byte(text))
		if got := d.isMultipleOf(decimalOf(step)); got != want {
			t.Fatalf("%s is a multiple of %v: %t", text, step, got)
		}
		if order := d.compare(decimalOf(step)); order != value.Cmp(by) {
			t.Fatalf("%s against %v: %d", text, step, order)
		}
		if want {
			multiples++
		}
	}
	if multiples < 1000 {
		t.Errorf("only %d are multiples", multiples)
	}
}

func TestTheSmallestNumbersAreDecided(t *testing.T) {
	n := &node{kinds: isNumber, num: &numberRules{minimum: boundOf(new(float64))}}
	for number, rule := range map[string]string{
		"-1e-500": "type", "1e-500": "type", "-1e-99999999999999999999": "type", "1e400": "type", "-5e-324": "minimum", "5e-324": "", "-0e-500": "", "-0.0": "", "0e99999999999999999999": "",
	} {
		violations, _, err := n.check([]byte(number), Reject)
		if got := len(violations); err != nil || (rule == "") != (got == 0) || got == 1 && violations[0].Rule != rule || got > 1 {
			t.Errorf("%s: %v %v, want %q", number, violations, err, rule)
		}
	}
}

func TestNothingIsMeasuredOnceEnoughWasReported(t *testing.T) {
	asked := 0
	item := &node{kinds: isString, str: &stringRules{minLength: -1, maxLength: -1, format: "odd", valid: func([]byte) bool { asked++; return false }}}
	n := &node{kinds: isArray, array: &arrayRules{items: item, minItems: -1, maxItems: -1}}
	document := append(bytes.Repeat([]byte(`"a",`), 1000), ']')
	document[len(document)-2] = ' '
	violations, _, err := n.check(append([]byte("["), document...), Reject)
	if err != nil || len(violations) != maxViolations || asked != maxViolations {
		t.Errorf("%d violations, %d values were looked at: %v", len(violations), asked, err)
	}
}

func TestMinusZeroIsAnIntegerThatIsNotNegative(t *testing.T) {
	type named uint16
	type inner struct {
		N named `json:"n"`
	}
	type outer struct {
		Plain uint64           `json:"plain"`
		Open  Open[inner]      `json:"open"`
		Map   map[string]uint8 `json:"map"`
		Text  string           `json:"text"`
		List  [2]uint32        `json:"list"`
	}
	document := []byte(`{"plain":-0,"open":{"n":-0},"map":{"a":-0,"b":7},"text":"-0","list":[-0,3]}`)
	_, n, err := newSchemas().ofType(reflect.TypeFor[outer](), "outer")
	if err != nil {
		t.Fatal(err)
	}
	var filled, decoded outer
	if violations, ok, err := n.fill(document, Reject, formOf(reflect.TypeFor[outer]()), reflect.ValueOf(&filled).Elem()); !ok || err != nil {
		t.Fatal(violations, ok, err)
	}
	if err := decodeChecked(document, &decoded); err != nil || !reflect.DeepEqual(filled, decoded) || filled.Map["b"] != 7 || filled.List[1] != 3 || filled.Text != "-0" {
		t.Errorf("filled %+v, decoded %+v: %v", filled, decoded, err)
	}
	if err := decodeChecked([]byte(`{"plain":-1}`), &decoded); err == nil {
		t.Error("-1 was taken")
	}
}
