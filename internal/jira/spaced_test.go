package jira_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/actions/enrich"
	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
	"funnelweb/internal/sandbox/wiki"
)

// A ticket with all there is to it, on a Jira that lets nobody write to it more often than every two seconds, and loses
// an answer of each kind of write.
func TestAWholeTicketIsMadeAlthoughWritesAreSpacedAndAnswersLost(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, func(o *sandbox.Options) { screened(o); o.WriteEvery = 2 * time.Second })
		for _, path := range []string{"", "/SEC-1/remotelink", "/SEC-1/attachments", "/SEC-1/transitions", "/SEC-1/comment"} {
			site.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue" + path + "$", CutAfter: true, Times: 1})
		}
		deps := site.deps
		deps.Tickets = site.client
		deps.Enrichers = map[string]framework.Enricher{"directory": hostile{framework.User}, "engines": hostile{framework.MD5}}
		config := ticket.Defaults()
		config.Project, config.Transition, config.EventsURL = "SEC", "Start work", "https://automation.example.com/api/v1/events"
		config.Priority, config.Assignee = "High", "jane@lab.example"
		config.Fields = map[string]ticket.Texts{"Evidence": {"{{.result.note}}"}, "Affected host": {"{{.result.host}} {{.result.note}}"}, "Score": {"{{.result.note}}"}}
		maker := must(ticket.New(config, deps))(t)
		asker := must(enrich.New(enrich.Config{
			TicketOf: "ticket-for-alert", With: []string{"directory", "engines"},
			Indicators: map[framework.Kind]enrich.Paths{framework.User: {"result.user"}, framework.MD5: {"result.md5"}},
		}, deps))(t)
		data := strings.Replace(malware, `"user":"jdoe"`, `"user":"jdoe","long":"`+strings.Repeat("[~admin] ", 3_000)+`"`, 1)
		alert := must(framework.NewEvent("splunk.alert", "1", framework.JSON(data)))(t)
		alert.Time = frameworktest.Start()
		works := []work{{maker, framework.Job{Automation: "ticket-for-alert", Event: alert}}}
		for _, name := range asker.Jobs() {
			works = append(works, work{asker, framework.Job{Automation: "enrich", Name: name, Event: alert}})
		}
		loop{site: site}.untilWorks(t, works...)

		issue, _ := site.Issue("SEC-1")
		got := []any{len(site.Issues()), len(issue.RemoteLinks), len(issue.Attachments), issue.Status, string(issue.Fields["priority"]), len(site.Comments("SEC-1"))}
		if diff := cmp.Diff([]any{1, 1, 1, "In Progress", `{"id":"1"}`, 1}, got); diff != "" {
			t.Fatalf("tickets, links, files, status, priority, comments (-want +got):\n%s", diff)
		}
		if file := issue.Attachments[0]; file.Name != "event.json" || string(file.Body) != string(alert.Data) {
			t.Errorf("%s has %d bytes, the event %d", file.Name, len(file.Body), len(alert.Data))
		}
		if note := `The field Score was not set: "[~admin] {noformat:x} !http://evil.example/x.png!" is not a number.`; !strings.HasPrefix(wiki.Text(issue.Description), note) {
			t.Errorf("the description begins %q", wiki.Text(issue.Description)[:200])
		}
		texts := []string{issue.Description, site.Comments("SEC-1")[0].Body, unquote(t, issue.Fields["customfield_10004"])}
		if flavor == sandbox.DataCenter {
			texts = append(texts, unquote(t, issue.Fields["customfield_10003"]))
		}
		for _, text := range texts {
			for _, live := range wiki.Active(text) {
				kind, _, _ := strings.Cut(live, ": ")
				if !slices.Contains([]string{"heading", "bold", "table", "noformat", "line break"}, kind) && live != "link: https://www.virustotal.com/gui/file/1" {
					t.Errorf("live: %s", live)
				}
			}
		}
	})
}

func unquote(t *testing.T, value []byte) string {
	t.Helper()
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		t.Fatal(err)
	}
	return text
}
