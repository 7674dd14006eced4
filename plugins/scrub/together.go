package scrub

import "bytes"

// together reports whether so many digits of one number can be in a text. What it refuses no other look finds a number in;
// what it takes is looked at. Most bytes of most texts are not read: of any run of digits and separators that is long enough
// one byte is at a multiple of its least length.
func together(text []byte, enough int) bool {
	if bytes.IndexByte(text, '%') >= 0 || bytes.IndexByte(text, '\\') >= 0 {
		return digitsWithEscapes(text, enough)
	}
	for at := enough - 1; at < len(text); at += enough {
		if !goesOn(text[at]) {
			continue
		}
		from, digits := at, 0
		for from > 0 && goesOn(text[from-1]) {
			from--
		}
		for at = from; at < len(text) && goesOn(text[at]); at++ {
			digits += digitIn(text[at])
		}
		if digits >= enough {
			return true
		}
	}
	return false
}

// digitsWithEscapes is together where letters and digits of an escape may stand between those of a number.
func digitsWithEscapes(text []byte, enough int) bool {
	digits := 0
	for at := 0; at < len(text); at++ {
		switch b := text[at]; {
		case b == '\\' && at+1 < len(text) && (text[at+1] == 'n' || text[at+1] == 't' || text[at+1] == 'r'):
			at++
		case b == '%': // what follows may be digits of the number, too
			if at+2 < len(text) && isHex(text[at+1]) && isHex(text[at+2]) {
				digits += digitIn(text[at+1]) + digitIn(text[at+2])
				at += 2
			}
		case goesOn(b):
			digits += digitIn(b)
		default:
			digits = 0
		}
		if digits >= enough {
			return true
		}
	}
	return false
}

// goesOn reports whether a number can go on with a byte: a digit, a separator, any part of a character outside ASCII.
func goesOn(b byte) bool {
	switch b {
	case ' ', '-', '.', '/', '_', '+', '\t', '\n', '\r':
		return true
	default:
		return isDigit(b) || b >= 0x80
	}
}

// digitIn counts a byte with which a digit begins.
func digitIn(b byte) int {
	if isDigit(b) || b == 0xef || b == 0xf0 {
		return 1
	}
	return 0
}
