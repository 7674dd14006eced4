package framework

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// canonical is equal for values that JSON Schema calls equal (core, section 4.2.2): numbers by their value, strings by
// their characters, objects whatever the order of their members. What cannot be told, such as a number beyond the bounds of
// decimal, is not ok. The value began at start and was just read; most are in the canonical form as they
// stand, and then they are not copied. The scanner reads on where it was.
func (s *scanner) canonical(start int) (key []byte, ok bool) {
	end := s.at
	value := s.document[start:end]
	switch c := value[0]; {
	case c == '"' && bytes.IndexByte(value, '\\') < 0, c == 't', c == 'f', c == 'n':
		return value, true
	}
	if cap(s.room) < leastRoom {
		s.room = make([]byte, 0, 32*leastRoom)
	}
	s.at = start
	key, ok = s.appendCanonical(s.room)
	s.at = end
	if cap(key) == cap(s.room) { // it did not have to grow
		s.room = key[len(key):]
	}
	return slices.Clip(key), ok
}

// leastRoom is what a key may take in bytes before it gets memory of its own.
const leastRoom = 32

func (s *scanner) appendCanonical(key []byte) (longer []byte, ok bool) {
	switch kind := s.kind(); kind {
	case isNumber:
		return appendNumber(key, s.value())
	case isString:
		text, ok := s.string()
		return appendText(key, text), ok
	case isArray:
		return s.appendItems(key)
	case isObject:
		return s.appendMembers(key)
	default:
		return append(key, s.value()...), true
	}
}

// appendText quotes with no more escapes than JSON needs.
func appendText(key, text []byte) []byte {
	key, _ = jsontext.AppendQuote(key, text) // the text is valid
	return key
}

// appendNumber writes the key of a decimal. An integer of a few digits is written without making one.
func appendNumber(key, number []byte) (longer []byte, ok bool) {
	digits, negative := bytes.CutPrefix(number, []byte("-"))
	if len(digits) > maxDigits || !areAll(digits, isDigit) {
		d, ok := parseDecimal(number)
		return append(key, d.key()...), ok
	}
	trimmed := bytes.TrimRight(digits, "0")
	if len(trimmed) == 0 {
		return append(key, "e0"...), true
	}
	if negative {
		key = append(key, '-')
	}
	key = append(append(key, trimmed...), 'e')
	return strconv.AppendInt(key, int64(len(digits)-len(trimmed)), 10), true
}

func (s *scanner) appendItems(key []byte) (longer []byte, ok bool) {
	key = append(key, '[')
	for s.open(); s.next(); {
		if key, ok = s.appendCanonical(key); !ok {
			return key, s.leave()
		}
		key = append(key, ',')
	}
	return append(key, ']'), true
}

func (s *scanner) appendMembers(key []byte) (longer []byte, ok bool) {
	var members []string
	for s.open(); s.next(); {
		member, ok := s.appendCanonical(append(appendText(nil, s.top().name), ':'))
		if !ok {
			return key, s.leave()
		}
		members = append(members, string(member))
	}
	slices.Sort(members)
	key = append(key, '{')
	for _, member := range members {
		key = append(append(key, member...), ',')
	}
	return append(key, '}'), true
}

// leave gives up the container that was opened last.
func (s *scanner) leave() bool {
	s.close()
	return false
}
