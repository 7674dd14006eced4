package jira

import (
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of texts in characters, as Java counts them: UTF-16 units.
const (
	maxText    = 32767 // description and comment
	maxSummary = 254   // Jira says that it must be less than 255 characters
	maxLabel   = 255
)

const tooLong = "The entered text is too long. It exceeds the allowed limit of 32767 characters."

func length(text string) int { return len(utf16.Encode([]rune(text))) }

// fieldReader takes the fields of a request one by one and collects what is wrong with them, as Jira does.
type fieldReader struct {
	flavor   string
	projects map[string][]string
	screen   []Field
	users    []User
	given    map[string]jsontext.Value
	errs     map[string]string
}

func (f *fieldReader) wrong(field, text string) { f.errs[field] = text }

// word chooses between the words of the two flavours.
func (f *fieldReader) word(cloud, datacenter string) string {
	if f.flavor == Cloud {
		return cloud
	}
	return datacenter
}

// take removes a field and reports whether it was given and not null.
func (f *fieldReader) take(field string) (jsontext.Value, bool) {
	value, ok := f.given[field]
	delete(f.given, field)
	return value, ok && value.Kind() != 'n'
}

// rest refuses what was not taken.
func (f *fieldReader) rest() {
	for field := range f.given {
		f.wrong(field, "Field '"+field+"' cannot be set. It is not on the appropriate screen, or unknown.")
	}
}

// named is how a project or an issue type is given: other members are ignored, as Jira does.
type named struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

func (f *fieldReader) project() string {
	value, ok := f.take("project")
	if !ok {
		f.wrong("project", f.word("Specify a valid project ID or key", "project is required"))
		return ""
	}
	var project named
	if json.Unmarshal(value, &project) != nil {
		f.wrong("project", "data was not an object")
		return ""
	}
	for key := range f.projects {
		if project.Key == key || project.ID != "" && project.ID == projectID(f.projects, key) {
			return key
		}
	}
	f.wrong("project", f.word("Specify a valid project ID or key", "valid project is required"))
	return ""
}

func (f *fieldReader) issueType(project string) string {
	value, ok := f.take("issuetype")
	if !ok {
		f.wrong("issuetype", f.word("Specify an issue type", "issue type is required"))
		return ""
	}
	var kind named
	if json.Unmarshal(value, &kind) != nil {
		f.wrong("issuetype", "data was not an object")
		return ""
	}
	for i, name := range f.projects[project] {
		if kind.Name == name || kind.ID != "" && kind.ID == typeID(i) {
			return name
		}
	}
	if project != "" {
		f.wrong("issuetype", f.word("Specify a valid issue type", "valid issue type is required"))
	}
	return ""
}

func (f *fieldReader) summary() string {
	value, ok := f.take("summary")
	var summary string
	if ok && json.Unmarshal(value, &summary) != nil {
		f.wrong("summary", "Operation value must be a string")
		return ""
	}
	switch {
	case strings.TrimSpace(summary) == "":
		f.wrong("summary", "You must specify a summary of the issue.")
	case strings.ContainsAny(summary, "\r\n"):
		f.wrong("summary", "The summary is invalid because it contains newline characters.")
	case length(summary) > maxSummary:
		f.wrong("summary", "Summary must be less than 255 characters.")
	}
	return summary
}

func (f *fieldReader) description() string {
	value, ok := f.take("description")
	var text string
	switch {
	case ok && json.Unmarshal(value, &text) != nil:
		f.wrong("description", "Operation value must be a string")
	case length(text) > maxText:
		f.wrong("description", tooLong)
	}
	return text
}

func (f *fieldReader) labels() []string {
	value, ok := f.take("labels")
	labels := []string{}
	if ok && json.Unmarshal(value, &labels) != nil {
		f.wrong("labels", "data was not an array")
		return nil
	}
	for _, label := range labels {
		switch {
		case strings.ContainsAny(label, " \t\r\n"):
			f.wrong("labels", "The label '"+label+"' contains spaces which is invalid.")
		case label == "" || length(label) > maxLabel:
			f.wrong("labels", "The label '"+label+"' exceeds the maximum length for a single label.")
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
