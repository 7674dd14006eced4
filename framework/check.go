package framework

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxViolations = 32  // reported per document; the walk goes on, so that syntax errors further down are still found
	maxPointer    = 300 // bytes of a reported pointer: member names come from outside
)

// check walks a document once and returns every place that breaks a rule, in document order, at most maxViolations.
// A document that is not JSON (RFC 8259; with repeated names or invalid UTF-8 refused, RFC 7493) is an error.
// With undeclared set to Drop, undeclared members are no violations; cuts are then the byte ranges to remove.
func (n *node) check(document []byte, undeclared Undeclared) (violations []Field, cuts []cut, err error) {
	w := walks.Get().(*walk) //nolint:forcetypeassert // the pool holds nothing else
	defer walks.Put(w)
	w.reader.Reset(document)
	w.decoder.Reset(&w.reader)
	w.drop, w.violations, w.cuts = undeclared == Drop, nil, nil
	if err := w.value(n); err != nil {
		return nil, nil, err
	}
	if _, err := w.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("more than one JSON value")
	}
	return w.violations, w.cuts, nil
}

// cut is a range of bytes to be removed from a document.
type cut struct{ from, to int64 }

// walks are reused, since a decoder owns buffers.
//
//nolint:gochecknoglobals // a pool holds no state that a request could see
var walks = sync.Pool{New: func() any { return &walk{decoder: jsontext.NewDecoder(strings.NewReader(""))} }}

type walk struct {
	reader     bytes.Reader
	decoder    *jsontext.Decoder
	drop       bool
	violations []Field
	cuts       []cut
	text       []byte // scratch space for strings with escapes
}

func (w *walk) violate(rule, message string) {
	w.violateAt(string(w.decoder.StackPointer()), rule, message)
}

func (w *walk) violateAt(pointer, rule, message string) {
	if len(w.violations) == maxViolations {
		return
	}
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
	}
	w.violations = append(w.violations, Field{In: "body", Pointer: pointer, Rule: rule, Message: message})
}

func kindOf(k jsontext.Kind) kinds {
	switch k {
	case 'n':
		return isNull
	case 't', 'f':
		return isBool
	case '0':
		return isNumber
	case '"':
		return isString
	case '[':
		return isArray
	default:
		return isObject
	}
}

// value checks the next value. Its error is a syntax error, which ends the walk.
func (w *walk) value(n *node) error {
	peeked := w.decoder.PeekKind()
	if peeked == 0 { // not JSON: reading says why
		_, err := w.decoder.ReadToken()
		return err
	}
	kind := kindOf(peeked)
	for _, alternative := range n.oneOf {
		if alternative.kinds&kind != 0 {
			return w.value(alternative)
		}
	}
	if n.kinds&kind == 0 {
		err := w.decoder.SkipValue()
		w.violate("type", "must be "+n.kindsInWords())
		return err
	}
	switch {
	case kind == isObject && n.object != nil:
		return w.members(n.object)
	case kind == isArray && n.array != nil:
		return w.items(n.array)
	case n.enum == nil && (kind != isString || n.str == nil) && (kind != isNumber || !n.integer && n.num == nil):
		return w.decoder.SkipValue()
	default:
		return w.scalar(n, kind)
	}
}

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
	if _, ok := n.enum[string(value)]; ok {
		return true
	}
	canonical := value.Clone()
	if canonical.Canonicalize() != nil {
		return false
	}
	_, ok := n.enum[string(canonical)]
	return ok
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
			w.violate("minLength", fmt.Sprintf("must have at least %d characters", rules.minLength))
		}
		if rules.maxLength >= 0 && length > rules.maxLength {
			w.violate("maxLength", fmt.Sprintf("must have at most %d characters", rules.maxLength))
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
	if n.integer && !w.fits(n, digits, number) {
		return
	}
	if n.num == nil {
		return
	}
	bound := func(limit *float64, broken bool, rule, words string) {
		if limit != nil && broken {
			w.violate(rule, fmt.Sprintf("must be %s %v", words, *limit))
		}
	}
	r := n.num
	bound(r.minimum, r.minimum != nil && number < *r.minimum, "minimum", "at least")
	bound(r.exclusiveMinimum, r.exclusiveMinimum != nil && number <= *r.exclusiveMinimum, "exclusiveMinimum", "above")
	bound(r.maximum, r.maximum != nil && number > *r.maximum, "maximum", "at most")
	bound(r.exclusiveMaximum, r.exclusiveMaximum != nil && number >= *r.exclusiveMaximum, "exclusiveMaximum", "below")
	bound(r.multipleOf, r.multipleOf != nil && math.Mod(number, *r.multipleOf) != 0, "multipleOf", "a multiple of")
}

