package wiki

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// runs divides nodes into blocks, each alone, and paragraphs: what lies between blocks or between empty lines.
func runs(nodes []node) [][]node {
	var all [][]node
	var run []node
	feeds := 0
	finish := func() {
		if len(run) > 0 {
			all = append(all, run)
		}
		run, feeds = nil, 0
	}
	for _, one := range nodes {
		switch {
		case one.kind == lineFeed:
			feeds++
			continue
		case one.kind.block():
			finish()
			all = append(all, []node{one})
			continue
		case feeds > 1:
			finish()
		case feeds == 1 && len(run) > 0:
			run = append(run, node{kind: lineFeed})
		}
		feeds = 0
		run = append(run, one)
	}
	finish()
	return all
}

// textBlocks returns lines, with an empty one between blocks.
func textBlocks(nodes []node) []string {
	var lines []string
	for _, run := range runs(nodes) {
		block := textBlock(run)
		if len(block) == 0 {
			continue
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, block...)
	}
	return lines
}

func textBlock(run []node) []string {
	one := run[0]
	switch one.kind {
	case heading:
		title := strings.TrimSpace(strings.ReplaceAll(textInline(one.children), "\n", " "))
		sign := "-"
		if one.level <= 2 {
			sign = "="
		}
		return []string{title, strings.Repeat(sign, max(1, utf8.RuneCountInString(title)))}
	case rule:
		return []string{strings.Repeat("-", 40)}
	case list:
		return textList(one)
	case table:
		return textTable(one)
	case quote:
		return indent("> ", "> ", textBlocks(one.children))
	case panel:
		lines := textBlocks(one.children)
		if one.target != "" {
			lines = slices.Insert(lines, 0, clean(one.target))
		}
		return indent("| ", "| ", lines)
	case noformat, code:
		var lines []string
		for line := range strings.SplitSeq(one.target, "\n") {
			lines = append(lines, clean(line))
		}
		return indent("    ", "    ", lines)
	default:
		var lines []string
		for line := range strings.SplitSeq(strings.Trim(textInline(run), " \n"), "\n") {
			lines = append(lines, strings.TrimSpace(line))
		}
		return lines
	}
}

func indent(first, other string, lines []string) []string {
	out := make([]string, 0, len(lines))
	for i, line := range lines {
		if i == 0 {
			line = first + line
		} else {
			line = other + line
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// textInline is running text; line feeds in it are kept.
func textInline(nodes []node) string {
	var b strings.Builder
	for _, one := range nodes {
		switch one.kind {
		case text:
			b.WriteString(clean(one.text))
		case lineFeed, lineBreak:
			b.WriteByte('\n')
		case link:
			b.WriteString(textLink(one))
		case mention:
			b.WriteString("@" + clean(one.target))
		case image:
			b.WriteString("[image " + clean(one.target) + "]")
		case file:
			b.WriteString("[attachment " + clean(one.target) + "]")
		default:
			if one.kind.block() {
				b.WriteString(strings.Join(textBlock([]node{one}), "\n"))
			} else {
				b.WriteString(textInline(one.children))
			}
		}
	}
	return b.String()
}

func textLink(one node) string {
	shown, target := textInline(one.children), clean(one.target)
	if shown == "" || shown == target || "mailto:"+shown == target {
		return target
	}
	return shown + " (" + target + ")"
}

// clean drops what must not reach a terminal and what people cannot see: control characters, and format characters
// such as those that turn the direction of writing. Two of these join or part letters and stay.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case r == '\u200c' || r == '\u200d':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
}

func textList(one node) []string {
	var lines []string
	numbers := map[int]int{} // the last one by level
	for i, item := range one.children {
		if i > 0 && item.ordered != one.children[i-1].ordered {
			delete(numbers, item.level)
		}
		for level := range numbers {
			if level > item.level {
				delete(numbers, level)
			}
		}
		numbers[item.level]++
		mark := "- "
		if item.ordered {
			mark = fmt.Sprintf("%d. ", numbers[item.level])
		}
		space := strings.Repeat("  ", item.level-1)
		block := withoutEmpty(textBlocks(item.children))
		if len(block) == 0 {
			block = []string{""}
		}
		lines = append(lines, indent(space+mark, space+strings.Repeat(" ", len(mark)), block)...)
	}
	return lines
}

func withoutEmpty(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "" })
}

func trimLines(lines []string) []string {
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}
