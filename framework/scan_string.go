package framework

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const highest = 0x8080808080808080 // the highest bit of each of eight bytes, which ASCII does not have

// string reads a string and returns its text: a part of the document, or memory that is good until the next string is read.
func (s *scanner) string() (text []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	document, at, seen := s.document, s.at, uint64(0)
	for at < len(document) {
		if at+8 <= len(document) {
			word := binary.LittleEndian.Uint64(document[at:])
			seen |= word
			plain := plainBytes(word)
			if at += plain; plain == 8 {
				continue
			}
		}
		switch c := document[at]; {
		case c == '"':
			text, s.at = document[s.at:at], at+1
			return text, seen&highest == 0 || utf8.Valid(text)
		case c == '\\':
			return s.escaped(at)
		case c < ' ':
			return nil, false
		default: // plain after all: it stands where eight bytes are no more
			seen |= uint64(c)
			at++
		}
	}
	return nil, false
}

// plainBytes is how many of eight bytes, from the lowest on, stand for themselves in a string. A byte of 0 is one whose highest
// bit is set in (x - ones) &^ x, and a byte below 0x20 one whose highest bit is set in (x - ones*0x20) &^ x: that is wrong for
// bytes above such a one alone, and the lowest is what counts.
func plainBytes(x uint64) int {
	const ones = 0x0101010101010101
	quote, backslash := x^ones*'"', x^ones*'\\'
	special := ((x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & highest
	return bits.TrailingZeros64(special) / 8
}

// escaped reads on at the first escape of a string, and puts its text together. It copies eight bytes at a time, and then takes
// for copied as many of them as are plain.
func (s *scanner) escaped(at int) (text []byte, ok bool) {
	document := s.document
	text = append(s.text[:0], document[s.at:at]...)
	for at < len(document) {
		if at+8 <= len(document) {
			word := binary.LittleEndian.Uint64(document[at:])
			plain := plainBytes(word)
			text = binary.LittleEndian.AppendUint64(text, word)
			text = text[:len(text)-8+plain]
			if at += plain; plain == 8 {
				continue
			}
		}
		switch c := document[at]; {
		case c == '"':
			s.text, s.at = text, at+1
			return text, utf8.Valid(text)
		case c == '\\':
			length := 0
			if text, length = appendEscaped(text, document[at:]); length == 0 {
				return nil, false
			}
			at += length
		case c < ' ':
			return nil, false
		default:
			text = append(text, c)
			at++
		}
	}
	return nil, false
}

// appendEscaped appends what the escape at the start of rest stands for (RFC 8259 section 7), and tells its length; that of a
// surrogate pair as a whole, and 0 for what is no escape.
func appendEscaped(text, rest []byte) (appended []byte, length int) {
	if len(rest) < 2 {
		return text, 0
	}
	switch c := rest[1]; c {
	case '"', '\\', '/':
		return append(text, c), 2
	case 'b':
		return append(text, '\b'), 2
	case 'f':
		return append(text, '\f'), 2
	case 'n':
		return append(text, '\n'), 2
	case 'r':
		return append(text, '\r'), 2
	case 't':
		return append(text, '\t'), 2
	}
	unit := codeUnit(rest)
	switch {
	case unit < 0:
		return text, 0
	case !utf16.IsSurrogate(unit):
		return utf8.AppendRune(text, unit), 6
	}
	if char := utf16.DecodeRune(unit, codeUnit(rest[6:])); char != utf8.RuneError { // which no pair stands for
		return utf8.AppendRune(text, char), 12
	}
	return text, 0
}

// codeUnit reads \uXXXX; -1 is something else.
func codeUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit := rune(0)
	for _, c := range text[2:6] {
		switch {
		case isDigit(c):
			unit = unit<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return unit
}
