package wiki

import (
	"strings"
	"unicode/utf8"
)

// format is a mark that stands around text.
type format struct {
	mark   string
	kind   kind
	ignore tokens // what is not looked for between two of them
}

func formats() []format {
	const most = tokenDash | tokenTable
	return []format{
		{"??", citation, tokenDash},
		{"{{", monospace, everything},
		{"*", strong, most},
		{"_", emphasis, most},
		{"-", deleted, most},
		{"+", inserted, most},
		{"^", superscript, most},
		{"~", subscript, most},
	}
}

// format reads text between marks such as *text* and {*}text{*}.
func (p parser) format(input string, at int) found {
	rest := input[at:]
	for _, one := range formats() {
		closing := one.mark
		if one.kind == monospace {
			closing = "}}"
		}
		if !strings.HasPrefix(rest, one.mark) && !strings.HasPrefix(rest, "{"+one.mark+"}") {
			continue
		}
		opening, closing := surrounding(rest, one.mark, closing)
		raw, length, ok := p.span(input, at, opening, closing)
		if !ok {
			return literally(input, at, len(opening))
		}
		return found{nodes: []node{{kind: one.kind, children: p.deeper().parse(raw, one.ignore)}}, length: length}
	}
	return literally(input, at, 1)
}

// surrounding chooses between the two forms of a mark, *text* and {*}text{*}, for both ends on their own.
func surrounding(rest, opening, closing string) (string, string) {
	from := len(opening)
	if strings.HasPrefix(rest, "{"+opening+"}") {
		opening = "{" + opening + "}"
		from = len(opening)
	}
	end := strings.Index(rest[from:], closing) + from
	wrapped := "{" + closing + "}"
	if end > from-1 && end > 0 && strings.HasPrefix(rest[end-1:], wrapped) {
		closing = wrapped
	}
	return opening, closing
}

// joins reports whether a character next to a mark makes it a part of a word.
func joins(r rune, size int) bool {
	return size > 0 && r != '\u00A0' && (r >= utf8.RuneSelf || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
}

// span finds the text between two marks on one line. Escapes in it are resolved, once, as Atlassian's parser does: the
// text is then parsed again, so that what was escaped once is live in it.
func (p parser) span(input string, at int, opening, closing string) (raw string, length int, ok bool) {
	wrapped := func(mark string) bool { return strings.HasPrefix(mark, "{") && strings.HasSuffix(mark, "}") }
	before, size := utf8.DecodeLastRuneInString(input[:at])
	if joins(before, size) && !wrapped(opening) {
		return "", 0, false
	}
	from := at + len(opening)
	if !strings.HasPrefix(input[at:], opening) || strings.HasPrefix(input[from:], " ") {
		return "", 0, false
	}
	var buffer writer
	pieces := 0
	for i := from; i < len(input); {
		rest := input[i:]
		*p.steps--
		switch {
		case rest[0] == '\n' || rest[0] == '\r' || *p.steps < 0:
			return "", 0, false
		case strings.HasPrefix(rest, closing):
			if pieces == 0 {
				return "", 0, false
			}
			i += len(closing)
			after, size := utf8.DecodeRuneInString(input[i:])
			if joins(after, size) && !wrapped(closing) {
				buffer.write(closing)
				continue
			}
			if strings.HasSuffix(buffer.last, " ") {
				return "", 0, false
			}
			return buffer.buffer.String(), i - at, true
		default:
			piece, length, ok := spanPiece(input, i)
			if !ok {
				return "", 0, false
			}
			buffer.write(piece)
			pieces++
			i += length
		}
	}
	return "", 0, false
}

// spanPiece reads the next piece of a span: no macro but {color} may stand in one.
func spanPiece(input string, at int) (piece string, length int, ok bool) {
	rest := input[at:]
	switch {
	case strings.HasPrefix(rest, "{{"):
		return "{{", 2, true
	case rest[0] == '{' && macroName(rest) != "":
		name, opening, length := macroSpan(rest)
		switch {
		case length == 0:
			return "{", 1, true
		case strings.EqualFold(name, "anchor"):
			return "", opening, true
		default:
			return rest[:length], length, strings.EqualFold(name, "color")
		}
	case rest[0] == '[':
		length := max(1, linkLength(rest))
		return rest[:length], length, length == 1 || !splitLink(rest[1:length-1]).empty()
	case rest[0] == '\\':
		piece, length := escaped(input, at)
		return piece, length, true
	}
	return rest[:1], 1, true
}

func (p parser) media(input string, at int) found {
	raw, length, ok := p.span(input, at, "!", "!")
	if !ok {
		return literally(input, at, 1)
	}
	target, _, _ := strings.Cut(raw, "|")
	return found{nodes: []node{{kind: image, target: target}}, length: length}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
