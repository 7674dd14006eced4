package jira

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

// maxMessages bounds what is kept of Jira's own words, in runes.
const maxMessages = 400

const hidden = "[secret]"

// messages is what Jira says is wrong: its errorMessages, then its errors sorted by field; one bounded line without
// our secrets, or "" when the answer holds none. A page in HTML tells nothing that a person could act on.
func (c *Client) messages(body []byte) string {
	var told struct {
		ErrorMessages []any          `json:"errorMessages"`
		Errors        map[string]any `json:"errors"` // not always strings
		Message       string         `json:"message"`
	}
	// What was decoded before an unexpected type is still worth showing.
	_ = json.Unmarshal(body, &told)
	var parts []string
	for _, message := range told.ErrorMessages {
		parts = append(parts, singleLine(fmt.Sprint(message)))
	}
	for _, field := range slices.Sorted(maps.Keys(told.Errors)) {
		parts = append(parts, singleLine(fmt.Sprintf("%s: %v", field, told.Errors[field])))
	}
	if len(parts) == 0 && told.Message != "" {
		parts = []string{singleLine(told.Message)}
	}
	text := strings.Join(parts, "; ")
	return cutRunes(c.redact(text), maxMessages)
}

// singleLine makes one line of printable characters.
func singleLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	return strings.Join(strings.Fields(text), " ")
}

// cutRunes shortens a text to at most limit runes, the last being an ellipsis.
func cutRunes(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
