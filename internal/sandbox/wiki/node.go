package wiki

import "strings"

// kind says what a node is.
type kind int

const (
	text      kind = iota
	lineFeed       // the end of a line
	lineBreak      // \\

	strong
	emphasis
	deleted
	inserted
	superscript
	subscript
	monospace
	citation
	color

	link    // target is the address
	mention // target is the user
	image   // target is the address or the file
	file    // target is the file
	emoji   // target is what was written
	macro   // target is the name: one that is not known here, shown as it was written

	heading // level is 1 to 6
	rule
	list // its children are items; ordered says whether they have numbers
	item // level is the depth, from 1
	table
	row
	cell // header says that it is one
	quote
	panel    // target is the title
	noformat // target is what stands in it
	code     // target is what stands in it
)

// name is what a live construct of the kind is called, or empty for parts of others and for plain text.
func (k kind) name() string {
	names := map[kind]string{
		lineBreak: "line break", strong: "bold", emphasis: "italic", deleted: "deleted", inserted: "inserted",
		superscript: "superscript", subscript: "subscript", monospace: "monospace", citation: "citation", color: "color",
		link: "link", mention: "mention", image: "image", file: "attachment", emoji: "emoji", macro: "macro",
		heading: "heading", rule: "rule", list: "list", table: "table", quote: "quote", panel: "panel",
		noformat: "noformat", code: "code",
	}
	return names[k]
}

// block reports whether the kind stands on lines of its own.
func (k kind) block() bool { return k >= heading }

// node is a piece of markup that was understood.
type node struct {
	kind     kind
	text     string // of a text
	target   string
	level    int
	ordered  bool
	header   bool
	children []node
	// also is what would be live in it if it were not what it was taken for, where the parsers may disagree.
	also []node
}

// about is the detail that tells one construct from another of its kind.
func (n node) about() string {
	switch n.kind {
	case link, mention, image, file, emoji, macro:
		return n.target
	case strong, emphasis, deleted, inserted, superscript, subscript, monospace, citation, color, heading:
		return strings.Join(strings.Fields(plain(n.children)), " ")
	default:
		return ""
	}
}

// plain is the bare text of nodes.
func plain(nodes []node) string {
	var b strings.Builder
	for _, one := range nodes {
		switch one.kind {
		case text:
			b.WriteString(one.text)
		case lineFeed, lineBreak:
			b.WriteByte('\n')
		case mention, image, file, emoji, noformat, code:
			b.WriteString(one.target)
		default:
			b.WriteString(plain(one.children))
		}
	}
	return b.String()
}
