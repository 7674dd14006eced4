package virustotal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"funnelweb/framework"
)

const (
	maxText  = 200 // runes of one value
	maxNames = 5   // names of a file, categories of a domain
	// Engines learn: after this time an analysis is said to be old.
	oldAnalysis = 30 * 24 * time.Hour
)

// list collects facts from attributes, leaving out what is not known.
type list struct {
	attributes attributes
	now        time.Time
	facts      []framework.Fact
}

func (l *list) add(key, label, value string) {
	if value != "" {
		l.facts = append(l.facts, framework.Fact{Key: key, Label: label, Value: value})
	}
}

// text adds an attribute of text.
func (l *list) text(name, label string) {
	if value, ok := get[string](l.attributes, name); ok {
		l.add(name, label, framework.Line(value, maxText))
	}
}

// time adds an attribute that counts seconds since 1970, in UTC.
func (l *list) time(name, label string) {
	if at, ok := l.attributes.time(name); ok {
		l.add(name, label, when(at, l.now))
	}
}

func (a attributes) time(name string) (at time.Time, ok bool) {
	const year10000 = 253_402_300_800
	seconds, ok := get[int64](a, name)
	return time.Unix(seconds, 0).UTC(), ok && seconds > 0 && seconds < year10000
}

// when writes a time with its age.
func when(at, now time.Time) string {
	text := at.UTC().Format("2006-01-02 15:04 UTC")
	// In seconds, because the ages of hostile times do not fit into a Duration.
	hours := (now.Unix() - at.Unix()) / (60 * 60)
	switch {
	case at.After(now):
		return text
	case hours == 0:
		return text + " (less than an hour ago)"
	case hours == 1:
		return text + " (1 hour ago)"
	case hours < 48:
		return fmt.Sprintf("%s (%d hours ago)", text, hours)
	case hours < 2*365*24:
		return fmt.Sprintf("%s (%d days ago)", text, hours/24)
	default:
		return fmt.Sprintf("%s (%d years ago)", text, hours/24/365)
	}
}

// threat is the name that most engines agree on, or "".
func (o object) threat() string {
	class, _ := get[attributes](o.attributes, "popular_threat_classification")
	label, _ := get[string](class, "suggested_threat_label")
	return framework.Line(label, maxText)
}

// facts are the details that people ask for, by kind. What the summary says is not said again.
func (o object) facts(kind framework.Kind, now time.Time) []framework.Fact {
	l := &list{attributes: o.attributes, now: now}
	if o.stats.answered() > 0 {
		l.add("engines", "Engines", o.stats.engines())
	}
	switch kind {
	case framework.IP:
		l.addAddress()
	case framework.Domain:
		l.text("registrar", "Registrar")
		l.time("creation_date", "Registered")
		l.add("categories", "Categories", o.attributes.categories())
	case framework.URL:
		l.text("last_final_url", "Leads to")
		l.text("title", "Title")
		l.add("categories", "Categories", o.attributes.categories())
	default:
		l.add("threat_label", "Threat", o.threat())
		l.addFile()
	}
	l.time("first_submission_date", "First seen")
	l.time("last_submission_date", "Last seen")
	if at, ok := o.attributes.time("last_analysis_date"); ok {
		text := when(at, now)
		if at.Before(now.Add(-oldAnalysis)) {
			text += "; engines may judge otherwise now"
		}
		l.add("last_analysis_date", "Last analysis", text)
	}
	if reputation, ok := get[int64](o.attributes, "reputation"); ok {
		l.add("reputation", "Community score", strconv.FormatInt(reputation, 10))
	}
	return l.facts
}

func (l *list) addFile() {
	l.add("names", "Names", l.attributes.names())
	l.text("type_description", "Type")
	if size, ok := get[int64](l.attributes, "size"); ok && size >= 0 {
		l.add("size", "Size", fmt.Sprintf("%d bytes", size))
	}
	l.text("sha256", "SHA-256")
}

func (l *list) addAddress() {
	owner, _ := get[string](l.attributes, "as_owner")
	if number, ok := get[int64](l.attributes, "asn"); ok && number > 0 {
		owner = strings.TrimSpace(fmt.Sprintf("AS%d %s", number, owner))
	}
	l.add("as_owner", "Owner", framework.Line(owner, maxText))
	l.text("country", "Country")
	l.text("network", "Network")
}

// names puts the name that VirusTotal finds most telling first. An entry that is no text is left out.
func (a attributes) names() string {
	var all []string
	if best, ok := get[string](a, "meaningful_name"); ok {
		all = append(all, best)
	}
	others, _ := get[[]json.RawMessage](a, "names")
	for _, raw := range others {
		var name string
		if json.Unmarshal(raw, &name) == nil && !slices.Contains(all, name) {
			all = append(all, name)
		}
		if len(all) > maxNames {
			break
		}
	}
	return join(all)
}

// categories are what several services call a site, each service's word once.
func (a attributes) categories() string {
	byService, _ := get[map[string]string](a, "categories")
	words := slices.Sorted(maps.Values(byService))
	words = slices.Compact(words)
	return join(words)
}

// join writes the first few texts.
func join(texts []string) string {
	var lines []string
	for _, text := range texts[:min(len(texts), maxNames)] {
		if line := framework.Line(text, maxText); line != "" {
			lines = append(lines, line)
		}
	}
	if len(texts) > maxNames {
		lines = append(lines, "…")
	}
	return strings.Join(lines, ", ")
}
