package enrich

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// crowded is a stage whose enrichers say more than a comment has room for.
func crowded(t *testing.T) stage {
	t.Helper()
	s := newStage(t, func(c *Config) { c.With = []string{"virustotal", "activedirectory"} })
	answer := func(i framework.Indicator) (framework.Finding, error) {
		finding := framework.Finding{Indicator: i, Summary: "seen", Link: "https://x.example/" + string(i.Kind)}
		for range 40 {
			finding.Facts = append(finding.Facts, framework.Fact{Label: "Fact", Value: strings.Repeat("{", 400) + "\x1b[2J\u202e\nend"})
		}
		return finding, nil
	}
	s.vt.answer, s.ad.answer = answer, answer
	return s
}

func TestWhatTheCommentHasNoRoomForIsAttachedOnceAllHaveAnswered(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	files := func() []framework.TicketFile { return s.tickets.Tickets()[0].Files }
	s.do(t, job(t, "virustotal", issue))
	if len(files()) != 0 || strings.Contains(s.comment(t), "attached") {
		t.Fatalf("%d files before all have answered:\n%s", len(files()), s.comment(t))
	}
	s.do(t, job(t, "activedirectory", issue))
	s.do(t, job(t, "activedirectory", issue)) // delivered again
	if len(files()) != 1 {
		t.Fatalf("%d files", len(files()))
	}
	file := files()[0]
	if want := "There is no room here for all of it: the attached " + file.Name + " holds the rest too.\n"; !strings.HasSuffix(s.comment(t), want) || file.Type != "text/plain; charset=utf-8" {
		t.Errorf("%s of type %s; the comment ends with %q", file.Name, file.Type, s.comment(t)[len(s.comment(t))-200:])
	}
	text := string(file.Body)
	if facts := strings.Count(text, "  Fact: {{{"); facts != 80 {
		t.Errorf("the file has %d facts of 80", facts)
	}
	for _, want := range []string{"# What is known about this ticket\n", "\n## virustotal\n", "\n## activedirectory\n", "{{\ufffd[2J\ufffd\n    end\n", "Read more (https://x.example/user)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Error("the file moves the cursor or turns text around")
	}
}

func TestATicketThatTakesNoFilesHasItsCommentAllTheSame(t *testing.T) {
	t.Parallel()
	s := crowded(t)
	off := &framework.ServiceError{Service: "jira", Op: "attach file", Reason: "attachments are turned off in this Jira", Permanent: true}
	s.tickets.FailNext(frameworktest.AddFile, off, off)
	for _, name := range s.Jobs() {
		s.do(t, job(t, name, issue))
	}
	if text := s.comment(t); strings.Contains(text, "the attached") || !strings.Contains(text, "#### activedirectory\n") || !strings.Contains(text, "Facts not shown here: ") {
		t.Error(text)
	}
}

// The answers are on the ticket at once; the file follows when it can.
func TestAFileThatCannotBeAttachedNowKeepsNoAnswerBack(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"down":     &framework.ServiceError{Service: "jira", Op: "attach file", Reason: "Jira is not available", Status: 503},
		"too fast": &framework.Wait{Until: frameworktest.Start().Add(time.Second), Reason: "not that fast"},
	} {
		s := crowded(t)
		s.do(t, job(t, "virustotal", issue))
		s.tickets.FailNext(frameworktest.AddFile, refusal)
		last := job(t, "activedirectory", issue)
		if _, err := s.Do(t.Context(), last); !errors.Is(err, refusal) {
			t.Errorf("%s: got %v", name, err)
		}
		if text := s.comment(t); strings.Contains(text, "the attached") || !strings.Contains(text, "#### activedirectory\n*user* jdoe") {
			t.Errorf("%s: %s", name, text)
		}
		s.clock.Advance(time.Hour)
		s.do(t, last)
		if text := s.comment(t); !strings.Contains(text, "the attached findings-") || len(s.tickets.Tickets()[0].Files) != 1 {
			t.Errorf("%s, afterwards: %s", name, text)
		}
	}
}

func TestAnAddressThatWasAskedAboutIsShownSoThatNothingOpensIt(t *testing.T) {
	t.Parallel()
	for indicator, want := range map[framework.Indicator]string{
		{Kind: framework.URL, Value: "https://evil.example/a?b=http://c"}: "hxxps://evil.example/a?b=http://c",
		{Kind: framework.URL, Value: "http://evil.example/"}:              "hxxp://evil.example/",
		{Kind: framework.URL, Value: "ftp://evil.example/"}:               "ftp://evil.example/",
		{Kind: framework.Domain, Value: "http.example"}:                   "http.example",
	} {
		head := findingBlocks(finding{Finding: framework.Finding{Indicator: indicator}}, time.Time{}, 500)[0]
		if diff := cmp.Diff(framework.Paragraph{{Text: string(indicator.Kind), Bold: true}, {Text: " " + want}}, head); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if found, _ := framework.FindIndicators(want, []framework.Kind{indicator.Kind}, 5); indicator.Kind == framework.URL && (len(found) != 1 || found[0] != indicator) {
			t.Errorf("%s is read as %v", want, found)
		}
	}
}

func TestAVerdictThatNobodyMustOverlookIsInTheFirstLine(t *testing.T) {
	t.Parallel()
	of := func(verdicts ...framework.Verdict) string {
		var s state
		for _, verdict := range verdicts {
			s.Sections = append(s.Sections, section{Status: done, Findings: []finding{{Finding: framework.Finding{Verdict: verdict}}}})
		}
		return s.alarm()
	}
	got := []string{
		of(), of(""), of(framework.Harmless, framework.Undetected, framework.Unknown), of(framework.Harmless, framework.Suspicious), of(framework.Suspicious, framework.Malicious, ""),
	}
	if diff := cmp.Diff([]string{"", "", "", ": suspicious", ": malicious"}, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}
