package wiki

import "strings"

// maxDepth bounds how deep constructs may be nested; Atlassian's parser has no bound but its stack.
const maxDepth = 64

// tokens is a set of kinds of token that are not looked for.
type tokens uint32

const (
	tokenBreak tokens = 1 << iota // the end of a line
	tokenForced
	tokenDash
	tokenRule
	tokenHeading
	tokenQuote
	tokenList
	tokenTable
	tokenMacro   // one that is known: code, color, noformat, panel, quote, anchor, adf
	tokenUnknown // any other {name}
	tokenLink
	tokenAddress
	tokenMedia
	tokenEmoji
	tokenFormat
	tokenMonospace
	everything tokens = 1<<iota - 1
)

// found is what a token turned out to be: nodes, or text if there are none and plain is set.
type found struct {
	nodes  []node
	plain  bool
	text   string
	length int
}

func plainText(text string, length int) found { return found{plain: true, text: text, length: length} }

// literally is a token that turned out to be nothing but its own first bytes.
func literally(input string, at, length int) found {
	length = min(length, len(input)-at)
	return plainText(input[at:at+length], length)
}

// parser parses one piece of text inside others.
type parser struct {
	depth int
	steps *int // how many more characters may be looked at in search of the ends of marks
}

// maxSteps bounds the search for the ends of marks, which takes the square of a line's length when none has one. Texts
// that people write need a hundredth of it.
const maxSteps = 10_000_000

func parse(markup string) []node {
	clean := strings.ReplaceAll(strings.ToValidUTF8(markup, "\uFFFD"), "\x00", "")
	steps := maxSteps
	nodes := parser{steps: &steps}.parse(clean, 0)
	if steps < 0 { // marks were left for text
		nodes = append(nodes, node{kind: macro, target: "too much to read"})
	}
	return nodes
}

func (p parser) deeper() parser { return parser{p.depth + 1, p.steps} }

// writer collects nodes and the text between them.
type writer struct {
	nodes  []node
	buffer strings.Builder
	last   string // the last piece of text that was written
}

func (w *writer) write(piece string) {
	w.buffer.WriteString(piece)
	w.last = piece
}

func (w *writer) flush() {
	if w.buffer.Len() > 0 {
		w.nodes = append(w.nodes, node{kind: text, text: w.buffer.String()})
	}
	w.buffer.Reset()
	w.last = ""
}

func (p parser) parse(input string, ignore tokens) []node { return p.parseFrom(input, ignore, false) }

// parseFrom is the heart of Atlassian's parser: at the beginning of a line it looks for tokens that only count there,
// elsewhere for the others, and takes the rest for text.
func (p parser) parseFrom(input string, ignore tokens, keepSpace bool) []node {
	if p.depth > maxDepth {
		return []node{{kind: macro, target: "nested too deeply", children: []node{{kind: text, text: input}}}}
	}
	var out writer
	for at, newLine := 0, true; at < len(input); {
		rest := input[at:]
		if newLine && (rest[0] == ' ' || rest[0] == '\t') {
			if keepSpace {
				out.write(rest[:1])
			}
			at++
			continue
		}
		token := tokens(0)
		if newLine {
			token = leadingToken(rest)
		}
		if token == 0 {
			token = anyToken(rest, newLine || !strings.HasSuffix(out.last, "{"))
		}
		if newLine && token&ignore != 0 { // what is ignored here is looked at again as the middle of a line
			token = anyToken(rest, true)
		}
		newLine = false
		switch {
		case token != 0 && token&ignore == 0:
			got := p.token(token, input, at)
			if got.plain {
				out.write(got.text)
			} else {
				out.flush()
				out.nodes = append(out.nodes, got.nodes...)
			}
			at += max(1, got.length)
			newLine = token == tokenBreak
		case rest[0] == '\\':
			piece, length := escaped(input, at)
			out.write(piece)
			at += length
		default:
			out.write(rest[:1])
			at++
		}
	}
	out.flush()
	return out.nodes
}

// escaped reads a backslash and what follows it: Jira lets it hide only certain characters, and not after another one.
func escaped(input string, at int) (string, int) {
	next := input[at+1 : min(at+2, len(input))]
	if next == "" || !strings.Contains(`-#*_+?^~|%{}[]()!@`, next) || at > 0 && input[at-1] == '\\' {
		return `\` + next, 1 + len(next)
	}
	return next, 2
}

// leadingToken finds a token that counts only at the beginning of a line.
func leadingToken(rest string) tokens {
	switch {
	case strings.HasPrefix(rest, "bq."):
		return tokenQuote
	case len(rest) > 2 && rest[0] == 'h' && rest[1] >= '1' && rest[1] <= '6' && rest[2] == '.':
		return tokenHeading
	case ruleLength(rest) > 0:
		return tokenRule
	case strings.HasPrefix(rest, "--"):
		return 0 // dashes of two and three are found everywhere
	case listMark(rest) != "":
		return tokenList
	case rest[0] == '|':
		return tokenTable
	}
	return 0
}

// anyToken finds a token that counts everywhere. Macros do not count right after a brace.
func anyToken(rest string, macros bool) tokens {
	if macros && macroName(rest) != "" {
		return tokenMacro
	}
	if prefix := addressScheme(rest); prefix != "" {
		return tokenAddress
	}
	switch rest[0] {
	case '[':
		return tokenLink
	case '\r', '\n':
		return tokenBreak
	case '!':
		return tokenMedia
	case ':', ';', '(':
		return tokenEmoji
	case '\\':
		if strings.HasPrefix(rest, `\\`) {
			return tokenForced
		}
	case '-':
		if strings.HasPrefix(rest, "--") {
			return tokenDash
		}
		return tokenFormat
	case '+', '*', '^', '~', '_':
		return tokenFormat
	case '?':
		if strings.HasPrefix(rest, "??") {
			return tokenFormat
		}
	case '{':
		return braceToken(rest, macros)
	}
	return 0
}

func braceToken(rest string, macros bool) tokens {
	for _, mark := range []string{"{-}", "{+}", "{*}", "{^}", "{~}", "{_}", "{??}"} {
		if strings.HasPrefix(rest, mark) {
			return tokenFormat
		}
	}
	if strings.HasPrefix(rest, "{{") {
		return tokenMonospace
	}
	if macros && unknownMacro(rest) > 0 {
		return tokenUnknown
	}
	return 0
}

// token reads a token.
func (p parser) token(token tokens, input string, at int) found {
	rest := input[at:]
	switch token {
	case tokenBreak:
		length := newLineLength(rest)
		return found{nodes: []node{{kind: lineFeed}}, length: length}
	case tokenForced:
		return forcedBreak(input, at)
	case tokenDash:
		return dash(input, at)
	case tokenRule:
		return found{nodes: []node{{kind: rule}}, length: ruleLength(rest)}
	case tokenHeading, tokenQuote:
		return p.line(rest, token)
	case tokenList:
		return p.list(input, at)
	case tokenTable:
		return p.table(input, at)
	case tokenMacro:
		return p.macro(rest)
	case tokenUnknown:
		return p.unknown(rest)
	case tokenLink:
		return p.link(rest)
	case tokenAddress:
		return p.address(rest)
	case tokenMedia:
		return p.media(input, at)
	case tokenEmoji:
		return smiley(rest)
	default:
		return p.format(input, at)
	}
}
