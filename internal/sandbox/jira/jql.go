package jira

import (
	"net/http"
	"slices"
	"strings"
)

// jql is the part of Jira's query language that the stand-in knows: terms joined by AND, each a field with =, != or
// [NOT] IN, and an order by creation. Anything else is refused, never ignored.
type jql struct {
	terms       []term
	newestFirst bool
}

type term struct {
	field  string // in lower case
	not    bool
	values []string
}

func (q jql) matches(issue *Issue) bool {
	for _, term := range q.terms {
		if term.matches(issue) == term.not {
			return false
		}
	}
	return true
}

func (t term) matches(issue *Issue) bool {
	switch t.field {
	case "project":
		return slices.Contains(t.values, issue.Project)
	case "labels":
		return slices.ContainsFunc(issue.Labels, func(label string) bool { return slices.Contains(t.values, label) })
	case "issuetype":
		return slices.Contains(t.values, issue.Type)
	case "status":
		return slices.Contains(t.values, issue.Status)
	default: // key; the parser lets nothing else through
		return slices.Contains(t.values, issue.Key)
	}
}

// jqlReader reads tokens; a token that was quoted begins with a quotation mark.
type jqlReader struct{ tokens []string }

func parseJQL(text string) (jql, error) {
	tokens, ok := jqlTokens(text)
	if !ok {
		return jql{}, refuse(http.StatusBadRequest, "Error in the JQL Query: The quoted string has not been completed.")
	}
	read := &jqlReader{tokens}
	query := jql{newestFirst: true}
	for len(read.tokens) > 0 && !read.word("ORDER") {
		if len(query.terms) > 0 && !read.skip("AND") {
			return jql{}, read.unexpected()
		}
		one, ok := read.term()
		if !ok {
			return jql{}, read.unexpected()
		}
		query.terms = append(query.terms, one)
	}
	if read.skip("ORDER") {
		if !read.skip("BY") || (!read.skip("created") && !read.skip("key")) {
			return jql{}, read.unexpected()
		}
		query.newestFirst = read.skip("DESC")
		read.skip("ASC")
	}
	if len(read.tokens) > 0 {
		return jql{}, read.unexpected()
	}
	return query, nil
}

func (r *jqlReader) word(word string) bool {
	return len(r.tokens) > 0 && strings.EqualFold(r.tokens[0], word)
}

func (r *jqlReader) skip(word string) bool {
	if !r.word(word) {
		return false
	}
	r.tokens = r.tokens[1:]
	return true
}

func (r *jqlReader) unexpected() error {
	if len(r.tokens) == 0 {
		return refuse(http.StatusBadRequest, "Error in the JQL Query: Unexpected end of the query.")
	}
	return refuse(http.StatusBadRequest,
		"Error in the JQL Query: The stand-in did not expect '"+strings.TrimPrefix(r.tokens[0], `"`)+"' here.")
}

func (r *jqlReader) term() (term, bool) {
	var one term
	for _, field := range []string{"project", "labels", "issuetype", "status", "key", "issuekey"} {
		if r.skip(field) {
			one.field = field
			break
		}
	}
	if one.field == "" {
		return one, false
	}
	switch {
	case r.skip("="):
		return one, r.value(&one)
	case r.skip("!="):
		one.not = true
		return one, r.value(&one)
	}
	one.not = r.skip("NOT")
	if !r.skip("IN") || !r.skip("(") || !r.value(&one) {
		return one, false
	}
	for r.skip(",") {
		if !r.value(&one) {
			return one, false
		}
	}
	return one, r.skip(")")
}

// value takes one value; words of the language must be quoted to be one.
func (r *jqlReader) value(into *term) bool {
	if len(r.tokens) == 0 {
		return false
	}
	token := r.tokens[0]
	text, quoted := strings.CutPrefix(token, `"`)
	reserved := []string{"=", "!=", "(", ")", ",", "AND", "OR", "NOT", "IN", "ORDER", "BY", "EMPTY", "NULL"}
	if !quoted && slices.Contains(reserved, strings.ToUpper(token)) {
		return false
	}
	into.values = append(into.values, text)
	r.tokens = r.tokens[1:]
	return true
}

// jqlTokens splits a query and reports whether its quotation marks are closed.
func jqlTokens(text string) ([]string, bool) {
	var tokens []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		switch {
		case text[0] == '"' || text[0] == '\'':
			value, rest, ok := jqlString(text)
			if !ok {
				return nil, false
			}
			tokens, text = append(tokens, `"`+value), rest
		case strings.HasPrefix(text, "!="):
			tokens, text = append(tokens, "!="), text[2:]
		case strings.ContainsRune("=(),", rune(text[0])):
			tokens, text = append(tokens, text[:1]), text[1:]
		default:
			end := strings.IndexAny(text[1:], " \t\r\n=(),!\"'") + 1
			if end == 0 {
				end = len(text)
			}
			tokens, text = append(tokens, text[:end]), text[end:]
		}
	}
	return tokens, true
}

// jqlString reads a quoted string with backslash escapes.
func jqlString(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == text[0]:
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}
