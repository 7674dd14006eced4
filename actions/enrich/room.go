package enrich

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"funnelweb/framework"
)

// maxEntry bounds the ledger's entry in bytes: half of the 1 MiB that the ledger takes.
const maxEntry = 512 << 10

// finding is an answer as it is stored.
type finding struct {
	framework.Finding
	CutFacts int  `json:"cut_facts,omitzero"` // for which there was no room
	CutLink  bool `json:"cut_link,omitzero"`  // for which there was none either
}

// room is how much there is for each section.
type room struct {
	facts    int // of a finding
	text     int // runes of a summary, a reason or a value that is shown
	links    bool
	findings int
	notes    int
}

const plenty = 1_000

// rooms are tried in turn. The last leaves each section the worst of its findings, in some kilobytes at most.
func rooms() []room {
	return []room{
		{maxFacts, maxText, true, plenty, plenty},
		{15, maxText, true, plenty, plenty},
		{5, maxText, true, plenty, plenty},
		{0, maxText, true, plenty, plenty},
		{0, 100, true, 20, 10},
		{0, 100, false, 5, 3},
		{0, 100, false, 1, 0},
	}
}

// encode writes the state down in at most maxEntry bytes, and leaves away what there is no room for. It counts what.
func (s *state) encode() ([]byte, error) {
	var value []byte
	for _, room := range rooms() {
		small := s.within(room)
		if small.facts() > maxEntry {
			continue // JSON is no shorter: what is far too much need not be encoded to be seen
		}
		var err error
		value, err = json.Marshal(small)
		if err != nil || len(value) <= maxEntry {
			return value, err
		}
	}
	return value, nil
}

// facts counts the bytes of all facts.
func (s *state) facts() int {
	size := 0
	for _, section := range s.Sections {
		for _, finding := range section.Findings {
			for _, fact := range finding.Facts {
				size += len(fact.Key) + len(fact.Label) + len(fact.Value)
			}
		}
	}
	return size
}

func (s *state) within(room room) *state {
	small := &state{Generation: s.Generation}
	for _, one := range s.Sections {
		small.Sections = append(small.Sections, one.within(room))
	}
	return small
}

func (s section) within(room room) section {
	s.Reason = cut(s.Reason, room.text)
	notes := min(len(s.Notes), room.notes)
	s.CutNotes += len(s.Notes) - notes
	s.Notes = s.Notes[:notes]
	worst := worstOf(s.Findings, room.findings)
	s.CutFindings += len(s.Findings) - len(worst)
	s.Findings = nil
	for _, one := range worst {
		s.Findings = append(s.Findings, one.within(room))
	}
	return s
}

// worstOf returns at most so many findings with the worst verdicts, in their order.
func worstOf(findings []finding, limit int) []finding {
	var chosen []int
	for _, verdict := range append(badness(), "") {
		for i, one := range findings {
			if one.Verdict == verdict && len(chosen) < limit {
				chosen = append(chosen, i)
			}
		}
	}
	slices.Sort(chosen)
	var worst []finding
	for _, i := range chosen {
		worst = append(worst, findings[i])
	}
	return worst
}

func (f finding) within(room room) finding {
	facts := min(len(f.Facts), room.facts)
	f.CutFacts += len(f.Facts) - facts
	f.Facts = f.Facts[:facts]
	f.Summary = cut(f.Summary, room.text)
	if !room.links || len(f.Link) > maxLink {
		f.CutLink, f.Link = f.CutLink || f.Link != "", ""
	}
	return f
}

// leftAway says what of a section there was no room for.
func (s section) leftAway() framework.Document {
	var document framework.Document
	if s.CutFindings > 0 {
		document = append(document, framework.Text(fmt.Sprintf("Answers not shown here: %d.", s.CutFindings)))
	}
	if s.CutNotes > 0 {
		document = append(document, framework.Text(fmt.Sprintf("Notes not shown here: %d.", s.CutNotes)))
	}
	return document
}

// bound makes an answer fit to be stored. A verdict that there is not is none.
func bound(answer framework.Finding) finding {
	if !slices.Contains(badness(), answer.Verdict) {
		answer.Verdict = ""
	}
	bounded := finding{Finding: answer}.within(rooms()[0])
	bounded.Facts = slices.Clone(bounded.Facts)
	for i := range bounded.Facts {
		fact := &bounded.Facts[i]
		fact.Key, fact.Label, fact.Value = cut(fact.Key, maxText), cut(fact.Label, maxText), cut(fact.Value, maxText)
	}
	return bounded
}
