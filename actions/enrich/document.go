package enrich

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"funnelweb/framework"
)

// maxComment bounds a comment's text in runes, so that with markup it stays below the 32,767 that Jira takes.
const maxComment = 20_000

// document shows the state. When it would be too long for a ticket, every section shows less, so that none is lost.
func (s *state) document() framework.Document {
	var document framework.Document
	for _, room := range rooms() {
		document = framework.Document{framework.Heading{Level: 3, Text: "What is known about this ticket"}}
		for _, one := range s.within(room).Sections {
			document = append(document, framework.Heading{Level: 4, Text: s.title(one)})
			document = append(document, one.blocks(room.text)...)
		}
		if length(document) <= maxComment {
			break
		}
	}
	return document
}

func (s *state) title(one section) string {
	title := one.Enricher
	same := func(other section) bool { return other.Enricher == one.Enricher && other.Automation != one.Automation }
	if slices.ContainsFunc(s.Sections, same) {
		title += " (" + one.Automation + ")"
	}
	return title + one.state()
}

// state is what a reader wants to know first.
func (s section) state() string {
	verdict := s.verdict()
	switch {
	case s.Status == failed:
		return ": failed"
	case s.Status == dead:
		return ": given up"
	case s.Status == waiting:
		return ": waiting"
	case verdict != "":
		return ": " + string(verdict)
	case len(s.Findings) == 0:
		return ": nothing to ask about"
	default:
		return ""
	}
}

// verdict is the worst of the findings'. Unknown is worse than undetected: nobody has looked yet.
func (s section) verdict() framework.Verdict {
	for _, verdict := range badness() {
		if slices.ContainsFunc(s.Findings, func(f finding) bool { return f.Verdict == verdict }) {
			return verdict
		}
	}
	return ""
}

// badness lists the verdicts, the worst first.
func badness() []framework.Verdict {
	return []framework.Verdict{framework.Malicious, framework.Suspicious, framework.Unknown, framework.Undetected, framework.Harmless}
}

// outcome is the section in a few words, for the job's result.
func (s section) outcome() string {
	if state := s.state(); state != "" {
		return s.Enricher + state
	}
	return s.Enricher + ": answered"
}

func (s section) blocks(text int) framework.Document {
	var document framework.Document
	if progress := s.progress(); progress != "" {
		document = append(document, framework.Text(progress))
	}
	for _, finding := range s.Findings {
		document = append(document, findingBlocks(finding, text)...)
	}
	for _, note := range s.Notes {
		document = append(document, framework.Text(note))
	}
	return append(document, s.leftAway()...)
}

// progress says why there is no answer yet, or will be none.
func (s section) progress() string {
	switch s.Status {
	case waiting:
		if s.Reason == "" {
			return "Not asked yet."
		}
		return fmt.Sprintf("Waiting until %s: %s", s.clock(s.Next), s.Reason)
	case failed:
		return fmt.Sprintf("Attempt %d failed: %s. It is tried again at %s.", s.Attempts, strings.TrimSuffix(s.Reason, "."), s.clock(s.Next))
	case dead:
		return fmt.Sprintf("Given up after attempt %d: %s. Whoever runs Funnelweb can replay it.", s.Attempts, strings.TrimSuffix(s.Reason, "."))
	default:
		return ""
	}
}

// clock writes a time as the minute by which it will have come, with its date when that is not the day of the last change.
func (s section) clock(at time.Time) string {
	at = at.UTC().Add(time.Minute - 1).Truncate(time.Minute)
	if at.Format(time.DateOnly) == s.ChangedAt.UTC().Format(time.DateOnly) {
		return at.Format("15:04 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}

func findingBlocks(finding finding, text int) framework.Document {
	head := framework.Paragraph{{Text: string(finding.Indicator.Kind), Bold: true}, {Text: " " + cut(finding.Indicator.Value, text)}}
	if finding.Verdict != "" {
		head = append(head, framework.Span{Text: ": "}, framework.Span{Text: string(finding.Verdict), Bold: true})
	}
	document := framework.Document{head}
	if finding.Summary != "" {
		document = append(document, framework.Text(finding.Summary))
	}
	if len(finding.Facts) > 0 {
		var table framework.Table
		for _, fact := range finding.Facts {
			table.Rows = append(table.Rows, []framework.Paragraph{{{Text: fact.Label, Bold: true}}, framework.Text(fact.Value)})
		}
		document = append(document, table)
	}
	foot := framework.Paragraph{{Text: "Asked " + finding.AskedAt.UTC().Format("2006-01-02 15:04:05 UTC") + "."}}
	if finding.Link != "" {
		foot = append(foot, framework.Span{Text: " "}, framework.Span{Text: "Read more", Link: finding.Link})
	}
	if finding.CutFacts > 0 {
		foot = append(foot, framework.Span{Text: fmt.Sprintf(" Facts not shown here: %d.", finding.CutFacts)})
	}
	return append(document, foot)
}

// length counts the runes of a document's text.
func length(document framework.Document) int {
	size := 0
	count := func(spans framework.Paragraph) {
		for _, span := range spans {
			size += utf8.RuneCountInString(span.Text) + len(span.Link)
		}
	}
	for _, block := range document {
		switch b := block.(type) {
		case framework.Heading:
			size += utf8.RuneCountInString(b.Text)
		case framework.Paragraph:
			count(b)
		case framework.Table:
			for _, row := range b.Rows {
				for _, cell := range row {
					count(cell)
				}
			}
		}
	}
	return size
}
