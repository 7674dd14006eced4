package wiki

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
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
		raw, length, ok := span(input, at, opening, closing)
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
func span(input string, at int, opening, closing string) (raw string, length int, ok bool) {
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
		switch {
		case rest[0] == '\n' || rest[0] == '\r':
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

func media(input string, at int) found {
	raw, length, ok := span(input, at, "!", "!")
	if !ok {
		return literally(input, at, 1)
	}
	target, _, _ := strings.Cut(raw, "|")
	return found{nodes: []node{{kind: image, target: target}}, length: length}
}

// schemes begin addresses that become links without any mark. Atlassian's parser knows http, ftp, irc and mailto in
// lower case; the older one also news, nntp and file.
func schemes() []string {
	return []string{"http://", "https://", "ftp://", "ftps://", "irc://", "mailto:", "nntp://", "news://", "file://"}
}

func addressScheme(rest string) string {
	for _, scheme := range schemes() {
		if len(rest) >= len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			return rest[:len(scheme)]
		}
	}
	return ""
}

// address reads an address that stands on its own.
func (p parser) address(rest string) found {
	scheme := addressScheme(rest)
	end := len(scheme)
	for end < len(rest) && (isWord(rest[end]) || strings.IndexByte(`?!~^/\#$%&'()*+,-.:;<=@`, rest[end]) >= 0) {
		end++
	}
	target := strings.TrimRight(rest[:end], "?!.")
	target = strings.TrimRight(target, `.,>)];}"'!`)
	if len(target) <= len(scheme) {
		return plainText(rest[:1], 1)
	}
	shown := target
	if strings.EqualFold(scheme, "mailto:") {
		shown = target[len(scheme):]
	}
	got := node{kind: link, target: target, children: []node{{kind: text, text: shown}}}
	if !ordinaryAddress(target) {
		got.also = p.deeper().parse(target[1:], 0)
	}
	return found{nodes: []node{got}, length: len(target)}
}

var ordinaryPattern = regexp.MustCompile(`^(?:https?|ftps?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*\.?)(?::[0-9]{1,4})?(?:[/?#]|$)|^mailto:`)

// ordinaryAddress reports whether every parser takes the text for an address. They differ about odd hosts.
func ordinaryAddress(target string) bool {
	match := ordinaryPattern.FindStringSubmatch(target)
	if match == nil || strings.Contains(match[1], "xn--") {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(match[1], "."), ".")
	if last := labels[len(labels)-1]; last != "" && last[0] <= '9' {
		_, err := netip.ParseAddr(match[1])
		return err == nil
	}
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func forcedBreak(input string, at int) found {
	run := input[at+2:]
	if end := strings.IndexFunc(run, unicode.IsSpace); end >= 0 {
		run = run[:end]
	}
	if at > 0 && input[at-1] == '\\' || strings.Contains(run, `\`) {
		return literally(input, at, 2)
	}
	return found{nodes: []node{{kind: lineBreak}}, length: 2}
}

// dash turns -- and --- that stand alone into dashes.
func dash(input string, at int) found {
	signs := map[int]string{2: "–", 3: "—"}
	length := 2
	for length < 4 && strings.HasPrefix(input[at+length:], "-") {
		length++
	}
	before, size := utf8.DecodeLastRuneInString(input[:at])
	if size > 0 && !unicode.IsSpace(before) {
		return literally(input, at, length)
	}
	after, size := utf8.DecodeRuneInString(input[at+length:])
	if size > 0 && !unicode.IsSpace(after) || signs[length] == "" {
		return literally(input, at, length)
	}
	return plainText(signs[length], length)
}

// signs are what smileys and other signs stand for.
func signs() map[string]string {
	return map[string]string{
		":)": "🙂", ":-)": "🙂", ":(": "😞", ":-(": "😞", ":P": "😛", ":-P": "😛", ":p": "😛", ":-p": "😛",
		":D": "😃", ":-D": "😃", ";)": "😉", ";-)": "😉", "(y)": "👍", "(n)": "👎", "(i)": "ℹ", "(/)": "✅", "(x)": "❌",
		"(!)": "⚠", "(+)": "➕", "(-)": "➖", "(?)": "❓", "(on)": "💡", "(off)": "💡", "(*)": "⭐", "(*y)": "⭐",
		"(*r)": "⭐", "(*g)": "⭐", "(*b)": "⭐", "(flag)": "🚩", "(flagoff)": "⚐",
	}
}

func smiley(rest string) found {
	for length := 2; length <= min(9, len(rest)); length++ {
		sign, ok := signs()[rest[:length]]
		if ok && (length == len(rest) || rest[length] == '_' || !isWord(rest[length])) {
			return found{nodes: []node{{kind: emoji, target: rest[:length], children: []node{{kind: text, text: sign}}}}, length: length}
		}
	}
	return plainText(rest[:1], 1)
}
