package scrub

// joint is what stands behind a digit of a number.
type joint byte

const (
	nothing   joint = iota // no further digit belongs to the number
	tight                  // the next digit, at once
	invisible              // the next digit behind characters without width
	spaced                 // a space or hyphen of any kind, as numbers are printed
	dotted                 // a dot
	odd                    // what else people and programs put there: / _ + a tab, a line break, %20 and the like
)

// digit returns the digit that a text begins with, as ASCII, and its width in bytes, or 0. Full-width ones, which East
// Asian keyboards type, and those of mathematics, which stylish texts are made of, read as the usual ones.
func digit(text []byte) (value byte, width int) {
	switch {
	case len(text) == 0:
		return 0, 0
	case isDigit(text[0]):
		return text[0], 1
	case len(text) >= 3 && text[0] == 0xef && text[1] == 0xbc && 0x90 <= text[2] && text[2] <= 0x99: // U+FF10 to U+FF19
		return '0' + text[2] - 0x90, 3
	case len(text) >= 4 && text[0] == 0xf0 && text[1] == 0x9d && text[2] == 0x9f && text[3] >= 0x8e: // U+1D7CE to U+1D7FF, five times ten
		return '0' + (text[3]-0x8e)%10, 4
	default:
		return 0, 0
	}
}

// join returns what stands at a place behind a digit, and where the next digit of the same number is.
func join(text []byte, at int) (between joint, next int) {
	next = at + unseen(text[at:])
	if width(text[next:]) > 0 {
		if next == at {
			return tight, next
		}
		return invisible, next
	}
	between, length := separator(text[next:])
	if length == 0 {
		return nothing, at
	}
	next += length
	next += unseen(text[next:])
	if width(text[next:]) == 0 || identifier(text, next) > 0 {
		return nothing, at
	}
	return between, next
}

func width(text []byte) int {
	_, width := digit(text)
	return width
}

// unseen returns the length of the characters at the start of a text that have no width: with them a number looks as
// ever and is found by nobody.
func unseen(text []byte) int {
	at := 0
	for at+1 < len(text) && text[at] >= 0x80 {
		switch {
		case text[at] == 0xc2 && text[at+1] == 0xad: // soft hyphen
			at += 2
		case at+2 < len(text) && isUnseen(string(text[at:at+3])):
			at += 3
		default:
			return at
		}
	}
	return at
}

func isUnseen(character string) bool {
	switch character {
	case "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", // zero-width space, non-joiner and joiner, direction marks
		"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", // embeddings and overrides of direction
		"\u2060", "\u2061", "\u2062", "\u2063", "\u2064", // word joiner, invisible operators
		"\u2066", "\u2067", "\u2068", "\u2069", // isolates
		"\ufeff", "\ufe0e", "\ufe0f": // byte order mark, variation selectors
		return true
	}
	return false
}

// separator returns the separator of groups that a text begins with, and its length in bytes, or 0.
func separator(text []byte) (kind joint, length int) {
	if len(text) == 0 {
		return nothing, 0
	}
	switch text[0] {
	case ' ', '-':
		return spaced, 1
	case '.':
		return dotted, 1
	case '/', '_', '+', '\t', '\n':
		return odd, 1
	case '\r':
		if hasPrefix(text, "\r\n") {
			return odd, 2
		}
		return odd, 1
	case '\\', '%':
		return odd, escape(text)
	default:
		return spaced, blank(text)
	}
}

// escape returns the length of an escaped separator: a space or hyphen in a URL, a tab or line break in a string that is
// quoted in a text.
func escape(text []byte) int {
	for _, written := range []string{`%20`, `%2D`, `%2d`, `%09`, `%0A`, `%0a`, `\r\n`, `\n`, `\t`, `\r`} {
		if hasPrefix(text, written) {
			return len(written)
		}
	}
	return 0
}

// blank returns the length of the space, hyphen or dash outside ASCII that a text begins with, or 0.
func blank(text []byte) int {
	if len(text) >= 2 && string(text[:2]) == "\u00a0" { // no-break space
		return 2
	}
	if len(text) < 3 {
		return 0
	}
	switch string(text[:3]) {
	case "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
		"\u202f", "\u205f", "\u3000", // spaces of every width
		"\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2043", "\u2212", "\ufe58", "\ufe63", "\uff0d": // hyphens, dashes, minus
		return 3
	}
	return 0
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

func isWord(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z' }
