package framework

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func (w *walk) scalar(n *node, kind kinds) error {
	value, err := w.decoder.ReadValue()
	if err != nil {
		return err
	}
	if n.enum != nil && kind != isNull && !n.allows(value) {
		w.violate("enum", "must be one of the listed values")
		return nil
	}
	switch {
	case kind == isString && n.str != nil:
		w.checkString(n.str, value)
	case kind == isNumber:
		w.checkNumber(n, value)
	}
	return nil
}

func (n *node) allows(value jsontext.Value) bool {
	key, ok := canonicalKey(value)
	_, listed := n.enum[key]
	return ok && listed
}

func (w *walk) checkString(rules *stringRules, quoted []byte) {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		w.text, _ = jsontext.AppendUnquote(w.text[:0], quoted) // the decoder has checked it
		text = w.text
	}
	if rules.minLength >= 0 || rules.maxLength >= 0 {
		length := utf8.RuneCount(text)
		if length < rules.minLength {
			w.violate("minLength", "must have at least "+count(rules.minLength, "character"))
		}
		if rules.maxLength >= 0 && length > rules.maxLength {
			w.violate("maxLength", "must have at most "+count(rules.maxLength, "character"))
			return // patterns and formats are not run on what is too long
		}
	}
	if rules.pattern != nil && !rules.pattern.Match(text) {
		w.violate("pattern", "must match "+rules.pattern.String())
	}
	if rules.valid != nil && !rules.valid(string(text)) {
		w.violate("format", "must be of the format "+rules.format)
	}
}

func (w *walk) checkNumber(n *node, digits []byte) {
	number, err := strconv.ParseFloat(string(digits), 64)
	if err != nil {
		w.violate("type", "must be a number that fits 64 bits")
		return
	}
	if n.integer && !w.fits(n, digits) {
		return
	}
	if n.num == nil {
		return
	}
	value := measured{approximate: number, digits: digits}
	for _, rule := range []struct {
		limit  *bound
		name   string
		words  string
		broken func(measured, *bound) bool
	}{
		{n.num.minimum, "minimum", "at least", func(v measured, b *bound) bool { return v.compare(b) < 0 }},
		{n.num.exclusiveMinimum, "exclusiveMinimum", "above", func(v measured, b *bound) bool { return v.compare(b) <= 0 }},
		{n.num.maximum, "maximum", "at most", func(v measured, b *bound) bool { return v.compare(b) > 0 }},
		{n.num.exclusiveMaximum, "exclusiveMaximum", "below", func(v measured, b *bound) bool { return v.compare(b) >= 0 }},
		{n.num.multipleOf, "multipleOf", "a multiple of", func(v measured, b *bound) bool { return !v.isMultipleOf(b) }},
	} {
		if rule.limit != nil && rule.broken(value, rule.limit) {
			w.violate(rule.name, fmt.Sprintf("must be %s %v", rule.words, rule.limit.approximate))
		}
	}
}

// measured is a number of the document, read exactly only where an approximation would not do.
type measured struct {
	approximate float64
	digits      []byte
}

// compare is that of decimal. Floats that differ tell as much; those that are equal may stand for different numbers.
func (v measured) compare(b *bound) int {
	if v.approximate != b.approximate {
		return cmp.Compare(v.approximate, b.approximate)
	}
	exact, ok := parseDecimal(v.digits)
	if !ok {
		return 0
	}
	return exact.compare(b.decimal)
}

func (v measured) isMultipleOf(b *bound) bool {
	exact, ok := parseDecimal(v.digits)
	return ok && exact.isMultipleOf(b.decimal)
}

// fits reports whether the number is an integer that the Go type can hold.
func (w *walk) fits(n *node, digits []byte) bool {
	if !bytes.ContainsAny(digits, ".eE") {
		if _, err := strconv.ParseInt(string(digits), 10, n.bits); err != nil {
			w.violate("format", fmt.Sprintf("must fit %d bits", n.bits))
			return false
		}
		return true
	}
	if exact, ok := parseDecimal(digits); !ok || !exact.isInteger() {
		w.violate("type", "must be an integer")
		return false
	}
	w.violate("type", "must be an integer written without fraction or exponent")
	return false
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// kindsInWords says which kinds of value are allowed.
func (n *node) kindsInWords() string {
	var words []string
	for _, one := range []struct {
		kind kinds
		name string
	}{{isObject, "an object"}, {isArray, "a list"}, {isString, "a string"}, {isNumber, "a number"}, {isBool, "true or false"}, {isNull, "null"}} {
		if n.kinds&one.kind != 0 {
			words = append(words, one.name)
		}
	}
	if n.integer {
		words[0] = "an integer"
	}
	return strings.Join(words, " or ")
}
