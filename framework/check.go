package framework

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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
	if isTooDeep(document) {
		return nil, nil, errTooDeep
	}
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

// maxDepth bounds the nesting of a document: no sender of ours needs ten levels, and whoever walks it later may recurse.
const maxDepth = 100

var errTooDeep = errors.New("the document is nested too deeply")

// isTooDeep counts brackets outside strings. The document need not be JSON yet.
func isTooDeep(document []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
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
	if n.choice != nil && kind == isObject {
		return w.choose(n.choice)
	}
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

func (w *walk) items(rules *arrayRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	items := 0
	var seen map[string]struct{}
	if rules.unique {
		seen = map[string]struct{}{}
	}
	for w.decoder.PeekKind() != ']' {
		start := w.decoder.InputOffset()
		if err := w.value(rules.items); err != nil {
			return err
		}
		items++
		if rules.unique && !w.isNew(seen, start) {
			w.violate("uniqueItems", "must not repeat an earlier item")
		}
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	if items < rules.minItems {
		w.violate("minItems", "must have at least "+count(rules.minItems, "item"))
	}
	if rules.maxItems >= 0 && items > rules.maxItems {
		w.violate("maxItems", "must have at most "+count(rules.maxItems, "item"))
	}
	return nil
}

// isNew remembers the item that was just read, from its bytes in canonical form.
func (w *walk) isNew(seen map[string]struct{}, start int64) bool {
	raw := make([]byte, w.decoder.InputOffset()-start)
	if _, err := w.reader.ReadAt(raw, start); err != nil {
		return true
	}
	key, ok := canonicalKey(bytes.TrimLeft(raw, " \t\r\n,"))
	if !ok {
		return true
	}
	_, repeated := seen[key]
	seen[key] = struct{}{}
	return !repeated
}

func (w *walk) members(rules *objectRules) error {
	if _, err := w.decoder.ReadToken(); err != nil {
		return err
	}
	members, kept, met := 0, 0, uint64(0)
	for w.decoder.PeekKind() != '}' {
		before := w.decoder.InputOffset()
		name, err := w.decoder.ReadValue()
		if err != nil {
			return err
		}
		members++
		known, undeclared := rules.member(w, name)
		if undeclared {
			if err := w.undeclared(before); err != nil {
				return err
			}
			continue
		}
		if kept == 0 && members > 1 { // the members before were all cut: so is the comma after them
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
	w.checkMembers(rules, members, met)
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

func (w *walk) checkMembers(rules *objectRules, members int, met uint64) {
	for i, name := range rules.required {
		if met&(1<<i) == 0 {
			pointer := w.decoder.StackPointer().AppendToken(name)
			w.violateAt(string(pointer), "required", "is missing")
		}
	}
	if members < rules.minMembers {
		w.violate("minProperties", "must have at least "+count(rules.minMembers, "member"))
	}
	if rules.maxMembers >= 0 && members > rules.maxMembers {
		w.violate("maxProperties", "must have at most "+count(rules.maxMembers, "member"))
	}
}

// choose checks an object by the shape that its discriminator names. The object is read whole first, since the
// discriminator may be its last member.
func (w *walk) choose(rules *choiceRules) error {
	object, err := w.decoder.ReadValue()
	if err != nil {
		return err
	}
	pointer := w.decoder.StackPointer()
	start := w.decoder.InputOffset() - int64(len(object))
	object = object.Clone() // the walk below reuses what the decoder owns
	name, found := discriminatorOf(object, rules.discriminator)
	shape, known := rules.shapes[name]
	switch at := string(pointer.AppendToken(rules.discriminator)); {
	case !found:
		w.violateAt(at, "required", "is missing, or is no string")
		return nil
	case !known:
		w.violateAt(at, "enum", "must be one of the listed values")
		return nil
	}
	undeclared := Reject
	if w.drop {
		undeclared = Drop
	}
	violations, cuts, err := shape.check(object, undeclared)
	for _, v := range violations {
		w.violateAt(string(pointer)+v.Pointer, v.Rule, v.Message)
	}
	for _, c := range cuts {
		w.cuts = append(w.cuts, cut{start + c.from, start + c.to})
	}
	return err
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
