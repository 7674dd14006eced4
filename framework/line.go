package framework

import (
	"strings"
	"unicode"
)

// Line makes text from outside fit for one line of at most limit runes: white space and line breaks become single
// spaces, what is too long ends in "…", and control characters, broken UTF-8 and the marks that reverse the
// direction of writing (with which an .exe is shown as a .pdf) become U+FFFD. It is no escape for any markup.
func Line(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	runes := []rune(strings.Map(visible, text))
	if len(runes) > limit {
		runes = append(runes[:max(0, limit-1)], '…')
	}
	return string(runes)
}

func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return unicode.ReplacementChar
	}
	return r
}
