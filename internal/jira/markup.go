package jira

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"funnelweb/framework"
)

const (
	// UTF-16 units of a summary: Jira wants fewer than 255.
	maxSummary = 250
	// Runes of a table cell: a longer one is unreadable.
	maxCell = 2_000

	cutNote = "[Cut off here: the text is longer than Jira takes. The event holds all of it.]"
)

// Markup renders a document in Jira's wiki notation, which Jira renders in turn. No text of the document is markup
// there. What would be too long for Jira is cut off with a note.
func Markup(document framework.Document) string {
	text, _ := render(document, maxText)
	return text
}

func render(document framework.Document, limit int) (text string, whole bool) {
	var out strings.Builder
	room := limit - width("\n\n"+escapeText(cutNote))
	for i, block := range document {
		separator := "\n\n"
		if i == 0 {
			separator = ""
		}
		text := separator + renderBlock(block)
		// The last block may use the room of the note that will not be needed.
		if last := i == len(document)-1; width(text) <= room || last && width(text) <= limit-width(out.String()) {
			out.WriteString(text)
			room -= width(text)
			continue
		}
		if part := cutBlock(block, room-width(separator)); part != "" {
			out.WriteString(separator + part)
		}
		if out.Len() > 0 {
			out.WriteString("\n\n")
		}
		out.WriteString(escapeText(cutNote))
		return out.String(), false
	}
	return out.String(), true
}

// width is a text's length as Jira counts it.
func width(text string) int {
	units := 0
	for _, r := range text {
		units += max(1, utf16.RuneLen(r))
	}
	return units
}

func renderBlock(block framework.Block) string {
	switch b := block.(type) {
	case framework.Heading:
		return "h" + strconv.Itoa(min(max(1, b.Level), 6)) + ". " + escapeText(framework.Line(b.Text, maxCell))
	case framework.Paragraph:
		return renderSpans(b, false)
	case framework.Table:
		return renderTable(b, len(b.Rows))
	case framework.Preformatted:
		return renderPreformatted(b.Text)
	default:
		return ""
	}
}

// renderSpans renders running text or a cell.
func renderSpans(spans framework.Paragraph, cell bool) string {
	texts := make([]string, len(spans))
	for i, span := range spans {
		texts[i] = span.Text
	}
	texts = escapeSpans(texts, cell)
	var out strings.Builder
	for i, text := range texts {
		// Link and bold text that has an escape in it stays plain: the Cloud parser reads the inside of *…* twice, the
		// second time without its backslashes, and ends a link at an escaped bracket.
		plain := text == spans[i].Text && text != "" && text == strings.TrimSpace(text) && !strings.Contains(text, "\n")
		link, linked := linkAddress(spans[i].Link)
		switch {
		case linked && plain:
			out.WriteString("[" + text + "|" + link + "]")
		case linked:
			out.WriteString(strings.TrimPrefix(text+" ", " ") + "[" + link + "]")
		case spans[i].Bold && plain && endsPhrase(out.String()) && (i+1 == len(texts) || spans[i+1].Link == "" && beginsPhrase(texts[i+1])):
			out.WriteString("*" + text + "*")
		default:
			out.WriteString(text)
		}
	}
	return out.String()
}

// endsPhrase reports whether an asterisk after the text begins bold text; after a letter it would not.
func endsPhrase(text string) bool {
	return text == "" || strings.HasSuffix(text, " ") || strings.HasSuffix(text, "\n")
}

// beginsPhrase reports whether an asterisk before the text ends bold text.
func beginsPhrase(text string) bool {
	return text != "" && strings.IndexByte(" \n.,:;", text[0]) >= 0
}

// linkAddress writes an absolute http or https address so that nothing in it ends the link. Others are no links.
func linkAddress(text string) (string, bool) {
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Host == "" || parsed.User != nil {
		return "", false
	}
	var out strings.Builder
	for _, b := range []byte(parsed.String()) {
		if b > 0x7e || b < 0x21 || strings.IndexByte("[]|!*(){}\\^~\"'<>`", b) >= 0 {
			out.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(b)|0x100, 16)[1:]))
			continue
		}
		out.WriteByte(b)
	}
	return out.String(), true
}

func renderTable(table framework.Table, rows int) string {
	var lines []string
	if len(table.Header) > 0 {
		var row []framework.Paragraph
		for _, name := range table.Header {
			row = append(row, framework.Text(name))
		}
		lines = append(lines, renderRow(row, "||"))
	}
	for _, row := range table.Rows[:rows] {
		lines = append(lines, renderRow(row, "|"))
	}
	return strings.Join(lines, "\n")
}

func renderRow(row []framework.Paragraph, edge string) string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = renderCell(cell)
	}
	return edge + strings.Join(cells, edge) + edge
}

// renderCell never returns an empty text: two pipes would begin a header cell.
func renderCell(cell framework.Paragraph) string {
	bounded := make(framework.Paragraph, 0, len(cell))
	room := maxCell
	for _, span := range cell {
		if room <= 0 {
			break
		}
		if runes := []rune(span.Text); len(runes) > room {
			span.Text = string(runes[:room-1]) + "…"
		}
		room -= utf8.RuneCountInString(span.Text)
		bounded = append(bounded, span)
	}
	if text := renderSpans(bounded, true); strings.TrimSpace(text) != "" {
		return text
	}
	return " "
}

// noformat is the one thing that ends a preformatted block.
var noformat = regexp.MustCompile(`(?i)\{(noformat)`)

func renderPreformatted(text string) string {
	text = noformat.ReplaceAllString(cleanText(text), "{"+zeroWidth+"$1")
	return "{noformat}\n" + strings.TrimSuffix(text, "\n") + "\n{noformat}"
}

// summaryLine is a summary as Jira takes it: one line of at most 250 UTF-16 units. Summaries are not rendered.
func summaryLine(text string) string { return shortened(text, maxSummary) }

// shortened is a text as one line of at most so many UTF-16 units.
func shortened(text string, limit int) string {
	line := framework.Line(text, limit)
	for runes := []rune(line); width(line) > limit; {
		runes = runes[:len(runes)-1]
		line = strings.TrimSpace(string(runes)) + "…"
	}
	return line
}