// fits reports whether the number is an integer that the Go type can hold.
func (w *walk) fits(n *node, digits []byte, number float64) bool {
	if number != math.Trunc(number) {
		w.violate("type", "must be an integer")
		return false
	}
	if bytes.ContainsAny(digits, ".eE") {
		w.violate("type", "must be an integer written without fraction or exponent")
		return false
	}
	if _, err := strconv.ParseInt(string(digits), 10, n.bits); err != nil {
		w.violate("format", fmt.Sprintf("must fit %d bits", n.bits))
		return false
	}
	return true
}

func (w *walk) items(rules *arrayRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	count := 0
	var seen map[string]struct{}
	if rules.unique {
		seen = map[string]struct{}{}
	}
	for w.decoder.PeekKind() != ']' {
		start := w.decoder.InputOffset()
		if err := w.value(rules.items); err != nil {
			return err
		}
		count++
		if rules.unique && !w.isNew(seen, start) {
			w.violate("uniqueItems", "must not repeat an earlier item")
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	if count < rules.minItems {
		w.violate("minItems", fmt.Sprintf("must have at least %d items", rules.minItems))
	}
	if rules.maxItems >= 0 && count > rules.maxItems {
		w.violate("maxItems", fmt.Sprintf("must have at most %d items", rules.maxItems))
	}
	return nil
}

// isNew remembers the item that was just read, from its bytes in canonical form.
func (w *walk) isNew(seen map[string]struct{}, start int64) bool {
	raw := make([]byte, w.decoder.InputOffset()-start)
	if _, err := w.reader.ReadAt(raw, start); err != nil {
		return true
	}
	item := jsontext.Value(bytes.TrimLeft(raw, " \t\r\n,"))
	if item.Canonicalize() != nil {
		return true
	}
	_, repeated := seen[string(item)]
	seen[string(item)] = struct{}{}
	return !repeated
}

func (w *walk) members(rules *objectRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	count, kept, met := 0, 0, uint64(0)
	for w.decoder.PeekKind() != '}' {
		before := w.decoder.InputOffset()
		name, err := w.decoder.ReadValue()
		if err != nil {
			return err
		}
		count++
		known, undeclared := rules.member(w, name)
		if undeclared {
			if err := w.undeclared(before); err != nil {
				return err
			}
			continue
		}
		if kept == 0 && count > 1 { // the members before were all cut: so is the comma after them
			w.cuts = append(w.cuts, cut{before, before + 1})
		}
		kept++
		if known.required >= 0 {
			met |= 1 << known.required
		}
		if err := w.value(known.node); err != nil {
			return err
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	w.checkMembers(rules, count, met)
	return nil
}

// member finds the rules for a member by its quoted name.
func (rules *objectRules) member(w *walk, quoted []byte) (known property, undeclared bool) {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		w.text, _ = jsontext.AppendUnquote(w.text[:0], quoted)
		name = w.text
	}
	if declared, ok := rules.properties[string(name)]; ok {
		return *declared, false
	}
	return property{node: rules.additional, required: -1}, rules.additional == nil
}

// undeclared passes over a member that the schema does not have; the name has been read.
func (w *walk) undeclared(before int64) error {
	if !w.drop {
		w.violate("additionalProperties", "is not a member that is known here")
	}
	err := w.decoder.SkipValue()
	w.cuts = append(w.cuts, cut{before, w.decoder.InputOffset()})
	return err
}

func (w *walk) checkMembers(rules *objectRules, count int, met uint64) {
	for i, name := range rules.required {
		if met&(1<<i) == 0 {
			pointer := w.decoder.StackPointer().AppendToken(name)
			w.violateAt(string(pointer), "required", "is missing")
		}
	}
	if count < rules.minMembers {
		w.violate("minProperties", fmt.Sprintf("must have at least %d members", rules.minMembers))
	}
	if rules.maxMembers >= 0 && count > rules.maxMembers {
		w.violate("maxProperties", fmt.Sprintf("must have at most %d members", rules.maxMembers))
	}
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
