package enrich

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// people is a ticket that somebody wrote, as Jira's editor stores it.
const people = `{"issue":{"key":"SEC-1","fields":{"labels":[],"summary":"Phishing from hxxp://evil[.]example/login","description":` +
	`"Jane got *this*:\n{noformat}\nsender bob\\[at\\]evil\\[.\\]example, 203.0.113.7\n{noformat}\nThe file ` + md5 + ` (invoice.pdf) is on WS-042. ` +
	`Same: HTTP://EVIL.EXAMPLE/login"}}}`

func searching(c *Config) {
	c.FindIn = Paths{"issue.fields.summary", "issue.fields.description"}
	c.Indicators, c.With = nil, []string{"virustotal"}
}

func TestATicketThatAPersonWroteIsSearchedForIndicators(t *testing.T) {
	t.Parallel()
	s := newStage(t, searching)
	s.vt.kinds = []framework.Kind{framework.MD5, framework.URL, framework.IP, framework.Host, framework.User}
	s.do(t, job(t, "virustotal", people))
	want := []string{"url:http://evil.example/login", "ip:203.0.113.7", "md5:" + md5}
	if diff := cmp.Diff(want, s.vt.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if got := headings(s.tickets.Tickets()[0].Comments[0].Body); got[0] != "virustotal: malicious" {
		t.Errorf("sections %v", got)
	}
}

func TestATextWithoutIndicatorsOrWithTooManySaysSo(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 27 {
		_, _ = fmt.Fprintf(&many, "%032x, ", i)
	}
	for name, test := range map[string]struct {
		text, note string
		asked      int
	}{
		"nothing":           {"My printer is broken, see invoice.pdf", "In the ticket's text nothing was found to ask about.", 0},
		"more than allowed": {many.String(), "In the ticket's text: 7 more values were left out.", 20},
		"a long text":       {strings.Repeat("é ", 50_000) + md5, "Only the first 128 KiB of the ticket's text, of 147 KiB, were searched.", 0},
		"long and many":     {many.String() + strings.Repeat("x ", 100_000), "Only the first 128 KiB of the ticket's text, of 197 KiB, were searched.", 20},
		"of 128 KiB":        {strings.Repeat("x ", 64<<10-17) + md5 + " ", "#### virustotal: malicious", 1},
		"one too many":      {strings.TrimSuffix(many.String()[:21*34], ", "), "In the ticket's text: 1 more value was left out.", 20},
	} {
		s := newStage(t, searching)
		s.do(t, job(t, "virustotal", fmt.Sprintf(`{"issue":{"key":"SEC-1","fields":{"summary":%q,"description":null}}}`, test.text)))
		text, cut := show(s.tickets.Tickets()[0].Comments[0].Body), strings.HasPrefix(test.note, "Only ")
		if !strings.Contains(text, "\n"+test.note+"\n") || strings.Contains(text, "Only the first") != cut || len(s.vt.asked) != test.asked {
			t.Errorf("%s: asked about %d:\n%s", name, len(s.vt.asked), text)
		}
	}
}

// A ticket that was made of an alert holds all of it, and only what was configured is asked about. What is configured and also
// stands in the text is asked about once.
func TestWhatIsConfiguredGoesBeforeWhatIsFound(t *testing.T) {
	t.Parallel()
	both := func(c *Config) {
		searching(c)
		c.Indicators = map[framework.Kind]Paths{framework.MD5: {"result.md5", "issue.fields.customfield_1"}}
	}
	made := newStage(t, both)
	made.do(t, job(t, "virustotal", `{"issue":{"key":"SEC-1","fields":{"labels":["fw-`+origin+`"],"summary":"`+strings.Repeat("ab", 16)+`"}}}`))
	if diff := cmp.Diff([]string{"md5:" + md5}, made.vt.asked); diff != "" {
		t.Errorf("of an alert's ticket (-want +got):\n%s", diff)
	}
	written := newStage(t, both)
	other := strings.Repeat("cd", 16)
	written.do(t, job(t, "virustotal", `{"issue":{"key":"SEC-1","fields":{"customfield_1":"`+md5+`","summary":"`+other+" "+md5+`"}}}`))
	if diff := cmp.Diff([]string{"md5:" + md5, "md5:" + other}, written.vt.asked); diff != "" {
		t.Errorf("of a person's ticket (-want +got):\n%s", diff)
	}
}

func TestFindInNeedsAnEnricherOfAKindThatCanBeFound(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	_, err := New(Config{FindIn: Paths{"issue.fields.summary", ""}, With: []string{"activedirectory", "virustotal"}}, s.deps)
	want := []string{"find_in: has an empty path", "with[0]: activedirectory can be asked about [user host], and indicators has none of them"}
	if err == nil || cmp.Diff(want, strings.Split(err.Error(), "\n")) != "" {
		t.Errorf("got %v, want %v", err, want)
	}
}

// What an enricher tells of an address is as little to be opened as the address itself.
func TestAnAddressAmongTheFactsIsDefanged(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
		return framework.Finding{Indicator: i, Facts: []framework.Fact{
			{Key: "to", Label: "Leads to", Value: "https://evil.example/a"}, {Key: "http", Label: "Protocol", Value: "http"}, {Key: "text", Label: "Said", Value: "see http://x"},
		}}, nil
	}
	s.do(t, job(t, "virustotal", issue))
	for _, want := range []string{"| *Leads to* | hxxps://evil.example/a |", "| *Protocol* | http |", "| *Said* | see http://x |"} {
		if got := s.comment(t); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
