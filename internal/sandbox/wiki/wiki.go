// Package wiki reads Jira's wiki markup the way Jira does, to show it to people and to judge whether text from outside
// has become markup.
//
// It follows Atlassian's own parser, the npm package @atlaskit/editor-wikimarkup-transformer 12.2.2, state by state,
// its oddities included: what it takes for markup, this package does too (testdata/vectors.json holds its answers). In
// doubt it is more eager, because Data Center has an older parser: it also takes for markup every {macro}, links with
// any target and more schemes of addresses.
package wiki

import (
	"html/template"
	"strings"
)

// Text shows markup as an analyst reads it, in plain text without control characters other than line feeds: tables
// with aligned columns, links as "text (address)", mentions as @user, images as [image address].
func Text(markup string) string {
	return strings.Join(trimLines(textBlocks(parse(markup))), "\n")
}

// HTML shows markup as safe HTML: everything in it is escaped, links lead to http, https and mailto addresses only,
// and nothing is loaded from elsewhere.
func HTML(markup string) template.HTML {
	var b strings.Builder
	htmlBlocks(&b, parse(markup))
	return template.HTML(b.String()) //nolint:gosec // all text in it was escaped by htmlBlocks
}

// Active lists every live construct in the order in which they begin, as a name and, where there is more to say, a
// colon and what it is about: "mention: admin", "link: http://evil.example", "image: x.png", "heading: Title",
// "bold: text", "table", "list", "rule". Text in which nothing is live gives an empty list. Keys of issues, which Jira
// links wherever they stand, are not listed.
func Active(markup string) []string {
	return active([]string{}, parse(markup))
}

func active(found []string, nodes []node) []string {
	for _, one := range nodes {
		if name := one.kind.name(); name != "" {
			if about := one.about(); about != "" {
				name += ": " + about
			}
			found = append(found, name)
		}
		found = active(active(found, one.children), one.also)
	}
	return found
}
