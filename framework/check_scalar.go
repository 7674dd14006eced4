package framework

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scalar checks a value that is not taken apart.
func (w *walk) scalar(n *node, kind kinds, f *form, into reflect.Value) {
	switch kind {
	case isString:
		w.string(n, f, into)
	case isNumber:
		w.number(n, f, into)
	default:
		start := w.at
		value := w.scanner.value()
		if w.broken {
			return
		}
		if n.enum != nil && kind != isNull && !w.full() && !n.enum.allows(w.canonical(start)) {
			w.violate("enum", "must be one of the listed values")
			return
		}
		w.fillOther(f, kind, value, into)
	}
}

func (w *walk) string(n *node, f *form, into reflect.Value) {
	text, ok := w.scanner.string()
	switch {
	case !ok:
		w.fail()
		return
	case w.full(): // nothing more would be reported
	case n.enum != nil && !n.enum.allowsText(text):
		w.violate("enum", "must be one of the listed values")
	case n.str != nil:
		w.checkString(n.str, text)
	}
	w.fillText(f, text, into)
}

func (w *walk) number(n *node, f *form, into reflect.Value) {
	start := w.at
	if !w.scanner.number() {
		w.fail()
		return
	}
	digits := w.document[start:w.at]
	switch {
	case w.full(): // nothing more would be reported
	case n.enum != nil && !n.enum.allows(appendNumber(nil, digits)):
		w.violate("enum", "must be one of the listed values")
	case n.integer || n.num != nil || n.enum != nil:
		w.checkNumber(n, digits)
	}
	w.fillNumber(f, digits, into)
}

func (w *walk) checkString(rules *stringRules, text []byte) {
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
	if rules.valid != nil && !rules.valid(text) {
		w.violate("format", "must be of the format "+rules.format)
	}
}

func (w *walk) checkNumber(n *node, digits []byte) {
	number, ok := approximate(digits)
	if !ok {
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
	w.bound(value, n.num.minimum, "minimum", "at least", func(order int) bool { return order < 0 })
	w.bound(value, n.num.exclusiveMinimum, "exclusiveMinimum", "above", func(order int) bool { return order <= 0 })
	w.bound(value, n.num.maximum, "maximum", "at most", func(order int) bool { return order > 0 })
	w.bound(value, n.num.exclusiveMaximum, "exclusiveMaximum", "below", func(order int) bool { return order >= 0 })
	if limit := n.num.multipleOf; limit != nil && !value.isMultipleOf(limit) {
		w.violate("multipleOf", fmt.Sprintf("must be a multiple of %v", limit.approximate))
	}
}

// approximate reads a number as a float64. One that a float64 cannot hold is not ok, be it too great, or so small that nothing
// would be left of it. What has few digits and no more is read the short way.
func approximate(digits []byte) (number float64, ok bool) {
	const exact = 15 // decimal digits of an integer that a float64 holds exactly
	if len(digits) > exact || !areAll(digits, isDigit) {
		number, err := strconv.ParseFloat(string(digits), 64)
		return number, err == nil && (number != 0 || isZero(digits))
	}
	integer := 0
	for _, digit := range digits {
		integer = integer*10 + int(digit-'0')
	}
	return float64(integer), true
}

// isZero reports whether all digits in front of the exponent are 0.
func isZero(number []byte) bool {
	for _, c := range number {
		switch {
		case '1' <= c && c <= '9':
			return false
		case c == 'e', c == 'E':
			return true
		}
	}
	return true
}

func (w *walk) bound(value measured, limit *bound, rule, words string, broken func(order int) bool) {
	if limit != nil && broken(value.compare(limit)) {
		w.violate(rule, fmt.Sprintf("must be %s %v", words, limit.approximate))
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
	exact, _ := parseDecimal(v.digits) // a float64 has approximated it: its exponent can be computed with
	return exact.compare(b.decimal)
}

func (v measured) isMultipleOf(b *bound) bool {
	exact, _ := parseDecimal(v.digits)
	return exact.isMultipleOf(b.decimal)
}

// fits reports whether the number is an integer that the Go type can hold.
func (w *walk) fits(n *node, digits []byte) bool {
	if !bytes.ContainsAny(digits, ".eE") {
		_, err := strconv.ParseInt(string(digits), 10, 64)
		if n.unsigned && string(digits) != "-0" {
			_, err = strconv.ParseUint(string(digits), 10, 64)
		}
		if err != nil {
			w.violate("format", "must fit 64 bits")
		}
		return err == nil
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
