package wiki

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func forcedBreak(input string, at int) found {
	// A backslash in the word that follows makes it a path, such as that of a share.
	rest := input[at+2:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r == '\\' || unicode.IsSpace(r) })
	if at > 0 && input[at-1] == '\\' || end >= 0 && rest[end] == '\\' {
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
