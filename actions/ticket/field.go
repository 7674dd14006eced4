package ticket

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

// Texts are the values of a field, written as one text or as a list of them. Each is a template.
type Texts []string

// UnmarshalYAML reads either form.
func (t *Texts) UnmarshalYAML(node *yaml.Node) error {
	var one string
	if node.Kind == yaml.ScalarNode {
		err := node.Load(&one)
		*t = Texts{one}
		return err
	}
	return node.Load((*[]string)(t))
}

// fieldText is a field with its parsed values.
type fieldText struct {
	name   string
	values []*text
}

// parseFields parses all values, in the order of the names.
func parseFields(fields map[string]Texts) ([]fieldText, error) {
	var parsed []fieldText
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		place := "fields." + name
		switch {
		case strings.TrimSpace(name) == "" || len(name) > maxLabel:
			mistakes = append(mistakes, errors.New("fields: a name is empty or too long"))
		case slices.Contains([]string{"project", "issuetype", "summary", "description", "labels", "priority", "assignee"}, strings.ToLower(name)):
			mistakes = append(mistakes, fmt.Errorf("%s: has a setting of its own", place))
		case len(fields[name]) == 0:
			mistakes = append(mistakes, fmt.Errorf("%s: has no value", place))
		}
		one := fieldText{name: name}
		for _, value := range fields[name] {
			text, err := parseText(place, value)
			one.values, mistakes = append(one.values, text), append(mistakes, err)
		}
		parsed = append(parsed, one)
	}
	return parsed, errors.Join(mistakes...)
}

// further renders the fields of a ticket.
func (a *Action) further(event framework.Event, data any) []framework.TicketField {
	var fields []framework.TicketField
	for _, one := range a.fields {
		field := framework.TicketField{Name: one.name}
		for _, value := range one.values {
			field.Values = append(field.Values, a.render(value, event, data))
		}
		fields = append(fields, field)
	}
	return fields
}
