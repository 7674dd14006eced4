package framework

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

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

// violate reports the place that was just read. Once enough was reported no pointer is made any more: one is as long as the names
// that lead to it, and a document may have a long name above very many mistakes.
func (w *walk) violate(rule, message string) {
	if w.full() {
		return
	}
	w.violateAt(string(w.decoder.StackPointer()), rule, message)
}

func (w *walk) full() bool { return len(w.violations) == maxViolations }

func (w *walk) violateAt(pointer, rule, message string) {
	if w.full() {
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
