package jira

import (
	"slices"
	"strings"
	"unicode"
)

// zeroWidth is a zero-width space. It takes markup apart where Jira knows no escape, and is not seen.
const zeroWidth = "\u200b"

// escaped are the characters that both of Atlassian's renderers take literally after a backslash and that begin or
// end markup. (Both also know \% and \@, which are inert outside of links.) The renderers are atlassian-renderer
// (BackslashEscapeRendererComponent; Data Center, mails) and @atlaskit/editor-wikimarkup-transformer (utils/escape.ts;
// Cloud). Neither unescapes any other character, so that a backslash before one would be seen.
const escaped = "{}[]!|*_+^~-?#()"

// Within a table cell the Cloud parser ends the cell even at \| ("NOT supported" in its tokenize/table.ts) and passes
// over a pipe between brackets, escaped or not. So a pipe, and a bracket that is not closed in the cell, are replaced
// by characters that look alike. The event's JSON shows what they were.
const (
	cellPipe    = "¦"
	cellBracket = "［"
)

// schemes are those that Atlassian's renderers, or the viewers behind them, turn into links without "//".
var schemes = []string{ //nolint:gochecknoglobals // a constant, if Go had constant lists
	"callto", "facetime", "file", "irc", "jamfselfservice", "mailto", "news", "nntp", "sip", "sips", "skype", "sms", "tel", "vnc",
}

// escapeText makes outside text inert: nothing in it is markup, wherever it is put in a line.
func escapeText(text string) string { return escapeSpans([]string{text}, false)[0] }

// escapeSpans does so for texts that will stand side by side, so that they make nothing together either. In a table
// cell, line feeds become forced line breaks and pipes are replaced.
func escapeSpans(texts []string, cell bool) []string {
	e := escaper{cell: cell}
	var ends []int
	for _, text := range texts {
		e.runes = append(e.runes, []rune(cleanText(text))...)
		ends = append(ends, len(e.runes))
	}
	escaped := make([]string, len(texts))
	for i, end := range ends {
		e.out.Reset()
		for e.first, e.end = e.at, end; e.at < end; e.at++ {
			e.write(e.runes[e.at])
		}
		escaped[i] = e.out.String()
	}
	return escaped
}

type escaper struct {
	runes      []rune // of all texts
	first, end int    // of the text that is being written
	at         int
	cell       bool
	out        strings.Builder
}

func (e *escaper) write(r rune) {
	switch {
	case r == '\n' && e.cell:
		e.out.WriteString(` \\ `)
	case r == '|' && e.cell:
		e.out.WriteString(cellPipe)
	case r == '[' && e.cell && !slices.Contains(e.runes[e.at:], ']'):
		e.out.WriteString(cellBracket)
	case r == '\\':
		e.out.WriteRune(r)
		if !isWord(e.peek(1)) && e.peek(1) != ' ' { // it must not escape what follows, nor make \\, a line break
			e.out.WriteString(zeroWidth)
		}
	case (r == '-' || r == '_') && e.withinWord(): // WS-042: inert there
		e.out.WriteRune(r)
	case strings.ContainsRune(escaped, r):
		e.out.WriteRune('\\')
		e.out.WriteRune(r)
		if r == '{' { // the Cloud parser's tables see macros even behind a backslash
			e.out.WriteString(zeroWidth)
		}
	case r == '.' && e.endsLineStart():
		e.out.WriteString(zeroWidth)
		e.out.WriteRune(r)
	default:
		e.out.WriteRune(r)
		if (r == ':' || r == ';') && e.isLive() {
			e.out.WriteString(zeroWidth)
		}
	}
}

// peek returns the rune at a distance, or 0 beyond the ends.
func (e *escaper) peek(distance int) rune {
	if at := e.at + distance; at >= 0 && at < len(e.runes) {
		return e.runes[at]
	}
	return 0
}

// withinWord reports whether letters or digits of the same text stand on both sides; between texts there may be markup.
func (e *escaper) withinWord() bool {
	return e.at > e.first && e.at+1 < e.end && isWord(e.peek(-1)) && isWord(e.peek(1))
}

func isWord(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }

// endsLineStart reports whether the dot would end "h1." to "h6." or "bq.", which count at the start of a line or cell.
func (e *escaper) endsLineStart() bool {
	first, second := unicode.ToLower(e.peek(-2)), unicode.ToLower(e.peek(-1))
	heading := first == 'h' && second >= '1' && second <= '6'
	return (heading || first == 'b' && second == 'q') && !isWord(e.peek(-3))
}

// isLive reports whether the colon or semicolon makes an address or an emoticon (:D :P ;D; those with brackets or a
// dash are escaped there).
func (e *escaper) isLive() bool {
	next, word := e.peek(1), strings.ToLower(e.wordBefore())
	if next == '/' && e.peek(2) == '/' {
		return word != "hxxp" && word != "hxxps" // defanged: no renderer knows them
	}
	if strings.ContainsRune("DPp", next) && !isWord(e.peek(2)) {
		return true
	}
	// The Cloud parser sees an address in the middle of a word too.
	return next != 0 && !unicode.IsSpace(next) && slices.ContainsFunc(schemes, func(s string) bool { return strings.HasSuffix(word, s) })
}

func (e *escaper) wordBefore() string {
	start := e.at
	for start > 0 && isWord(e.runes[start-1]) && e.at-start < 20 {
		start--
	}
	return string(e.runes[start:e.at])
}

// cleanText leaves text that Jira stores and that shows what it is: line ends become line feeds; controls, characters
// that reorder text on screen and bytes that are no UTF-8 become U+FFFD.
func cleanText(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case strings.ContainsRune("\r\v\f\u0085\u2028\u2029", r):
			return '\n'
		case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xfffe, r == 0xffff, unicode.Is(unicode.Bidi_Control, r):
			return '\ufffd'
		default:
			return r
		}
	}, text)
}
