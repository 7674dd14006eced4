package framework

import (
	"reflect"
	"strings"
	"sync"
)

const (
	maxViolations = 32  // reported per document; the walk goes on, so that syntax errors further down are still found
	maxPointer    = 300 // bytes of a reported pointer: member names come from outside
)

// check walks a document once and returns every place that breaks a rule, in document order, at most maxViolations.
// A document that is not JSON (RFC 8259; with repeated names or invalid UTF-8 refused, RFC 7493) is an error.
// With undeclared set to Drop, undeclared members are no violations; cuts are then the byte ranges to remove.
func (n *node) check(document []byte, undeclared Undeclared) (violations []Field, cuts []cut, err error) {
	violations, cuts, _, err = n.walk(document, undeclared, nil, reflect.Value{})
	return violations, cuts, err
}

// fill checks a document and puts what it says into a value of the form, on the way. It is not filled if the value cannot hold
// what the document says; then, as with violations, what is in the value means nothing.
func (n *node) fill(document []byte, undeclared Undeclared, form *form, into reflect.Value) (violations []Field, filled bool, err error) {
	violations, _, filled, err = n.walk(document, undeclared, form, into)
	return violations, filled, err
}

func (n *node) walk(document []byte, undeclared Undeclared, form *form, into reflect.Value) (violations []Field, cuts []cut, filled bool, err error) {
	w := walks.Get().(*walk) //nolint:forcetypeassert // the pool holds nothing else
	defer w.done()
	w.reset(document)
	w.drop = undeclared == Drop
	w.value(n, form, into)
	if !w.end() {
		return nil, nil, false, w.syntaxError()
	}
	return w.violations, w.cuts, !w.unfit && len(w.violations) == 0, nil
}

// cut is a range of bytes to be removed from a document.
type cut struct{ from, to int }

// walks are reused, since a scanner owns memory.
//
//nolint:gochecknoglobals // a pool holds no state that a request could see
var walks = sync.Pool{New: func() any { return new(walk) }}

type walk struct {
	scanner
	drop       bool
	violations []Field
	cuts       []cut
	uniques    int   // the lists of unique items that are open
	unfit      bool  // the value that is filled cannot hold the document
	texts      texts // what strings are filled with
}

// done gives the walk back, without what belongs to the request.
func (w *walk) done() {
	w.release()
	w.violations, w.cuts, w.uniques, w.unfit, w.texts = nil, nil, 0, false, texts{}
	walks.Put(w)
}

// violate reports the place that was just read. Once enough was reported no pointer is made any more: one is as long as the names
// that lead to it, and a document may have a long name above very many mistakes.
func (w *walk) violate(rule, message string) {
	if w.full() {
		return
	}
	w.violateAt(string(w.pointer()), rule, message)
}

func (w *walk) full() bool { return len(w.violations) == maxViolations }

func (w *walk) violateAt(pointer, rule, message string) {
	if w.full() {
		return
	}
	w.violations = append(w.violations, Field{In: "body", Pointer: shortened(pointer), Rule: rule, Message: message})
}

// shortened is a pointer as it is reported.
func shortened(pointer string) string {
	if len(pointer) <= maxPointer {
		return pointer
	}
	return strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
}

// value checks the next value, and fills what has the form; a form of nil is for nothing to be filled.
func (w *walk) value(n *node, f *form, into reflect.Value) {
	kind := w.kind()
	for f != nil && f.kind == formPointer && kind != isNull {
		f, into = f.of, f.pointee(into)
	}
	if f != nil && f.kind == formWhole {
		w.fillWhole(n, into)
		return
	}
	for _, alternative := range n.oneOf {
		if alternative.kinds&kind != 0 {
			w.value(alternative, f, into)
			return
		}
	}
	switch {
	case n.kinds&kind == 0:
		w.scanner.value()
		if !w.full() { // else the words are not worth their memory
			w.violate("type", "must be "+n.kindsInWords())
		}
	case n.choice != nil && kind == isObject:
		w.choose(n.choice)
	case kind == isObject && n.object != nil:
		w.members(n.object, f, into)
	case kind == isArray && n.array != nil:
		w.items(n.array, f, into)
	default:
		w.scalar(n, kind, f, into)
	}
}
