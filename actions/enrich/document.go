package enrich

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"funnelweb/framework"
)

// document shows the state. When it would be too long for a ticket, every section shows less, so that none is lost; the rest is in
// the file of that name, if it has one.
func (s *state) document(fits func(framework.Document) bool, rest string) framework.Document {
	var document framework.Document
	for _, room := range rooms() {
		document = s.show(room)
		if rest != "" {
			document = append(document, framework.Text("There is no room here for all of it: the attached "+rest+" holds the rest too."))
		}
		if fits(document) {
			break
		}
	}
	return document
}

// show shows so much of every section.
func (s *state) show(room room) framework.Document {
	document := framework.Document{framework.Heading{Level: 3, Text: "What is known about this ticket" + s.alarm()}}
	for _, one := range s.within(room).Sections {
		document = append(document, framework.Heading{Level: 4, Text: s.title(one)})
		document = append(document, one.blocks(room.text)...)
	}
	return document
}

// alarm is the worst verdict of all, where it is one that nobody must overlook. Others would say too much while somebody has not
// answered yet.
func (s *state) alarm() string {
	for _, verdict := range []framework.Verdict{framework.Malicious, framework.Suspicious} {
		if slices.ContainsFunc(s.Sections, func(one section) bool { return one.verdict() == verdict }) {
			return ": " + string(verdict)
		}
	}
	return ""
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
		document = append(document, findingBlocks(finding, s.ChangedAt, text)...)
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

func findingBlocks(finding finding, shown time.Time, text int) framework.Document {
	head := framework.Paragraph{{Text: string(finding.Indicator.Kind), Bold: true}, {Text: " " + cut(defanged(finding.Indicator), text)}}
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
			table.Rows = append(table.Rows, []framework.Paragraph{{{Text: fact.Label, Bold: true}}, framework.Text(unopened(fact.Value))})
		}
		document = append(document, table)
	}
	foot := framework.Paragraph{{Text: "Asked " + finding.AskedAt.UTC().Format("2006-01-02 15:04:05 UTC") + age(shown.Sub(finding.AskedAt)) + "."}}
	if finding.Link != "" {
		foot = append(foot, framework.Span{Text: " "}, framework.Span{Text: "Read more", Link: finding.Link})
	}
	if finding.CutFacts > 0 {
		foot = append(foot, framework.Span{Text: fmt.Sprintf(" Facts not shown here: %d.", finding.CutFacts)})
	}
	if finding.CutLink {
		foot = append(foot, framework.Span{Text: " Its link is not shown here."})
	}
	return append(document, foot)
}

// defanged writes an address so that nothing takes it for one to open, a mail reader neither; people and tools read it all the same.
func defanged(indicator framework.Indicator) string {
	if indicator.Kind == framework.URL {
		return unopened(indicator.Value)
	}
	return indicator.Value
}

// unopened defangs a text that is a web address.
func unopened(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	if (scheme == "http" || scheme == "https") && rest != "" {
		return "hxxp" + strings.TrimPrefix(text, "http")
	}
	return text
}

// age says how old an answer was when it came onto the ticket: one that was kept may be hours or days old.
func age(old time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case old < time.Minute:
		return ""
	case old < time.Hour:
		return fmt.Sprintf(", %d min before it was shown here", old/time.Minute)
	case old < 2*day:
		return fmt.Sprintf(", %d h before it was shown here", old/time.Hour)
	default:
		return fmt.Sprintf(", %d days before it was shown here", old/day)
	}
}
