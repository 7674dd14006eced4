package jira

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Field is a field that stands on every screen, beside those that each issue has (project, issuetype, summary, description,
// labels).
type Field struct {
	ID, Name string
	Type     string   // of its schema: string, number, date, option, option-with-child, user, priority or array
	Items    string   // of an array: string, option or user
	Custom   string   // the last part of a custom field's type, such as textfield, textarea or select
	Allowed  []string // options and priorities; "Parent > Child" for option-with-child
	Required bool
}

// schema is a field's type as Jira tells it.
func (f Field) schema() map[string]any {
	schema := map[string]any{"type": f.Type}
	if f.Items != "" {
		schema["items"] = f.Items
	}
	if f.Custom == "" {
		schema["system"] = f.ID
		return schema
	}
	number, _ := strconv.Atoi(strings.TrimPrefix(f.ID, "customfield_"))
	schema["custom"], schema["customId"] = "com.atlassian.jira.plugin.system.customfieldtypes:"+f.Custom, number
	return schema
}

// option is a value that a field allows. Priorities and the like have a name, options a value.
type option struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"`
	Value    string   `json:"value,omitempty"`
	Children []option `json:"children,omitempty"`
}

// allowed lists what may be chosen, with ids that no other field's options have.
func (f Field) allowed() []option {
	var options []option
	for i, text := range f.Allowed {
		id := strconv.Itoa(20000 + 100*fieldNumber(f.ID) + i)
		parent, child, nested := strings.Cut(text, " > ")
		switch {
		case f.Type == "priority":
			options = append(options, option{ID: strconv.Itoa(i + 1), Name: text})
		case !nested:
			options = append(options, option{ID: id, Value: text})
		default:
			at := slices.IndexFunc(options, func(o option) bool { return o.Value == parent })
			if at < 0 {
				at = len(options)
				options = append(options, option{ID: strconv.Itoa(30000 + 100*fieldNumber(f.ID) + i), Value: parent})
			}
			options[at].Children = append(options[at].Children, option{ID: id, Value: child})
		}
	}
	return options
}

func fieldNumber(id string) int {
	number, _ := strconv.Atoi(strings.TrimPrefix(id, "customfield_"))
	return number % 1000
}

// onScreen are the fields that each issue has, as createmeta tells of them.
func onScreen() []Field {
	return []Field{
		{ID: "project", Name: "Project", Type: "project", Required: true},
		{ID: "issuetype", Name: "Issue Type", Type: "issuetype", Required: true},
		{ID: "summary", Name: "Summary", Type: "string", Required: true},
		{ID: "description", Name: "Description", Type: "string"},
		{ID: "labels", Name: "Labels", Type: "array", Items: "string"},
	}
}

// listScreen is a page of the create screen's fields: Cloud calls the list fields, Data Center values.
func (s *Server) listScreen(r *http.Request) (answer, error) {
	project, err := s.project(r)
	if err != nil {
		return answer{}, err
	}
	known := false
	for i := range s.options.Projects[project] {
		known = known || r.PathValue("type") == typeID(i)
	}
	if !known {
		return answer{}, refuse(http.StatusNotFound, "The issue type '"+r.PathValue("type")+"' could not be found.")
	}
	start, err := number(r, "startAt", 0, 1<<30)
	if err != nil {
		return answer{}, err
	}
	limit, err := number(r, "maxResults", 50, 200)
	if err != nil {
		return answer{}, err
	}
	views := []map[string]any{}
	for _, field := range append(onScreen(), s.options.Fields...) {
		view := map[string]any{
			"fieldId": field.ID, "key": field.ID, "name": field.Name, "required": field.Required, "hasDefaultValue": false,
			"schema": field.schema(), "operations": []string{"set"},
		}
		if allowed := field.allowed(); len(allowed) > 0 {
			view["allowedValues"] = allowed
		}
		views = append(views, view)
	}
	total := len(views)
	end := min(start+limit, total)
	body := map[string]any{"startAt": start, "maxResults": limit, "total": total}
	if s.options.Flavor == Cloud {
		body["fields"] = views[min(start, end):end]
	} else {
		body["values"], body["isLast"] = views[min(start, end):end], end == total
	}
	return answer{http.StatusOK, body}, nil
}

