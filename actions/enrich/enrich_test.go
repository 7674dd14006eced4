package enrich

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func down() *framework.ServiceError {
	return &framework.ServiceError{Service: "jira", Op: "look up", Status: 503, Reason: "not available"}
}

func TestTheCommentFillsAsEnrichersAnswer(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	if diff := cmp.Diff([]string{"activedirectory", "virustotal"}, s.Jobs()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	result := s.do(t, job(t, "virustotal", issue))
	want := framework.Result{Summary: "virustotal: malicious on SEC-1", Link: "https://jira.example.com/browse/SEC-1"}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	compareGolden(t, "first.golden", s.comment(t))

	s.clock.Advance(time.Second)
	s.do(t, job(t, "activedirectory", issue))
	compareGolden(t, "complete.golden", s.comment(t))
	asked := []string{strings.Join(s.ad.asked, ","), strings.Join(s.vt.asked, ",")}
	if diff := cmp.Diff([]string{"user:jdoe", "md5:" + md5}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestAFailingEnricherIsShownBesideTheOthers(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.do(t, job(t, "activedirectory", issue))
	failing := job(t, "virustotal", issue)
	for _, step := range []struct {
		golden  string
		failure framework.Failure
	}{
		{"waiting.golden", framework.Failure{Reason: "VirusTotal quota of 4 a minute", Waiting: true, Next: s.clock.Now().Add(90 * time.Second)}},
		{"failed.golden", framework.Failure{Reason: "virustotal: look up: not available (status 503)", Next: s.clock.Now().Add(20 * time.Minute), Attempts: 2}},
		{"tomorrow.golden", framework.Failure{Reason: "the key is not accepted.", Next: s.clock.Now().Add(20 * time.Hour), Attempts: 7}},
		{"dead.golden", framework.Failure{Reason: "virustotal: look up: wrong [~admin] key (status 401)", Attempts: 8}},
	} {
		if err := s.Failed(t.Context(), failing, step.failure); err != nil {
			t.Fatal(err)
		}
		compareGolden(t, step.golden, s.comment(t))
	}
	s.do(t, failing) // somebody replayed it
	if got := s.comment(t); !strings.Contains(got, "#### virustotal: malicious\n") {
		t.Errorf("after the replay: %s", got)
	}
}

func TestAFailureAfterTheAnswerWasStoredIsNotTheEnrichers(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.tickets.FailNext(frameworktest.AddComment, down())
	_, err := s.Do(t.Context(), job(t, "virustotal", issue))
	if framework.Reason(err) != "jira: look up: not available (status 503)" {
		t.Errorf("got %v", err)
	}
	calls := len(s.tickets.Calls())
	if err := s.Failed(t.Context(), job(t, "virustotal", issue), framework.Failure{Reason: framework.Reason(err), Next: s.clock.Now().Add(time.Minute), Attempts: 1}); err != nil {
		t.Fatal(err)
	}
	if got := s.tickets.Calls()[calls:]; len(got) > 0 {
		t.Errorf("Jira, which is down, was called: %v", got)
	}
	s.do(t, job(t, "virustotal", issue))
	if got := s.comment(t); !strings.Contains(got, "#### virustotal: malicious\n") {
		t.Errorf("comment: %s", got)
	}
	if len(s.vt.asked) != 1 {
		t.Errorf("asked %v", s.vt.asked)
	}
}

func TestAnswersAreKeptWhenAnotherQuestionFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Indicators[framework.MD5] = Paths{"result.many"} })
	data := strings.Replace(issue, `"fields":{`, `"fields":{"x":1,`, 1)
	data = strings.Replace(data, `{"issue"`, `{"result":{"many":["`+md5+`","`+strings.Repeat("0", 32)+`","`+strings.Repeat("1", 32)+`"]},"issue"`, 1)
	answer := s.vt.answer
	for name, test := range map[string]struct {
		err   error
		asked int // of three, at first and then again
		again int
	}{
		"a quota stops the rest":                 {&framework.Wait{Until: s.clock.Now().Add(time.Minute), Reason: "quota"}, 2, 2},
		"a refusal is about its own value alone": {&framework.ServiceError{Service: "virustotal", Op: "x", Reason: "bad", Permanent: true}, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(c *Config) { c.Indicators[framework.MD5] = Paths{"result.many"} })
			failing := true
			s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
				if failing && strings.HasPrefix(i.Value, "0") {
					return framework.Finding{}, test.err
				}
				return answer(i)
			}
			_, err := s.Do(t.Context(), job(t, "virustotal", data))
			if !errors.Is(err, test.err) || len(s.vt.asked) != test.asked {
				t.Errorf("asked %v: %v", s.vt.asked, err)
			}
			failing, s.vt.asked = false, nil
			s.do(t, job(t, "virustotal", data))
			if len(s.vt.asked) != test.again {
				t.Errorf("asked again: %v", s.vt.asked)
			}
			if got := strings.Count(s.comment(t), "61 of 67"); got != 3 {
				t.Errorf("%d answers: %s", got, s.comment(t))
			}
		})
	}
}

func TestStaleAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.do(t, job(t, "activedirectory", issue))
	s.clock.Advance(59 * time.Minute)
	s.do(t, job(t, "activedirectory", issue))
	if len(s.ad.asked) != 1 {
		t.Errorf("a fresh answer was asked for again: %v", s.ad.asked)
	}
	s.clock.Advance(time.Minute)
	s.do(t, job(t, "activedirectory", issue))
	if len(s.ad.asked) != 2 {
		t.Errorf("a stale answer was kept: %v", s.ad.asked)
	}
}

func TestADeletedCommentIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.do(t, job(t, "activedirectory", issue))
	s.tickets.DeleteComments("SEC-1")
	s.do(t, job(t, "virustotal", issue))
	compareGolden(t, "recreated.golden", s.comment(t))
}

func TestACommentThatTheLedgerForgotIsFoundAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.do(t, job(t, "activedirectory", issue))
	fresh := newStage(t, nil) // another ledger
	fresh.Action.tickets = s.tickets
	fresh.do(t, job(t, "virustotal", issue))
	if got := s.comment(t); !strings.Contains(got, "virustotal: malicious") {
		t.Errorf("comment: %s", got)
	}
}

func TestADeletedTicketIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	_, err := s.Do(t.Context(), job(t, "virustotal", strings.Replace(issue, "SEC-1", "SEC-9", 1)))
	if !framework.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestOneCommentHoweverItsMakingFails(t *testing.T) {
	t.Parallel()
	lost := &framework.ServiceError{Service: "jira", Op: "add comment", Reason: "cut", Ambiguous: true}
	for name, arrange := range map[string]func(stage){
		"the answer is lost after Jira made it":  func(s stage) { s.tickets.CommitThenFailNext(frameworktest.AddComment, lost) },
		"the answer is lost before Jira made it": func(s stage) { s.tickets.FailNext(frameworktest.AddComment, lost) },
		"Jira is down, twice":                    func(s stage) { s.tickets.FailNext(frameworktest.AddComment, down(), down()) },
		"it cannot be looked for":                func(s stage) { s.tickets.FailNext(frameworktest.FindComment, down()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			arrange(s)
			for attempt := 0; ; attempt++ {
				_, err := s.Do(t.Context(), job(t, "virustotal", issue))
				if err == nil {
					break
				}
				if attempt > 5 {
					t.Fatal(err)
				}
				s.clock.Advance(time.Second)
				if wait, ok := errors.AsType[*framework.Wait](err); ok {
					s.clock.Advance(wait.Until.Sub(s.clock.Now()))
				}
			}
			if got := s.comment(t); !strings.Contains(got, "virustotal: malicious") {
				t.Errorf("comment: %s", got)
			}
			if len(s.vt.asked) != 1 {
				t.Errorf("asked %v", s.vt.asked)
			}
		})
	}
}

func TestSeparateCommentsByOption(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Separate = true })
	s.do(t, job(t, "activedirectory", issue))
	s.do(t, job(t, "virustotal", issue))
	if err := s.Failed(t.Context(), job(t, "virustotal", strings.Replace(issue, `"key"`, `"id":1,"key"`, 1)), framework.Failure{Reason: "x", Attempts: 1}); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "separate.golden", strings.Join(s.comments(), "---\n"))
}

