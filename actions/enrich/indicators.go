package enrich

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
)

const (
	// So many values of one kind are asked about: a multivalue field can hold thousands.
	maxValues = 10
	// So many values found in text are asked about by one enricher.
	maxFound = 20
	// So many values at one path are looked at; the rest is only counted.
	maxLooked = 10_000
	// So many values of one kind that are not of it are shown; the rest is only counted.
	maxNotes = 3
	// Runes of a value in a note.
	maxShown = 100
)

// Paths are places in an event's data, written as one path or as a list of them. The parts of a path are separated by
// dots; a member whose own name holds dots is found too.
type Paths []string

// UnmarshalYAML reads either form.
func (p *Paths) UnmarshalYAML(node *yaml.Node) error {
	var one string
	if node.Kind == yaml.ScalarNode {
		err := node.Load(&one)
		*p = Paths{one}
		return err
	}
	return node.Load((*[]string)(p))
}

// gather collects the indicators of some kinds, and says of those that it does not what is in the way. It costs what
// the data is long. Its error is the context's.
func (c Config) gather(ctx context.Context, kinds []framework.Kind, alert, own any) (indicators []framework.Indicator, notes []string, err error) {
	for _, kind := range kinds {
		found, remarks, err := c.gatherKind(ctx, kind, alert, own)
		if err != nil {
			return nil, nil, err
		}
		indicators, notes = append(indicators, found...), append(notes, remarks...)
	}
	return indicators, notes, nil
}

// gatherKind reads each path on its own and then takes one indicator from each in turn: whoever can write much into
// one place of the data must not keep what stands in another from being asked about.
func (c Config) gatherKind(ctx context.Context, kind framework.Kind, alert, own any) ([]framework.Indicator, []string, error) {
	var places []*harvest
	for _, path := range c.Indicators[kind] {
		place := &harvest{kind: kind}
		if !visit(alert, path, func(value string) { place.add(ctx, value) }) {
			visit(own, path, func(value string) { place.add(ctx, value) })
		}
		places = append(places, place)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("look for values: %w", err)
	}
	found, distinct := taken(places)
	return found, c.remarks(kind, places, distinct-len(found)), nil
}

// search looks for indicators in the texts of a ticket's event, beside those that are known already, and says how many there was
// no room for and what was not searched.
func (c Config) search(kinds []framework.Kind, own any, known []framework.Indicator) (found []framework.Indicator, notes []string) {
	if len(kinds) == 0 {
		return nil, nil
	}
	var texts []string
	for _, path := range c.FindIn {
		texts = append(texts, lookup(own, path)...)
	}
	text := strings.Join(texts, "\n")
	if len(text) > framework.MaxSearched {
		notes = append(notes, fmt.Sprintf("Only the first %d KiB of the ticket's text, of %d KiB, were searched.", framework.MaxSearched>>10, (len(text)+1023)>>10))
	}
	all, more := framework.FindIndicators(text, kinds, maxFound+len(known))
	for _, one := range all {
		if slices.Contains(known, one) {
			continue
		}
		if len(found) == maxFound {
			more++
			continue
		}
		found = append(found, one)
	}
	switch {
	case more > 0:
		notes = append(notes, fmt.Sprintf("In the ticket's text: %s left out.", moreValues(more, "was", "were")))
	case len(all) == 0:
		notes = append(notes, "In the ticket's text nothing was found to ask about.")
	}
	return found, notes
}

// harvest is what was found at one path.
type harvest struct {
	kind   framework.Kind
	looked int                              // values
	seen   map[framework.Indicator]struct{} // distinct ones
	first  []framework.Indicator            // of them, at most maxValues
	wrong  []string                         // values that are not of the kind, at most maxNotes
	wrongs int                              // how many there are
	left   int                              // values that were not looked at
}

func (h *harvest) add(ctx context.Context, value string) {
	if h.looked == maxLooked || ctx.Err() != nil {
		h.left++
		return
	}
	h.looked++
	indicator, err := framework.ParseIndicator(h.kind, value)
	if err != nil {
		if h.wrongs++; len(h.wrong) < maxNotes {
			h.wrong = append(h.wrong, cut(value, maxShown))
		}
		return
	}
	if _, known := h.seen[indicator]; known {
		return
	}
	if h.seen == nil {
		h.seen = map[framework.Indicator]struct{}{}
	}
	h.seen[indicator] = struct{}{}
	if len(h.first) < maxValues {
		h.first = append(h.first, indicator)
	}
}

// taken returns at most maxValues indicators, one from each place in turn, and how many distinct ones there are.
func taken(places []*harvest) (found []framework.Indicator, distinct int) {
	all, used := map[framework.Indicator]struct{}{}, map[framework.Indicator]struct{}{}
	for _, place := range places {
		maps.Copy(all, place.seen)
	}
	for i := range maxValues {
		for _, place := range places {
			if i >= len(place.first) || len(found) == maxValues {
				continue
			}
			if _, known := used[place.first[i]]; !known {
				used[place.first[i]] = struct{}{}
				found = append(found, place.first[i])
			}
		}
	}
	return found, len(all)
}

// remarks says what of a kind is not asked about, and why.
func (c Config) remarks(kind framework.Kind, places []*harvest, left int) []string {
	var notes []string
	looked, wrongs := 0, 0
	for _, place := range places {
		looked, wrongs, left = looked+place.looked, wrongs+place.wrongs, left+place.left
		for _, value := range place.wrong[:min(len(place.wrong), maxNotes-len(notes))] {
			notes = append(notes, fmt.Sprintf("%s: not asked, the value is not of this kind: %s", kind, value))
		}
	}
	if looked == 0 {
		notes = append(notes, fmt.Sprintf("%s: no value at %s", kind, strings.Join(c.Indicators[kind], " or ")))
	}
	if more := wrongs - len(notes); looked > 0 && more > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s not of this kind", kind, moreValues(more, "is", "are")))
	}
	if left > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s left out", kind, moreValues(left, "was", "were")))
	}
	return notes
}

func moreValues(count int, one, many string) string {
	if count == 1 {
		return "1 more value " + one
	}
	return fmt.Sprintf("%d more values %s", count, many)
}

// lookup returns the values at a path.
func lookup(value any, path string) []string {
	var found []string
	visit(value, path, func(text string) { found = append(found, text) })
	return found
}

// visit calls take with the texts and numbers at a path, and reports whether there are any. Lists on the way and at the
// end give what each of their elements gives. Where a member's name holds dots the longest name counts.
func visit(value any, path string, take func(string)) bool {
	switch v := value.(type) {
	case []any:
		found := false
		for _, element := range v {
			found = visit(element, path, take) || found
		}
		return found
	case map[string]any:
		for name := path; name != ""; name = beforeLastDot(name) {
			member, ok := v[name]
			if ok && visit(member, strings.TrimPrefix(path[len(name):], "."), take) {
				return true
			}
		}
	case framework.Number:
		return visit(string(v), path, take)
	case string:
		if path == "" && strings.TrimSpace(v) != "" {
			take(v)
			return true
		}
	}
	return false
}

func beforeLastDot(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '.'))]
}

// cut shortens a text to at most limit runes.
func cut(text string, limit int) string {
	runes, end := 0, 0
	for at := range text {
		if runes++; runes == limit {
			end = at
		}
	}
	if runes <= limit {
		return text
	}
	return text[:end] + "…"
}
