package wiki

import (
	"regexp"
	"slices"
	"strings"
)

func newLineLength(rest string) int {
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		return 2
	case strings.HasPrefix(rest, "\r") || strings.HasPrefix(rest, "\n"):
		return 1
	}
	return 0
}

// rulePattern is a rule before white space, as JavaScript knows it.
var rulePattern = regexp.MustCompile(`^(-{4,5})(?:[\s\v\p{Z}\x{FEFF}]|$)`)

// ruleLength is the length of the rule that begins here, or 0. Atlassian's parser takes the end of the line with it, so
// that the next one cannot begin a list; the older parser does not.
func ruleLength(rest string) int {
	if match := rulePattern.FindStringSubmatch(rest); match != nil {
		return len(match[1])
	}
	return 0
}

// line reads what lasts to the end of its line, a heading or a quote.
func (p parser) line(rest string, token tokens) found {
	end := strings.IndexAny(rest, "\r\n\u2028\u2029")
	if end < 0 {
		end = len(rest)
	}
	if token == tokenQuote {
		return found{nodes: []node{{kind: quote, children: p.deeper().parse(rest[3:end], 0)}}, length: end}
	}
	got := node{kind: heading, level: int(rest[1] - '0'), children: p.deeper().parse(rest[3:end], tokenDash)}
	if holdsBlock(got.children) {
		// Atlassian's parser then takes the line for text and drops its first four bytes.
		got.also = p.deeper().parse(rest[min(4, end):end], 0)
	}
	return found{nodes: []node{got}, length: end}
}

func holdsBlock(nodes []node) bool {
	return slices.ContainsFunc(nodes, func(n node) bool {
		return n.kind.block() || n.kind == image || n.kind == file || n.kind == macro || holdsBlock(n.children)
	})
}

var (
	macroPattern   = regexp.MustCompile(`(?i)^\{(adf|anchor|code|quote|noformat|panel|color)(?::([^{\n}]*))?\}`)
	unknownPattern = regexp.MustCompile(`^\{[A-Za-z][A-Za-z0-9_-]*(:[^{\n}]*)?\}`)
)

// macroName is the name of the macro that may begin here.
func macroName(rest string) string {
	if rest[0] != '{' {
		return ""
	}
	for _, name := range []string{"adf", "anchor", "code", "quote", "noformat", "panel", "color"} {
		if len(rest) > len(name) && strings.EqualFold(rest[1:1+len(name)], name) {
			return name
		}
	}
	return ""
}

// unknownMacro is the length of the opening of a macro with any name, or 0.
func unknownMacro(rest string) int { return len(unknownPattern.FindString(rest)) }

// macroSpan finds the ends of a macro: of its opening, and of the whole. Both are 0 when there is none. A macro that
// is not closed is nothing but its opening.
func macroSpan(rest string) (name string, opening, length int) {
	match := macroPattern.FindStringSubmatch(rest)
	if match == nil {
		return "", 0, 0
	}
	name, opening = match[1], len(match[0])
	closing := "{" + name + "}"
	if end := strings.Index(rest[opening:], closing); end >= 0 && !strings.EqualFold(name, "anchor") {
		return name, opening, opening + end + len(closing)
	}
	return name, opening, opening
}

func (p parser) macro(rest string) found {
	name, opening, length := macroSpan(rest)
	if length == 0 {
		if unknownMacro(rest) > 0 {
			return p.unknown(rest)
		}
		return plainText("{", 1)
	}
	inner := ""
	if length > opening {
		inner = rest[opening : length-len(name)-2]
	}
	_, parameters, _ := strings.Cut(rest[:opening-1], ":")
	var got node
	switch strings.ToLower(name) {
	case "noformat":
		got = node{kind: noformat, target: strings.TrimSpace(inner)}
	case "code":
		got = node{kind: code, target: strings.TrimSpace(inner)}
	case "color":
		got = node{kind: color, children: p.deeper().parse(inner, tokenDash|tokenTable)}
	case "panel":
		got = node{kind: panel, target: parameter(parameters, "title"), children: p.deeper().parse(inner, 0)}
	case "quote":
		got = node{kind: quote, children: p.deeper().parse(inner, 0)}
	case "anchor":
		got = node{kind: macro, target: "anchor"}
	default: // adf may be any construct
		got = node{kind: macro, target: "adf", children: []node{{kind: text, text: inner}}}
	}
	return found{nodes: []node{got}, length: length}
}

// unknown reads a macro that Atlassian's parser takes for text and an older one may have.
func (p parser) unknown(rest string) found {
	length := unknownMacro(rest)
	name, parameters, _ := strings.Cut(rest[1:length-1], ":")
	got := node{kind: macro, target: name, children: []node{{kind: text, text: rest[:length]}}}
	if parameters != "" {
		got.also = p.deeper().parse(rest[1:length], 0)
	}
	return found{nodes: []node{got}, length: length}
}

func parameter(parameters, name string) string {
	for one := range strings.SplitSeq(parameters, "|") {
		if key, value, _ := strings.Cut(one, "="); key == name {
			return value
		}
	}
	return ""
}

var (
	listPattern  = regexp.MustCompile(`^ *([*\-#]{1,20}) `)
	emptyPattern = regexp.MustCompile(`^[ \t]*\r?\n`)
	listRule     = regexp.MustCompile(`^-{4,5}`)
)

// listMark is the mark of the list that begins here, or empty.
func listMark(rest string) string {
	if strings.HasPrefix(rest, "- ") {
		return "-"
	}
	end := 0
	for end < len(rest) && end < 20 && (rest[end] == '*' || rest[end] == '#') {
		end++
	}
	if end > 0 && strings.HasPrefix(rest[end:], " ") {
		return rest[:end]
	}
	return ""
}

// list reads items until an empty line. A line without a mark belongs to the item before it.
func (p parser) list(input string, at int) found {
	got := node{kind: list}
	mark, i := "", at
	var buffer strings.Builder
	finish := func() {
		children := p.deeper().parseFrom(buffer.String(), tokenList|tokenTable, true)
		got.children = append(got.children, node{
			kind: item, level: len(mark), ordered: strings.HasSuffix(mark, "#"), children: children,
		})
		buffer.Reset()
	}
	for newLine := true; i < len(input); {
		rest := input[i:]
		if newLine {
			newLine = false
			if next := listPattern.FindStringSubmatch(rest); next != nil && !ruleInList(rest, next[1]) {
				if buffer.Len() > 0 {
					finish()
				}
				mark = next[1]
				i += len(next[0])
				continue
			}
			if emptyPattern.MatchString(rest) {
				break
			}
		}
		length := max(1, newLineLength(rest))
		newLine = newLineLength(rest) > 0
		if macroName(rest) != "" {
			_, _, whole := macroSpan(rest)
			length = max(1, whole)
		}
		buffer.WriteString(rest[:length])
		i += length
	}
	finish()
	got.ordered = got.children[0].ordered
	return found{nodes: []node{got}, length: i - at}
}

func ruleInList(rest, mark string) bool {
	dashes := listRule.FindString(mark)
	return dashes != "" && emptyPattern.MatchString(rest[len(dashes):])
}
