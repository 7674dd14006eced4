package framework

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// lostText is the escape of U+FFFD, the character for text that was lost. It is as long as what it stands in for.
const lostText = `\ufffd`

// Mended returns a JSON document in which all text is Unicode, for senders that repeat nothing: a surrogate escape without its
// other half, such as \udcff, is replaced by \ufffd, and a run of bytes that is not UTF-8 by U+FFFD. Python escapes text that
// way which it could not read, and whoever cuts text to a length cuts emojis in half. A document that needs none of it is
// returned as it is; another is copied, never changed, and the copy has at most three times the length.
func Mended(document []byte) []byte {
	if !utf8.Valid(document) {
		document = bytes.ToValidUTF8(document, []byte("\uFFFD"))
	}
	if !bytes.Contains(document, []byte(`\ud`)) && !bytes.Contains(document, []byte(`\uD`)) {
		return document
	}
	return withoutLoneSurrogates(document)
}

// withoutLoneSurrogates copies the document with the first escape that it replaces. Outside of strings there are none.
func withoutLoneSurrogates(document []byte) []byte {
	mended, inString, copied := document, false, false
	for at := 0; at < len(document); {
		switch {
		case document[at] == '"':
			inString = !inString
			at++
		case !inString || document[at] != '\\':
			at++
		default:
			length, lone := escapeAt(document[at:])
			if lone && !copied {
				mended, copied = bytes.Clone(document), true
			}
			if lone {
				copy(mended[at:], lostText)
			}
			at += length
		}
	}
	return mended
}

// escapeAt tells the length of the escape at the start of rest, that of a surrogate pair as a whole, and whether it is half
// of such a pair alone.
func escapeAt(rest []byte) (length int, lone bool) {
	unit := codeUnit(rest)
	switch {
	case unit < 0: // a short one, or none at all, which is for the scanner to refuse
		return 2, false
	case !utf16.IsSurrogate(unit):
		return 6, false
	case utf16.DecodeRune(unit, codeUnit(rest[6:])) != utf8.RuneError: // which no pair stands for
		return 12, false
	}
	return 6, true
}
