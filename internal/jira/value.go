package jira

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"funnelweb/framework"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLine is how many UTF-16 units a custom field of one line may have.
const maxLine = 255

// misfit says that a value is not one of the field's. It comes from an event's data, not from the configuration.
type misfit struct{ reason string }

func (m *misfit) Error() string { return m.reason }

// furtherFields are the ticket's priority, assignee and other fields in the form that Jira wants. A value that a field does
// not take is left out where the field need not be set, and the notes tell it on the ticket: an alert must not go without
// a ticket because of it.
func (c *Client) furtherFields(ctx context.Context, op operation, ticket framework.NewTicket) (map[string]any, framework.Document, error) {
	set := map[string]any{}
	wanted := slices.Clone(ticket.Fields)
	if ticket.Priority != "" {
		wanted = append(wanted, framework.TicketField{Name: "priority", Values: []string{ticket.Priority}})
	}
	if ticket.Assignee != "" {
		wanted = append(wanted, framework.TicketField{Name: "assignee", Values: []string{ticket.Assignee}})
	}
	if len(wanted) == 0 {
		return set, nil, nil
	}
	screen, err := c.screen(ctx, ticket.Project, ticket.Type)
	if err != nil {
		return nil, nil, err
	}
	var notes framework.Document
	for _, one := range wanted {
		found, err := c.find(ctx, op, screen, one.Name)
		if err != nil {
			return nil, nil, err
		}
		value, err := c.value(ctx, screen.project, found, one.Values)
		if wrong, ok := errors.AsType[*misfit](err); ok {
			if found.Required {
				return nil, nil, invalid(op, "the field "+found.called()+" is required and cannot be set: "+wrong.reason)
			}
			notes = append(notes, framework.Text("The field "+found.Name+" was not set: "+wrong.reason+"."))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if value != nil {
			set[found.ID] = value
		}
	}
	return set, notes, screen.missing(op, set)
}

// missing is the mistake that a required field is not set, or nil.
func (s screen) missing(op operation, set map[string]any) error {
	always := []string{"project", "issuetype", "summary", "description", "labels", "reporter"}
	var names []string
	for _, one := range s.fields {
		if _, ok := set[one.ID]; one.Required && !one.HasDefault && !ok && !slices.Contains(always, one.ID) {
			names = append(names, one.called())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return invalid(op, fmt.Sprintf("%s requires what is not set or blank: %s; add it under fields", s.called(), some(names)))
}

// value writes texts in the form of the field's type. Blank ones are none; without any the value is nil.
func (c *Client) value(ctx context.Context, project string, f field, texts []string) (any, error) {
	texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.TrimSpace(text) == "" })
	kind := f.Schema.Type
	switch {
	case len(texts) == 0:
		return nil, nil
	case kind != "array" && len(texts) > 1:
		return nil, &misfit{"it takes one value, and there are " + strconv.Itoa(len(texts))}
	case kind != "array":
		return c.single(ctx, project, f, kind, texts[0])
	}
	var values []any
	for _, text := range texts {
		value, err := c.single(ctx, project, f, f.Schema.Items, text)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func (c *Client) single(ctx context.Context, project string, f field, kind, text string) (any, error) {
	switch kind {
	case "string":
		return c.text(f, text), nil
	case "number":
		text = strings.TrimSpace(text)
		if number := jsontext.Value(text); number.Kind() == '0' && number.IsValid() {
			return number, nil
		}
		return nil, &misfit{quoted(text) + " is not a number"}
	case "date", "datetime":
		return moment(kind, strings.TrimSpace(text))
	case "user":
		return c.user(ctx, project, strings.TrimSpace(text))
	case "group":
		return named{Name: strings.TrimSpace(text)}, nil
	case "option-with-child":
		return nestedChoice(f.allowed(), text)
	case "option", "priority", "version", "component", "resolution", "securitylevel":
		text = strings.TrimSpace(text)
		if choices := f.allowed(); len(choices) > 0 {
			return choose(choices, text)
		}
		return map[string]string{map[bool]string{true: "value", false: "name"}[kind == "option"]: text}, nil // Jira does not say what there is
	default:
		return nil, invalid(operation{name: "create issue"}, "the field "+f.called()+" is of the type "+framework.Line(kind, 40)+", which cannot be set here")
	}
}

// text is rendered by Jira, as wiki markup, where it is of many lines, and on Data Center where it is of one (Configuring
// renderers in the manual of Data Center). Elements of a list are never.
func (c *Client) text(f field, text string) string {
	switch {
	case f.Schema.Type == "array":
		return strings.Join(strings.Fields(framework.Line(text, maxLine)), "_") // labels have no spaces
	case strings.HasSuffix(f.Schema.Custom, ":textarea"), f.ID == "environment", f.ID == "description":
		return c.markup(framework.Document{framework.Text(text)})
	}
	line := framework.Line(text, maxLine)
	runes := []rune(line)
	return longest(len(runes), maxLine, func(n int) string {
		if c.flavor == DataCenter && !strings.HasSuffix(f.Schema.Custom, ":url") {
			return escapeText(string(runes[:n]))
		}
		return string(runes[:n])
	})
}

// jiraTime is how Jira reads times.
const jiraTime = "2006-01-02T15:04:05.000-0700"

// moment reads a day, a time as RFC 3339 writes it, or seconds since 1970 as Splunk does.
func moment(kind, text string) (any, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	if seconds, wrong := strconv.ParseFloat(text, 64); err != nil && wrong == nil && seconds >= 0 && seconds < 1e11 {
		at, err = time.Unix(int64(seconds), 0).UTC(), nil
	}
	switch {
	case err != nil:
		return nil, &misfit{quoted(text) + " is not a time such as 2026-11-20T12:00:00Z"}
	case kind == "date":
		return at.Format(time.DateOnly), nil
	default:
		return at.Format(jiraTime), nil
	}
}

// choose refers to the choice that is called so.
func choose(choices []choice, text string) (any, error) {
	at := slices.IndexFunc(choices, func(c choice) bool { return strings.EqualFold(c.text(), text) || c.ID == text })
	if at >= 0 {
		return choice{ID: choices[at].ID}.reference(), nil
	}
	var names []string
	for _, one := range choices {
		names = append(names, one.text())
	}
	return nil, &misfit{quoted(text) + " is not one of its values: " + some(names)}
}

// reference is how a request names a choice.
func (c choice) reference() map[string]any { return map[string]any{"id": c.ID} }

// nestedChoice is one of a list within a list, written "Parent > Child".
func nestedChoice(choices []choice, text string) (any, error) {
	parent, child, nested := strings.Cut(text, ">")
	chosen, err := choose(choices, strings.TrimSpace(parent))
	if err != nil || !nested {
		return chosen, err
	}
	at := slices.IndexFunc(choices, func(c choice) bool { return strings.EqualFold(c.text(), strings.TrimSpace(parent)) })
	if at < 0 { // the parent was given by its id
		return nil, &misfit{quoted(text) + " is not of the form Parent > Child"}
	}
	below, err := choose(choices[at].Children, strings.TrimSpace(child))
	if err != nil {
		return nil, err
	}
	reference := choices[at].reference()
	reference["child"] = below
	return reference, nil
}

// quoted shows a value in a mistake.
func quoted(text string) string { return strconv.Quote(framework.Line(text, 60)) }