func TestALaterEventOfATicketReplacesAnEarlierOne(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	first := job(t, "virustotal", issue)
	later := job(t, "virustotal", strings.Replace(issue, `{"issue"`, `{"result":{},"issue"`, 1))
	later.Event.Time = first.Event.Time.Add(time.Minute)
	s.vt.answer = func(i framework.Indicator) (framework.Finding, error) {
		return framework.Finding{Indicator: i, Verdict: framework.Unknown, Summary: "later", StaleAt: s.clock.Now()}, nil
	}
	s.do(t, later)
	s.vt.asked = nil
	if result := s.do(t, first); !strings.Contains(result.Summary, "a newer event") || len(s.vt.asked) > 0 {
		t.Errorf("%s, asked %v", result.Summary, s.vt.asked)
	}
	if err := s.Failed(t.Context(), first, framework.Failure{Reason: "old", Attempts: 1}); err != nil {
		t.Fatal(err)
	}
	if got := s.comment(t); !strings.Contains(got, "#### virustotal: unknown\n") || strings.Contains(got, "old") {
		t.Errorf("comment: %s", got)
	}
}

func TestTwoAutomationsShareTheComment(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.do(t, job(t, "virustotal", issue))
	other := job(t, "virustotal", issue)
	other.Automation = "enrich-hosts"
	s.do(t, other)
	var headings []string
	for line := range strings.Lines(s.comment(t)) {
		if strings.HasPrefix(line, "#### ") {
			headings = append(headings, strings.TrimSpace(line[5:]))
		}
	}
	want := []string{
		"activedirectory (enrich-hosts): waiting", "virustotal (enrich-hosts): malicious",
		"activedirectory (enrich-ticket): waiting", "virustotal (enrich-ticket): malicious",
	}
	if diff := cmp.Diff(want, headings); diff != "" {
		t.Errorf("headings (-want +got):\n%s", diff)
	}
}

func TestATicketThatWeDidNotMakeIsEnrichedFromItsOwnEvent(t *testing.T) {
	t.Parallel()
	lost := map[string]bool{"a label of an alert long gone": true, "an alert that is not stored any more": true}
	for name, arrange := range map[string]func(*testing.T, stage) string{
		"no label":                       func(*testing.T, stage) string { return "x" },
		"a label of an alert long gone":  func(*testing.T, stage) string { return "fw-" + strings.Repeat("a", 26) },
		"a label that is no fingerprint": func(*testing.T, stage) string { return "fw-../../x" },
		"an alert that is not stored any more": func(t *testing.T, s stage) string {
			t.Helper()
			if _, err := s.ledger.Put(t.Context(), "origin."+strings.Repeat("b", 26), []byte("splunk-gone"), 0); err != nil {
				t.Fatal(err)
			}
			return "fw-" + strings.Repeat("b", 26)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *Config) { c.Indicators[framework.User] = Paths{"result.user", "issue.fields.reporter.name"} })
			label := arrange(t, s)
			result := s.do(t, job(t, "activedirectory", `{"issue":{"key":"SEC-1","fields":{"labels":["`+label+`"],"reporter":{"name":"mmuster"}}}}`))
			if strings.HasSuffix(result.Summary, " on SEC-1. The alert that this ticket was made for is not found: it is no longer kept, or many events came after it") != lost[name] ||
				strings.Contains(s.comment(t), "The alert that this ticket was made for is not found: it is no longer kept, or many events came after it.\n") != lost[name] {
				t.Errorf("%q, and the comment is\n%s", result.Summary, s.comment(t))
			}
			if diff := cmp.Diff([]string{"user:mmuster"}, s.ad.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingToAskAboutIsSaidOnTheTicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Indicators[framework.SHA256] = Paths{"result.user", "nowhere"} })
	var values []string
	for i := range 14 {
		values = append(values, fmt.Sprintf(`"%032d"`, i))
	}
	data := strings.Replace(issue, `{"issue"`, `{"result":{"user":"jdoe","md5":[`+strings.Join(values, ",")+`,"`+strings.Repeat("é", 300)+`"]},"issue"`, 1)
	data = strings.Replace(data, "fw-", "no-", 1)
	s.do(t, job(t, "virustotal", data))
	compareGolden(t, "notes.golden", s.comment(t))
	s.do(t, job(t, "activedirectory", strings.Replace(strings.Replace(issue, "fw-", "no-", 1), `{"issue"`, `{"x":1,"issue"`, 1)))
	if got := s.comment(t); !strings.Contains(got, "#### activedirectory: nothing to ask about\nuser: no value at result.user\n") {
		t.Errorf("comment: %s", got)
	}
}

func TestEventsThatAreNotAboutATicketAreGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, data := range []string{
		`{}`, `{"issue":{}}`, `{"issue":{"key":1}}`, `{"issue":{"key":"sec-1"}}`, `{"issue":{"key":"SEC-1/../x"}}`, `{"issue":{"key":["SEC-1","SEC-2"]}}`,
		`{"issue":{"key":"S` + strings.Repeat("E", 100) + `-1"}}`, `"SEC-1"`, `null`,
	} {
		_, err := s.Do(t.Context(), job(t, "virustotal", data))
		if !framework.IsPermanent(err) || s.Failed(t.Context(), job(t, "virustotal", data), framework.Failure{}) == nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestConfigurationMistakesAreAllNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"nothing": {Config{}, []string{
			"indicators: must say where to find at least one, such as {user: result.user}", "with: must name at least one enricher",
		}},
		"everything wrong": {
			Config{
				Indicators: map[framework.Kind]Paths{"hash": {"a"}, framework.User: {}, framework.IP: {"a", ""}},
				With:       []string{"virustotal", "shodan", "activedirectory", "activedirectory"},
			},
			[]string{
				`indicators.hash: there is no such kind; there are [ip domain url email md5 sha1 sha256 user host]`,
				"indicators.ip: has an empty path", "indicators.user: has an empty path",
				"with[0]: virustotal can be asked about [md5 sha256], and indicators has none of them",
				`with[1]: no enricher "shodan" is configured; there are [activedirectory virustotal]`,
				"with[3]: activedirectory is named twice",
			},
		},
	} {
		_, err := New(test.config, s.deps)
		if err == nil {
			t.Fatalf("%s: accepted", name)
		}
		if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	deps := s.deps
	deps.Tickets = nil
	if _, err := New(s.config, deps); err == nil || err.Error() != "no ticket system is configured: add the section jira" {
		t.Errorf("without tickets: %v", err)
	}
}

func TestAPathOrAListOfThemIsRead(t *testing.T) {
	t.Parallel()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("{indicators: {user: result.user, md5: [a, b]}, with: [x], separate: true}"), &node); err != nil {
		t.Fatal(err)
	}
	config := Defaults()
	if err := framework.DecodeConfig(node.Content[0], "do.enrich", &config); err != nil {
		t.Fatal(err)
	}
	want := Config{
		Indicators: map[framework.Kind]Paths{framework.User: {"result.user"}, framework.MD5: {"a", "b"}},
		With:       []string{"x"}, Separate: true,
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if err := yaml.Unmarshal([]byte("{indicators: {user: {a: b}}}"), &node); err != nil {
		t.Fatal(err)
	}
	if err := framework.DecodeConfig(node.Content[0], "do.enrich", &config); err == nil {
		t.Error("a path that is an object was accepted")
	}
}

func TestHugeFindingsAreBoundedAndLoseNoSection(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.Indicators[framework.User] = Paths{"result.users"} })
	var users []string
	for i := range 10 {
		users = append(users, fmt.Sprintf(`"user%d"`, i))
	}
	s.ad.answer = func(i framework.Indicator) (framework.Finding, error) {
		finding := framework.Finding{Summary: strings.Repeat("s", 10_000), Link: "https://x.example/" + strings.Repeat("l", 10_000)}
		for range 1_000 {
			finding.Facts = append(finding.Facts, framework.Fact{Label: strings.Repeat("k", 50), Value: strings.Repeat("é", 10_000)})
		}
		return finding, nil
	}
	data := strings.Replace(issue, `{"issue"`, `{"result":{"users":[`+strings.Join(users, ",")+`]},"issue"`, 1)
	s.do(t, job(t, "activedirectory", data))
	s.do(t, job(t, "virustotal", issue))
	value, _, err := s.ledger.Get(t.Context(), "comment.SEC-1")
	if err != nil || len(value) > 500_000 {
		t.Errorf("%d bytes are stored (%v)", len(value), err)
	}
	got := s.comment(t)
	if size := len([]rune(got)); size > 25_000 {
		t.Errorf("%d characters", size)
	}
	for _, want := range []string{"*user* user9\n", "#### virustotal: malicious\n", "Facts not shown here: 1000."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
}
