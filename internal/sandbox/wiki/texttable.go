package wiki

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// textTable aligns the columns; a row of headers is underlined.
func textTable(one node) []string {
	var cells [][][]string // by row and column, the lines
	var widths []int
	for _, row := range one.children {
		var columns [][]string
		for i, cell := range row.children {
			block := withoutEmpty(textBlocks(cell.children))
			columns = append(columns, block)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			for _, line := range block {
				widths[i] = max(widths[i], utf8.RuneCountInString(line))
			}
		}
		cells = append(cells, columns)
	}
	var lines []string
	for i, row := range one.children {
		lines = append(lines, textRow(cells[i], widths)...)
		if !slices.ContainsFunc(row.children, func(cell node) bool { return !cell.header }) {
			lines = append(lines, underline(widths))
		}
	}
	return lines
}

func textRow(columns [][]string, widths []int) []string {
	height := 1
	for _, column := range columns {
		height = max(height, len(column))
	}
	lines := make([]string, 0, height)
	for at := range height {
		var parts []string
		for i, column := range columns {
			content := ""
			if at < len(column) {
				content = column[at]
			}
			parts = append(parts, content+strings.Repeat(" ", widths[i]-utf8.RuneCountInString(content)))
		}
		lines = append(lines, strings.TrimRight(strings.Join(parts, " | "), " "))
	}
	return lines
}

func underline(widths []int) string {
	var parts []string
	for _, width := range widths {
		parts = append(parts, strings.Repeat("-", width))
	}
	return strings.Join(parts, "-+-")
}
