package rows

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

const (
	maxColumns = 500
	maxCell    = 32_000 // runes of a cell: spreadsheets take 32,767
)

// value is what a row has in a field: a text, or a list of texts where the field has several values.
type value string

// UnmarshalJSON reads either; what is neither stays as it is written.
func (v *value) UnmarshalJSON(encoded []byte) error {
	var one string
	var many []string
	switch {
	case json.Unmarshal(encoded, &one) == nil:
		*v = value(one)
	case json.Unmarshal(encoded, &many) == nil:
		*v = value(strings.Join(many, "\n"))
	default:
		*v = value(encoded)
	}
	return nil
}

// sheet is the rows on their way to a file.
type sheet struct {
	columns []string
	known   map[string]bool
	rows    []map[string]value
	size    int
}

func newSheet() *sheet { return &sheet{known: map[string]bool{}} }

// add adds a page, and reports whether there was room for all of it.
func (s *sheet) add(page *page) bool {
	for _, field := range page.Fields {
		s.column(field.Name)
	}
	for _, row := range page.Results {
		for _, name := range slices.Sorted(maps.Keys(row)) {
			s.column(name)
		}
		size := 3 * len(s.columns)
		for _, cell := range row {
			size += len(cell) + strings.Count(string(cell), `"`) + 1
		}
		if s.size += size; s.size > maxCSV {
			return false
		}
		s.rows = append(s.rows, row)
	}
	return true
}

// column takes the columns in the order of the search, then those that only rows have. Splunk's own bookkeeping is left away.
func (s *sheet) column(name string) {
	if s.known[name] || len(s.columns) == maxColumns || strings.HasPrefix(name, "__mv_") {
		return
	}
	s.known[name] = true
	s.columns = append(s.columns, name)
}

// csv writes the rows as RFC 4180 says, each cell in quotes, so that no other separator of any country takes one apart.
func (s *sheet) csv() []byte {
	var out bytes.Buffer
	line := func(cell func(column string) string) {
		for i, column := range s.columns {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(`"` + strings.ReplaceAll(guarded(cell(column)), `"`, `""`) + `"`)
		}
		out.WriteString("\r\n")
	}
	line(func(column string) string { return column })
	for _, row := range s.rows {
		line(func(column string) string { return string(row[column]) })
	}
	return out.Bytes()
}

// guarded keeps a spreadsheet from taking a cell for a formula: one that begins as formulas do, whatever blanks stand before
// (OWASP, CSV injection), gets an apostrophe in front. Characters that no text has become U+FFFD.
func guarded(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	if runes := []rune(text); len(runes) > maxCell {
		text = string(runes[:maxCell-1]) + "…"
	}
	if text == "" {
		return text
	}
	begin := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
	if strings.ContainsAny(text[:1], "\t\r") || begin != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(begin)[0]) {
		return "'" + text
	}
	return text
}
