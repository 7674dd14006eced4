package ticket

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"funnelweb/framework"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// Together these stay below the 32,767 characters that Jira takes, escapes in the table included.
	maxTable = 8_000  // runes in the table
	maxJSON  = 14_000 // bytes of JSON

	maxDescription = 8_000 // runes of the configured text
	maxNote        = 200   // runes of a note; more are cut off only where every field has one that is longer

	maxValue = 1_000 // runes of one value in the table
	maxDepth = 4     // of objects that get rows of their own
)

// describe is the ticket's description: the configured text, the alert as a table, where it came from, and its JSON. What
// has no room there is in the files.
func (a *Action) describe(text string, job framework.Job, data any) (framework.Document, []framework.TicketFile) {
	var files []framework.TicketFile
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > maxDescription {
		files = append(files, framework.TicketFile{Name: "description.txt", Type: "text/plain; charset=utf-8", Body: []byte(text)})
		text = string([]rune(text)[:maxDescription-1]) + "…\nCut off here: the attached description.txt goes on."
	}
	json, whole := pretty(job.Event.Data)
	shown := &description{text: text, rows: a.flatten(nil, "", data, 0), json: json, job: job}
	if document, all := shown.document(""); whole && all && a.tickets.Fits(append(slices.Clone(document), a.notes())) {
		return document, files
	}
	event := framework.TicketFile{Name: "event.json", Type: "application/json", Body: job.Event.Data}
	document, _ := shown.document(" All of it is in the attached " + event.Name + ".")
	return document, append(files, event)
}

// notes is as long as what the ticket system may tell above the description, of fields that do not take their values.
func (a *Action) notes() framework.Block {
	return framework.Text(strings.Repeat("x", maxNote*(len(a.fields)+2))) // beside the fields, priority and assignee
}

// description is what a ticket shows.
type description struct {
	text string
	rows [][]framework.Paragraph
	json string
	job  framework.Job
}

// document shows it, and reports whether all rows are there.
func (d *description) document(note string) (document framework.Document, whole bool) {
	if d.text != "" {
		document = append(document, framework.Text(d.text))
	}
	rows := fitting(d.rows)
	left := len(d.rows) - len(rows)
	if len(rows) > 0 {
		document = append(document, framework.Table{Header: []string{"Field", "Value"}, Rows: rows})
	}
	if left > 0 {
		document = append(document, framework.Text(fmt.Sprintf("More fields, not shown here: %d.", left)))
	}
	return append(document,
		framework.Text(fmt.Sprintf("Event %s, accepted %s, ticket made by the automation %s.%s",
			d.job.Event.ID, clockTime(d.job.Event.Time), d.job.Automation, note)),
		framework.Preformatted{Text: d.json}), left == 0
}

func clockTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// flatten adds a row for each value. Rows are sorted by name, plain members before objects, so that an alert's own
// fields stand above those of its result. The names are paths as other automations take them.
func (a *Action) flatten(rows [][]framework.Paragraph, path string, value any, depth int) [][]framework.Paragraph {
	object, ok := value.(map[string]any)
	if !ok || depth == maxDepth {
		if path == "" {
			return rows
		}
		return append(rows, a.row(path, value))
	}
	var nested []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, ok := object[name].(map[string]any); ok {
			nested = append(nested, name)
			continue
		}
		rows = a.flatten(rows, join(path, name), object[name], depth+1)
	}
	for _, name := range nested {
		rows = a.flatten(rows, join(path, name), object[name], depth+1)
	}
	return rows
}

// fitting returns the first rows, as many as the table may have.
func fitting(rows [][]framework.Paragraph) [][]framework.Paragraph {
	size := 0
	for i, row := range rows {
		for _, cell := range row {
			size += utf8.RuneCountInString(cell[0].Text)
		}
		if size > maxTable {
			return rows[:i]
		}
	}
	return rows
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// cut shortens a value for the table.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxValue {
		return text
	}
	return string([]rune(text)[:maxValue-1]) + "…"
}

// pretty indents the JSON and bounds it, at the end of a line.
func pretty(data framework.JSON) (text string, whole bool) {
	value := jsontext.Value(slices.Clone(data))
	if err := value.Indent(jsontext.WithIndent("  ")); err != nil {
		return "", false // the engine stores valid JSON alone
	}
	text = string(value)
	if len(text) <= maxJSON {
		return text, true
	}
	text = text[:maxJSON]
	if end := strings.LastIndexByte(text, '\n'); end > 0 {
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "") + "\n… cut off: the event holds all of it", false
}
