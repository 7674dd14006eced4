package jira

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"funnelweb/framework"

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
		parts = append(parts, fmt.Sprint(message))
	}
	for _, field := range slices.Sorted(maps.Keys(told.Errors)) {
		parts = append(parts, fmt.Sprintf("%s: %v", field, told.Errors[field]))
	}
	if len(parts) == 0 && told.Message != "" {
		parts = []string{told.Message}
	}
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return framework.Line(c.redact(strings.Join(parts, "; ")), maxMessages)
}
