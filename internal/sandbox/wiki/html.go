package wiki

import (
	"html/template"
	"strconv"
	"strings"
)

func htmlBlocks(b *strings.Builder, nodes []node) {
	for _, run := range runs(nodes) {
		if run[0].kind.block() {
			htmlBlock(b, run[0])
			continue
		}
		b.WriteString("<p>")
		htmlInline(b, run)
		b.WriteString("</p>\n")
	}
}

func htmlBlock(b *strings.Builder, one node) {
	switch one.kind {
	case heading:
		level := strconv.Itoa(min(max(one.level, 1), 6))
		b.WriteString("<h" + level + ">")
		htmlInline(b, one.children)
		b.WriteString("</h" + level + ">\n")
	case rule:
		b.WriteString("<hr>\n")
	case list:
		htmlList(b, one)
	case table:
		htmlTable(b, one)
	case quote:
		b.WriteString("<blockquote>")
		htmlBlocks(b, one.children)
		b.WriteString("</blockquote>\n")
	case panel:
		b.WriteString(`<div class="panel">`)
		if one.target != "" {
			b.WriteString("<p><b>" + escape(one.target) + "</b></p>")
		}
		htmlBlocks(b, one.children)
		b.WriteString("</div>\n")
	case noformat, code:
		b.WriteString("<pre>" + escape(one.target) + "</pre>\n")
	default: // rows, cells and items are written by what holds them
		htmlBlocks(b, one.children)
	}
}

func escape(text string) string {
	return template.HTMLEscapeString(strings.ReplaceAll(text, "\x00", ""))
}

func htmlInline(b *strings.Builder, nodes []node) {
	for _, one := range nodes {
		switch one.kind {
		case text:
			b.WriteString(escape(one.text))
		case lineFeed, lineBreak:
			b.WriteString("<br>")
		case link:
			htmlLink(b, one)
		case mention:
			b.WriteString(`<span class="mention">@` + escape(one.target) + "</span>")
		case image:
			b.WriteString(`<span class="image">[image ` + escape(one.target) + "]</span>")
		case file:
			b.WriteString(`<span class="image">[attachment ` + escape(one.target) + "]</span>")
		default:
			if one.kind.block() {
				htmlBlock(b, one)
				continue
			}
			element := inlineElement(one.kind)
			b.WriteString("<" + element + ">")
			htmlInline(b, one.children)
			b.WriteString("</" + element + ">")
		}
	}
}

func inlineElement(of kind) string {
	elements := map[kind]string{
		strong: "b", emphasis: "i", deleted: "del", inserted: "ins", superscript: "sup", subscript: "sub",
		monospace: "code", citation: "cite",
	}
	if element, ok := elements[of]; ok {
		return element
	}
	return "span"
}

func htmlLink(b *strings.Builder, one node) {
	lower := strings.ToLower(one.target)
	for _, scheme := range []string{"http://", "https://", "mailto:"} {
		if strings.HasPrefix(lower, scheme) {
			b.WriteString(`<a rel="noopener noreferrer nofollow" href="` + escape(one.target) + `">`)
			htmlInline(b, one.children)
			b.WriteString("</a>")
			return
		}
	}
	b.WriteString(escape(textLink(one)))
}

// htmlList nests items by their level.
func htmlList(b *strings.Builder, one node) {
	var open []string // the elements that are open
	for _, item := range one.children {
		element := "ul"
		if item.ordered {
			element = "ol"
		}
		for len(open) > max(1, item.level) || len(open) == item.level && open[item.level-1] != element {
			b.WriteString("</li></" + open[len(open)-1] + ">")
			open = open[:len(open)-1]
		}
		if len(open) == max(1, item.level) {
			b.WriteString("</li><li>")
		}
		for len(open) < max(1, item.level) {
			b.WriteString("<" + element + "><li>")
			open = append(open, element)
		}
		htmlItem(b, item.children)
	}
	for len(open) > 0 {
		b.WriteString("</li></" + open[len(open)-1] + ">")
		open = open[:len(open)-1]
	}
	b.WriteString("\n")
}

// htmlItem writes what stands in an item or a cell: one paragraph needs no element of its own.
func htmlItem(b *strings.Builder, nodes []node) {
	if all := runs(nodes); len(all) == 1 && !all[0][0].kind.block() {
		htmlInline(b, all[0])
		return
	}
	htmlBlocks(b, nodes)
}

func htmlTable(b *strings.Builder, one node) {
	b.WriteString("<table>\n")
	for _, row := range one.children {
		b.WriteString("<tr>")
		for _, cell := range row.children {
			element := "td"
			if cell.header {
				element = "th"
			}
			b.WriteString("<" + element + ">")
			htmlItem(b, cell.children)
			b.WriteString("</" + element + ">")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
}