// listFields lists every field of the site, whether on a screen or not.
func (s *Server) listFields(*http.Request) (answer, error) {
	views := []map[string]any{}
	for _, field := range slices.Concat(onScreen(), s.options.Fields, s.options.OffScreen) {
		views = append(views, map[string]any{
			"id": field.ID, "key": field.ID, "name": field.Name, "custom": field.Custom != "", "schema": field.schema(),
		})
	}
	return answer{http.StatusOK, views}, nil
}

// others takes the fields of the screen. When creating, required ones must be there.
func (f *fieldReader) others(creating bool) map[string]jsontext.Value {
	taken := map[string]jsontext.Value{}
	for _, field := range f.screen {
		value, ok := f.take(field.ID)
		if !ok {
			if field.Required && creating {
				f.wrong(field.ID, field.Name+" is required.")
			}
			continue
		}
		if wrong := f.check(field, value); wrong != "" {
			f.wrong(field.ID, wrong)
			continue
		}
		taken[field.ID] = value.Clone()
	}
	return taken
}

// check returns what Jira says of a value that it does not take, or "".
func (f *fieldReader) check(field Field, value jsontext.Value) string {
	switch field.Type {
	case "string":
		return checkString(field, value)
	case "number":
		if value.Kind() != '0' {
			return "Operation value must be a number"
		}
	case "date":
		var text string
		_ = json.Unmarshal(value, &text)
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "Error parsing date string: " + text
		}
	case "user":
		return f.checkUser(value)
	case "array":
		return f.checkArray(field, value)
	default:
		return checkOption(field, value)
	}
	return ""
}

func checkString(field Field, value jsontext.Value) string {
	var text string
	limit := maxText
	if field.Custom == "textfield" {
		limit = 255
	}
	switch {
	case json.Unmarshal(value, &text) != nil:
		return "Operation value must be a string"
	case limit == 255 && strings.ContainsAny(text, "\r\n"):
		return "The text contains newline characters."
	case length(text) > limit:
		return "The entered text is too long. It exceeds the allowed limit of " + strconv.Itoa(limit) + " characters."
	}
	return ""
}

func (f *fieldReader) checkArray(field Field, value jsontext.Value) string {
	var values []jsontext.Value
	if json.Unmarshal(value, &values) != nil {
		return "data was not an array"
	}
	one := Field{ID: field.ID, Name: field.Name, Type: field.Items, Allowed: field.Allowed, Custom: field.Custom}
	for _, value := range values {
		if field.Custom == "labels" && strings.ContainsAny(string(value), " \t") {
			return "The label " + string(value) + " contains spaces which is invalid."
		}
		if wrong := f.check(one, value); wrong != "" {
			return wrong
		}
	}
	return ""
}

// checkOption holds a choice to what the field allows. The child of a cascading choice must be its parent's.
func checkOption(field Field, value jsontext.Value) string {
	var chosen struct {
		ID, Name, Value string
		Child           *struct{ ID, Value string }
	}
	if json.Unmarshal(value, &chosen, json.MatchCaseInsensitiveNames(true)) != nil {
		return "data was not an object"
	}
	if chosen.ID == "" && chosen.Name == "" && chosen.Value == "" {
		return "Specify a valid 'id' or 'name' for " + field.Name
	}
	for _, one := range field.allowed() {
		named := one.Name != "" && one.Name == chosen.Name || one.Value != "" && one.Value == chosen.Value
		if one.ID != chosen.ID && (chosen.ID != "" || !named) {
			continue
		}
		if chosen.Child == nil || slices.ContainsFunc(one.Children, func(c option) bool { return c.ID == chosen.Child.ID || c.Value == chosen.Child.Value }) {
			return ""
		}
		return "Option '" + chosen.Child.Value + "' is not a child of '" + one.Value + "'"
	}
	if field.Type == "priority" {
		return "The priority selected is invalid."
	}
	return "Option value '" + chosen.Value + chosen.ID + "' is not valid"
}

// editOthers are the changes that the fields of a screen make.
func editOthers(taken map[string]jsontext.Value) []func(*Issue) change {
	var edits []func(*Issue) change
	for _, id := range slices.Sorted(maps.Keys(taken)) {
		edits = append(edits, func(i *Issue) change {
			before := i.Fields[id]
			i.Fields[id] = taken[id]
			return change{id, string(before), string(taken[id])}
		})
	}
	return edits
}
