package enrich

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// headings are the titles of a comment's sections.
func headings(body framework.Document) []string {
	var titles []string
	for _, block := range body {
		if heading, ok := block.(framework.Heading); ok && heading.Level == 4 {
			titles = append(titles, heading.Text)
		}
	}
	return titles
}

// Two automations share a ticket's comment. Whoever of them is done last, the sections stand in one order.
func TestTheSectionsOfTwoAutomationsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]string{"first, then second": {"b", "a", "b", "a"}, "second, then first": {"a", "b", "b", "a"}, "in turns": {"a", "b", "a", "b"}} {
		s := newStage(t, func(c *Config) { c.With = []string{"virustotal", "activedirectory"} })
		for i, automation := range order {
			one := job(t, s.Jobs()[i/2], issue)
			one.Automation = automation
			s.do(t, one)
		}
		for _, automation := range order {
			for _, enricher := range s.Jobs() {
				one := job(t, enricher, issue)
				one.Automation = automation
				s.do(t, one)
			}
		}
		want := []string{"virustotal (a): malicious", "activedirectory (a)", "virustotal (b): malicious", "activedirectory (b)"}
		if diff := cmp.Diff(want, headings(s.tickets.Tickets()[0].Comments[0].Body)); diff != "" {
			t.Errorf("%s: sections (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnAnswerThatWasKeptSaysHowOldItIs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		age  time.Duration
		want string
	}{
		{0, ""},
		{59 * time.Second, ""},
		{59 * time.Minute, ", 59 min before it was shown here"},
		{26 * time.Hour, ", 26 h before it was shown here"},
		{1200 * time.Hour, ", 50 days before it was shown here"},
		{-time.Hour, ""}, // by a clock that differs
	} {
		s := newStage(t, nil)
		s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
			return framework.Finding{Indicator: i, Summary: "x", AskedAt: s.clock.Now().Add(-test.age)}, nil
		}
		s.do(t, job(t, "virustotal", issue))
		found := regexp.MustCompile(`Asked [0-9-]+ [0-9:]+ UTC(.*)\.`).FindStringSubmatch(show(s.tickets.Tickets()[0].Comments[0].Body))
		if found == nil || found[1] != test.want {
			t.Errorf("%s: %q, want %q", test.age, found, test.want)
		}
	}
}

// The engine may deliver a job to a second replica while the first still works on it.
func TestADeliveryThatFailsTakesNothingFromOneThatHasAllAnswers(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	answer, asked := s.vt.answer, 0
	s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
		if asked++; asked > 1 {
			return answer(i)
		}
		s.vt.mu.Unlock() // the other one asks too
		s.do(t, job(t, "virustotal", issue))
		s.vt.mu.Lock()
		return framework.Finding{}, &framework.ServiceError{Service: "virustotal", Reason: "down"}
	}
	if _, err := s.Do(t.Context(), job(t, "virustotal", issue)); err == nil {
		t.Fatal("it did not fail")
	}
	s.do(t, job(t, "virustotal", issue)) // again
	want := []string{"activedirectory: waiting", "virustotal: malicious"}
	if diff := cmp.Diff(want, headings(s.tickets.Tickets()[0].Comments[0].Body)); diff != "" || asked != 2 {
		t.Errorf("asked %d times, sections (-want +got):\n%s", asked, diff)
	}
}
