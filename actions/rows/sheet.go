package rows

import (
	"bytes"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

const (
	maxColumns = 2_000   // as the schema of alerts takes
	maxCell    = 32_000  // runes of a cell: spreadsheets take 32,767
	maxHead    = 1 << 20 // bytes of the names of all columns
	maxLost    = 100_000 // columns that are left out and counted; what has more is not read on
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
	columns []string // as Splunk calls them
	known   map[string]bool
	rows    []map[string]string // cells as they are written, of the columns alone
	cut     int                 // cells, of names too, that were too long
	size    int                 // bytes of the file

	head, cells int // bytes of the names, and of all other cells, between their quotes
	seed        maphash.Seed
	lost        map[uint64]bool // columns that are left out; names would be without bound
}

func newSheet() *sheet {
	return &sheet{known: map[string]bool{}, lost: map[uint64]bool{}, seed: maphash.MakeSeed()}
}

// add adds a page, and reports whether there was room for all of it.
func (s *sheet) add(page *page) bool {
	fields := make([]string, len(page.Fields))
	for i, field := range page.Fields {
		fields[i] = field.Name
	}
	if !s.take(fields, nil) {
		return false
	}
	for _, row := range page.Results {
		if !s.take(slices.Sorted(maps.Keys(row)), row) {
			return false
		}
	}
	return true
}

// take takes columns, in the order of the search first and then those that only rows have, and a row unless it is nil. All counts as
// it is written: guarding a cell makes it longer, and a new column lengthens the rows before it. Nothing is taken where there is no room.
func (s *sheet) take(names []string, row map[string]value) bool {
	columns, head, cut := s.choose(names)
	kept, cells := map[string]string{}, s.cells
	for name, cell := range row {
		if !s.known[name] {
			continue
		}
		text, whole := guarded(string(cell))
		if kept[name] = text; !whole {
			cut++
		}
		cells += written(text)
	}
	lines := 1 + len(s.rows)
	if row != nil {
		lines++
	}
	size := head + cells + lines*(max(3*len(columns)-1, 0)+len("\r\n")) // quotes, and commas between
	if size > maxCSV || len(s.lost) > maxLost {
		return false
	}
	s.columns, s.head, s.cells, s.cut, s.size = columns, head, cells, cut, size
	if row != nil {
		s.rows = append(s.rows, kept)
	}
	return true
}

// choose returns the columns with the new ones that there is room for, the bytes of their names and the cells that are cut then. Splunk's
// own bookkeeping is left away.
func (s *sheet) choose(names []string) (columns []string, head, cut int) {
	columns, head, cut = s.columns, s.head, s.cut
	for _, name := range names {
		if s.known[name] || strings.HasPrefix(name, "__mv_") {
			continue
		}
		if len(columns) == maxColumns || head+len(name) > maxHead {
			s.lost[maphash.String(s.seed, name)] = true
			continue
		}
		text, whole := guarded(name)
		if !whole {
			cut++
		}
		head += written(text)
		s.known[name], columns = true, append(columns, name)
	}
	return columns, head, cut
}

// written is how many bytes a cell has between its quotes.
func written(text string) int { return len(text) + strings.Count(text, `"`) }

// csv writes the rows as RFC 4180 says, each cell in quotes, so that no other separator of any country takes one apart.
func (s *sheet) csv() []byte {
	var out bytes.Buffer
	line := func(cell func(column string) string) {
		for i, column := range s.columns {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(`"` + strings.ReplaceAll(cell(column), `"`, `""`) + `"`)
		}
		out.WriteString("\r\n")
	}
	line(func(column string) string {
		name, _ := guarded(column)
		return name
	})
	for _, row := range s.rows {
		line(func(column string) string { return row[column] })
	}
	return out.Bytes()
}

// guarded keeps a spreadsheet from taking a cell for a formula: one that begins as formulas do, whatever blanks stand before
// (OWASP, CSV injection), gets an apostrophe in front. Characters that no text has become U+FFFD. It reports whether the cell is whole:
// one that is too long is cut.
func guarded(text string) (cell string, whole bool) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	whole = true
	if runes := []rune(text); len(runes) > maxCell {
		text, whole = string(runes[:maxCell-1])+"…", false
	}
	if text == "" {
		return text, whole
	}
	begin := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
	if strings.ContainsAny(text[:1], "\t\r") || begin != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(begin)[0]) {
		return "'" + text, whole
	}
	return text, whole
}
