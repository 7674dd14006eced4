package jira

import (
	"sort"

	"funnelweb/framework"
)

// cutBlock renders as much of a block as fits into room, or "": whole rows of a table, whole characters of a text,
// and always with the markup that ends it.
func cutBlock(block framework.Block, room int) string {
	switch b := block.(type) {
	case framework.Paragraph:
		size := 0
		for _, span := range b {
			size += len([]rune(span.Text))
		}
		return longest(size, room, func(n int) string { return renderSpans(firstRunes(b, n), false) })
	case framework.Table:
		return longest(len(b.Rows), room, func(n int) string { return renderTable(b, n) })
	case framework.Preformatted:
		runes := []rune(b.Text)
		return longest(len(runes), room, func(n int) string { return renderPreformatted(string(runes[:n])) })
	default:
		return ""
	}
}

// longest returns the longest render(n) for n of 1 to size that fits. Rendering may make a shorter text one unit longer
// than the next (a final backslash), so the found one is checked.
func longest(size, room int, render func(int) string) string {
	n := sort.Search(size, func(n int) bool { return width(render(n+1)) > room })
	for ; n > 0; n-- {
		if text := render(n); width(text) <= room {
			return text
		}
	}
	return ""
}

func firstRunes(spans framework.Paragraph, n int) framework.Paragraph {
	var first framework.Paragraph
	for _, span := range spans {
		runes := []rune(span.Text)
		if n <= 0 {
			break
		}
		span.Text = string(runes[:min(n, len(runes))])
		n -= len(runes)
		first = append(first, span)
	}
	return first
}
