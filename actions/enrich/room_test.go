package enrich

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// The most that enrichers can say: 9 kinds, 10 values each as long as a value may be, 100 facts on each, in characters
// that JSON writes as six bytes.
func TestTheMostThatEnrichersSayFitsTheLedgerAndTheTicket(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01", 600)
	most := &source{kinds: framework.Kinds(), answer: func(i framework.Indicator) (framework.Finding, error) {
		answer := framework.Finding{Summary: long, Link: "https://x.example/" + strings.Repeat("l", 1_900), Verdict: framework.Undetected}
		if i.Kind == framework.URL && strings.HasSuffix(i.Value, "9") { // the last of them is the one that counts
			answer.Verdict = framework.Malicious
		}
		for range 100 {
			answer.Facts = append(answer.Facts, framework.Fact{Key: long, Label: long, Value: long})
		}
		return answer, nil
	}}
	indicators := map[framework.Kind]Paths{}
	for _, kind := range framework.Kinds() {
		indicators[kind] = Paths{string(kind), strings.Repeat("nowhere.", 30)}
	}
	s := newStage(t, nil)
	enrichers := map[string]framework.Enricher{}
	var names []string
	for i := range 6 {
		names = append(names, fmt.Sprintf("source%02d", i))
		enrichers[names[i]] = most
	}
	deps := s.deps
	deps.Enrichers = enrichers
	action, err := New(Config{Indicators: indicators, With: names}, deps)
	if err != nil {
		t.Fatal(err)
	}
	s.Action = action
	s.Action.tickets = narrow{s.tickets, 3}
	for _, name := range names {
		s.do(t, job(t, name, `{"issue":{"key":"SEC-1"},"url":`+list("http://x.example/"+strings.Repeat("x", 2_000)+"%d", 10, "junk", "junk2")+
			`,"user":`+list("user%d", 12)+`,"host":`+list("host%d", 12)+`,"ip":`+list("10.0.0.%d", 12)+`,"domain":`+list("x.y%d", 12)+
			`,"email":`+list("a%d@x.example", 12)+`,"md5":`+list("%032d", 12)+`,"sha1":`+list("%040d", 12)+`,"sha256":`+list("%064d", 12)+`}`))
		value, _, err := s.ledger.Get(t.Context(), "comment.SEC-1")
		if err != nil || len(value) > maxEntry {
			t.Fatalf("%s: %d bytes are stored (%v)", name, len(value), err)
		}
	}
	got := s.tickets.Tickets()[0].Comments[0].Body
	if !s.Action.tickets.Fits(got) {
		t.Error("more is shown than a ticket takes")
	}
	text := show(got)
	for _, name := range names {
		if !strings.Contains(text, "#### "+name+": malicious\n") {
			t.Errorf("%s is missing or has lost its verdict", name)
		}
	}
	for _, want := range []string{"Facts not shown here: 100.", "Answers not shown here: ", "Notes not shown here: ", "Facts not shown here: 100. Its link is not shown here."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestWhatIsCutIsCountedHoweverOften(t *testing.T) {
	t.Parallel()
	one := section{Enricher: "x", Reason: strings.Repeat("r", 200), Notes: []string{"a", "b", "c", "d"}}
	for _, verdict := range []framework.Verdict{"", framework.Harmless, framework.Malicious, framework.Unknown} {
		one.Findings = append(one.Findings, finding{Finding: framework.Finding{
			Verdict: verdict, Summary: strings.Repeat("s", 200), Link: "https://x.example", Facts: make([]framework.Fact, 7), AskedAt: time.Unix(0, 0),
		}})
	}
	got := one.within(room{5, 100, true, 3, 3}).within(room{1, 10, false, 2, 1})
	kept := func(verdict framework.Verdict) finding {
		return finding{CutFacts: 6, CutLink: true, Finding: framework.Finding{
			Verdict: verdict, Summary: "sssssssss…", Facts: make([]framework.Fact, 1), AskedAt: time.Unix(0, 0),
		}}
	}
	want := section{
		Enricher: "x", Reason: "rrrrrrrrr…", Notes: []string{"a"}, CutNotes: 3, CutFindings: 2,
		Findings: []finding{kept(framework.Malicious), kept(framework.Unknown)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("section (-want +got):\n%s", diff)
	}
	if len(one.Findings) != 4 || len(one.Findings[0].Facts) != 7 || len(one.Notes) != 4 {
		t.Error("the section itself was changed")
	}
}

// narrow is a ticket system in which every character takes the room of several, as escaped ones do.
type narrow struct {
	framework.Tickets
	times int
}

func (n narrow) Fits(body framework.Document) bool {
	return n.Tickets.Fits(slices.Repeat(body, n.times))
}

func TestTheRoomIsTheTicketSystemsWithAllThatItEscapes(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.With = []string{"virustotal", "activedirectory"} })
	answer := func(i framework.Indicator) (framework.Finding, error) {
		finding := framework.Finding{Indicator: i, Verdict: framework.Malicious, Summary: "the worst"}
		for range 40 {
			finding.Facts = append(finding.Facts, framework.Fact{Label: "x", Value: strings.Repeat("{", 250)})
		}
		return finding, nil
	}
	s.vt.answer, s.ad.answer = answer, answer
	s.Action.tickets = narrow{s.tickets, 5}
	for _, name := range s.Jobs() {
		s.do(t, job(t, name, issue))
	}
	body := s.tickets.Tickets()[0].Comments[0].Body
	text, fits := show(body), s.Action.tickets.Fits(body)
	if !fits || !strings.Contains(text, "#### virustotal: malicious\n") || !strings.Contains(text, "#### activedirectory: malicious\n") || !strings.Contains(text, "Facts not shown here: 35.") {
		t.Errorf("it fits: %v\n%s", fits, text)
	}
}

func TestALinkThatIsTooLongIsMissed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
		return framework.Finding{Indicator: i, Link: "https://x.example/" + strings.Repeat("l", maxLink)}, nil
	}
	s.do(t, job(t, "virustotal", issue))
	if got := s.comment(t); !strings.Contains(got, "\nAsked 2026-11-20 12:00:00 UTC. Its link is not shown here.\n") {
		t.Errorf("comment:\n%s", got)
	}
}
