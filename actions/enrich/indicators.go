package enrich

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

const (
	// So many values of one kind are asked about: a multivalue field can hold thousands.
	maxValues = 10
	// Runes of a value in a note.
	maxShown = 100
)

// Paths are places in an event's data, written as one path or as a list of them. The parts of a path are separated by
// dots; a member whose own name holds dots is found too.
type Paths []string

// UnmarshalYAML reads either form.
func (p *Paths) UnmarshalYAML(node *yaml.Node) error {
	var one string
	if node.Kind == yaml.ScalarNode {
		err := node.Load(&one)
		*p = Paths{one}
		return err
	}
	return node.Load((*[]string)(p))
}

// gather collects the indicators of some kinds, and says of those that it does not what is in the way.
func (c Config) gather(kinds []framework.Kind, alert, own any) (indicators []framework.Indicator, notes []string) {
	for _, kind := range kinds {
		var found []framework.Indicator
		values := c.values(kind, alert, own)
		if len(values) == 0 {
			notes = append(notes, fmt.Sprintf("%s: no value at %s", kind, strings.Join(c.Indicators[kind], " or ")))
		}
		for _, value := range values {
			indicator, err := framework.ParseIndicator(kind, value)
			switch {
			case err != nil:
				notes = append(notes, fmt.Sprintf("%s: not asked, the value is not of this kind: %s", kind, cut(value, maxShown)))
			case !slices.Contains(found, indicator):
				found = append(found, indicator)
			}
			if len(notes) > maxValues { // a list of nonsense needs no line for each
				break
			}
		}
		if left := len(found) - maxValues; left > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d more values were not asked about", kind, left))
			found = found[:maxValues]
		}
		indicators = append(indicators, found...)
	}
	return indicators, notes
}

// values are those at all paths of a kind, each taken from the alert if it is there, else from the ticket's event.
func (c Config) values(kind framework.Kind, alert, own any) []string {
	var values []string
	for _, path := range c.Indicators[kind] {
		found := lookup(alert, path)
		if len(found) == 0 {
			found = lookup(own, path)
		}
		values = append(values, found...)
	}
	return values
}

// lookup returns the texts and numbers at a path. Lists on the way and at the end give what each of their elements
// gives. Where a member's name holds dots the longest name counts.
func lookup(value any, path string) []string {
	switch v := value.(type) {
	case []any:
		var found []string
		for _, element := range v {
			found = append(found, lookup(element, path)...)
		}
		return found
	case map[string]any:
		for name := path; name != ""; name = beforeLastDot(name) {
			member, ok := v[name]
			if !ok {
				continue
			}
			if found := lookup(member, strings.TrimPrefix(path[len(name):], ".")); len(found) > 0 {
				return found
			}
		}
	case string:
		if path == "" && strings.TrimSpace(v) != "" {
			return []string{v}
		}
	}
	return nil
}

func beforeLastDot(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '.'))]
}

// cut shortens a text to at most limit runes.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
