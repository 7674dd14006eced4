package framework

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads one JSON document (RFC 8259), strictly: names must not repeat (RFC 7493 section 2.3), and text is UTF-8
// without lone surrogates. It stops at the first mistake; syntaxError says what that is. Every body and every answer goes through
// it, so it makes no tokens and, as a rule, no garbage.
type scanner struct {
	document []byte
	at       int     // where it will read on
	levels   []level // the containers that are open, outermost first
	broken   bool
	tooDeep  bool
	text     []byte // scratch space for strings with escapes
	key      []byte // scratch space for keys
	room     []byte // where keys are kept, one behind the other
	digests  []digested
	digested int   // how many of digests the value that gets its key has passed
	dropped  []cut // members that do not count for a key, in their order
}

// level is an open container.
type level struct {
	object bool
	count  int      // items or members begun
	name   []byte   // of the member begun last, without quotes and escapes
	names  distinct // those that unique was asked about
}

// maxDepth bounds the nesting of a document: no sender of ours needs ten levels, and whoever walks it later may recurse.
const maxDepth = 100

// reset begins with another document.
func (s *scanner) reset(document []byte) {
	for len(s.levels) > 0 { // it stopped inside of them
		s.close()
	}
	s.document, s.at, s.broken, s.tooDeep = document, 0, false, false
	s.digests = s.digests[:0]
}

// maxKept bounds in bytes what a scanner keeps of a large document's text for the next one.
const maxKept = 64 << 10

// release forgets the document, and leaves no more memory behind than is worth being used again.
func (s *scanner) release() {
	s.reset(nil)
	if s.text = s.text[:0]; cap(s.text) > maxKept {
		s.text = nil
	}
	if cap(s.key) > maxKept {
		s.key = nil
	}
	s.room, s.digests, s.dropped = nil, nil, nil
}

// kind passes over white space and tells the kind of the next value; 0 is none.
func (s *scanner) kind() kinds {
	s.space()
	if s.broken || s.at == len(s.document) {
		return 0
	}
	switch c := s.document[s.at]; c {
	case '"':
		return isString
	case '{':
		return isObject
	case '[':
		return isArray
	case 't', 'f':
		return isBool
	case 'n':
		return isNull
	default:
		if c == '-' || isDigit(c) {
			return isNumber
		}
		return 0
	}
}

func (s *scanner) space() {
	for s.at < len(s.document) {
		switch s.document[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// end passes over white space and reports whether the document ends there.
func (s *scanner) end() bool {
	s.space()
	return !s.broken && s.at == len(s.document)
}

// fail stops the scanner. Whoever goes on reading gets nothing.
func (s *scanner) fail() {
	s.broken, s.at = true, len(s.document)
}

// take passes over one byte if it is next.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.document) && s.document[s.at] == c {
		s.at++
		return true
	}
	return false
}

// open enters the container that is next.
func (s *scanner) open() {
	if len(s.levels) == maxDepth {
		s.tooDeep = true
		s.fail()
		return
	}
	if len(s.levels) < cap(s.levels) {
		s.levels = s.levels[:len(s.levels)+1] // with the memory that names had
	} else {
		s.levels = append(s.levels, level{})
	}
	l := s.top()
	l.object, l.count = s.document[s.at] == '{', 0
	s.at++
}

func (s *scanner) top() *level { return &s.levels[len(s.levels)-1] }

// next goes on to the next item or member of the container; of a member the name is read. At the end of the container it
// leaves that and returns false. That names do not repeat is for the caller to see to, by unique or by better knowledge.
func (s *scanner) next() bool {
	s.space()
	l := s.top()
	closing := byte(']')
	if l.object {
		closing = '}'
	}
	if s.take(closing) {
		s.close()
		return false
	}
	if l.count > 0 {
		if !s.take(',') {
			s.fail()
			return false
		}
		s.space()
	}
	l.count++
	if l.object {
		s.member(l)
	}
	return !s.broken
}

// close leaves the container that was opened last, and forgets its names.
func (s *scanner) close() {
	l := s.top()
	l.name = nil
	if len(l.names.texts) > 0 {
		l.names.reset()
	}
	s.levels = s.levels[:len(s.levels)-1]
}

func (s *scanner) member(l *level) {
	start := s.at + 2 // behind the quotes
	name, ok := s.string()
	if ok && len(name) != s.at-start { // it has escapes, and the memory of the next string
		name = bytes.Clone(name)
	}
	l.name = name
	s.space()
	if !ok || !s.take(':') {
		s.fail()
	}
}

// unique fails if the name of the member stood in its object before.
func (s *scanner) unique() {
	if l := s.top(); l.object && !l.names.add(l.name) {
		s.fail()
	}
}

// value reads the next value to its end and returns it as it stands.
func (s *scanner) value() []byte {
	kind := s.kind()
	start, ok := s.at, false
	switch kind {
	case isString:
		_, ok = s.string()
	case isNumber:
		ok = s.number()
	case isObject, isArray:
		s.open()
		for !s.broken && s.next() {
			s.unique()
			s.value()
		}
		ok = !s.broken
	case isBool, isNull:
		ok = s.literal("true") || s.literal("false") || s.literal("null")
	default: // no value
	}
	if !ok {
		s.fail()
		return nil
	}
	return s.document[start:s.at]
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.document[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// number reads a number (RFC 8259 section 6).
func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		_ = s.take('+') || s.take('-')
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.document) && isDigit(s.document[s.at]) {
		s.at++
	}
	return s.at > start
}

// pointer is where the scanner is (RFC 6901): the container, or the item or member of it that was begun last.
func (s *scanner) pointer() jsontext.Pointer {
	var pointer jsontext.Pointer
	for i := range s.levels {
		switch l := &s.levels[i]; {
		case l.count == 0:
			return pointer
		case l.object:
			pointer = pointer.AppendToken(string(l.name))
		default:
			pointer = pointer.AppendToken(strconv.Itoa(l.count - 1))
		}
	}
	return pointer
}

var (
	errTooDeep  = errors.New("the document is nested too deeply")
	errTrailing = errors.New("more than one JSON value")
	errScan     = errors.New("not the JSON that is accepted here")
)

// syntaxError says what is wrong with a document that the scanner did not read to its end.
func (s *scanner) syntaxError() error {
	if s.tooDeep {
		return errTooDeep
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(s.document))
	if err := decoder.SkipValue(); err != nil {
		return err
	}
	switch _, err := decoder.ReadToken(); {
	case err == nil:
		return errTrailing
	case !errors.Is(err, io.EOF):
		return err
	}
	return errScan
}
