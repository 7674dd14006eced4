package wiki

import (
	"regexp"
	"strings"
)

var barPattern = regexp.MustCompile(`^[ \t]*(\|+)`)

// tableReader collects rows and cells.
type tableReader struct {
	parser parser
	table  node
	row    node
	bars   string // those that began the cell
	cell   strings.Builder
}

// closeCell ends the cell, if there is anything in it.
func (t *tableReader) closeCell() {
	if t.cell.Len() == 0 {
		return
	}
	children := t.parser.parse(t.cell.String(), tokenDash|tokenTable|tokenRule)
	t.row.children = append(t.row.children, node{kind: cell, header: strings.HasPrefix(t.bars, "||"), children: children})
	t.cell.Reset()
}

func (t *tableReader) closeRow() {
	if strings.TrimSpace(t.cell.String()) == "" {
		t.cell.Reset()
	}
	t.closeCell()
	if len(t.row.children) > 0 {
		t.table.children = append(t.table.children, t.row)
	}
	t.row = node{kind: row}
}

// open begins a row if there are bars, and returns their length.
func (t *tableReader) open(rest string) int {
	match := barPattern.FindStringSubmatch(rest)
	if match == nil {
		return 0
	}
	t.bars = match[1]
	return len(match[0])
}

// table reads rows until a line that begins none. A backslash does not hide a bar from Atlassian's parser; a link, an
// image, a sign and a macro do.
func (p parser) table(input string, at int) found {
	read := &tableReader{parser: p.deeper(), table: node{kind: table}, row: node{kind: row}}
	i := at + read.open(input[at:])
	for i < len(input) {
		rest := input[i:]
		if length := newLineLength(rest); length > 0 {
			before := input[strings.LastIndexByte(input[:i], '|')+1 : i]
			i += length
			ended := before == "" || emptyPattern.MatchString(before)
			if !ended {
				read.cell.WriteString(rest[:length])
				if emptyPattern.MatchString(input[i:]) {
					read.closeCell()
					break
				}
				ended = barPattern.MatchString(input[i:])
			}
			if ended {
				read.closeRow()
				next := read.open(input[i:])
				if next == 0 {
					break
				}
				i += next
			}
			continue
		}
		if rest[0] == '|' {
			read.closeCell()
			i += read.open(rest)
			continue
		}
		length := p.pieceInCell(input, i)
		read.cell.WriteString(rest[:length])
		i += length
	}
	read.closeRow()
	return found{nodes: []node{read.table}, length: i - at}
}

// pieceInCell is the length of what is passed over at once in a cell.
func (p parser) pieceInCell(input string, at int) int {
	rest := input[at:]
	length := 1
	switch rest[0] {
	case ':', ';', '(':
		length = smiley(rest).length
	case '[':
		length = linkLength(rest)
	case '!':
		length = p.media(input, at).length
	case '{':
		_, _, length = macroSpan(rest)
	}
	return max(1, length)
}
