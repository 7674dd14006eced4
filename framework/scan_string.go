package framework

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string and returns it with its quotes.
func (s *scanner) string() (quoted []byte, ok bool) {
	start := s.at
	if !s.take('"') {
		return nil, false
	}
	document, at := s.document, s.at
	for at < len(document) {
		if at+8 <= len(document) {
			plain := plainBytes(binary.LittleEndian.Uint64(document[at:]))
			at += plain
			if plain == 8 || at == len(document) {
				continue
			}
		}
		switch c := document[at]; {
		case c == '"':
			s.at = at + 1
			return document[start:s.at], true
		case c == '\\':
			length := escape(document[at:])
			if length == 0 {
				return nil, false
			}
			at += length
		case c < ' ':
			return nil, false
		case c < utf8.RuneSelf:
			at++
		default:
			r, length := utf8.DecodeRune(document[at:])
			if r == utf8.RuneError && length <= 1 {
				return nil, false
			}
			at += length
		}
	}
	return nil, false
}

// plainBytes is how many of eight bytes, from the lowest on, are ASCII that stands for itself in a string. A byte of 0 is one
// whose highest bit is set in (x - ones) &^ x, and a byte below 0x20 one whose highest bit is set in x - ones*0x20: that is
// wrong for bytes above such a one alone, and the lowest is what counts.
func plainBytes(x uint64) int {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	special := (x | (x - ones*' ') | (quote-ones)&^quote | (backslash-ones)&^backslash) & highest
	return bits.TrailingZeros64(special) / 8
}

// escape is the length of the escape at the start of a text (RFC 8259 section 7), of a surrogate pair as a whole; 0 for what
// is none.
func escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		switch unit := codeUnit(text); {
		case unit < 0 || unit >= 0xdc00 && unit < 0xe000:
			return 0
		case unit < 0xd800 || unit >= 0xe000:
			return 6
		}
		if low := codeUnit(text[6:]); low >= 0xdc00 && low < 0xe000 {
			return 12
		}
	}
	return 0
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

// unquoted appends the text of a string that was scanned.
func unquoted(text, quoted []byte) []byte {
	rest := quoted[1 : len(quoted)-1]
	for {
		plain := bytes.IndexByte(rest, '\\')
		if plain < 0 {
			return append(text, rest...)
		}
		text = append(text, rest[:plain]...)
		rest = rest[plain:]
		length := escape(rest)
		text = appendEscaped(text, rest[:length])
		rest = rest[length:]
	}
}

func appendEscaped(text, escaped []byte) []byte {
	switch c := escaped[1]; {
	case len(escaped) == 12:
		return utf8.AppendRune(text, utf16.DecodeRune(codeUnit(escaped), codeUnit(escaped[6:])))
	case c == 'u':
		return utf8.AppendRune(text, codeUnit(escaped))
	default:
		return append(text, "\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, c)])
	}
}
