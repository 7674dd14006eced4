package framework_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func noon(minutes int) time.Time {
	return time.Date(2026, 11, 20, 12, minutes, 0, 0, time.UTC)
}

func TestEventsAreChosenByWhatIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter framework.EventFilter
		want   []string
	}{
		{"nothing is asked for", framework.EventFilter{}, []string{"splunk.alert 0", "splunk.alert 10", "jira.issue_created 5", "splunkish.alert 5"}},
		{"a source, and no other that begins so", framework.EventFilter{Source: "splunk"}, []string{"splunk.alert 0", "splunk.alert 10"}},
		{"a type is no source", framework.EventFilter{Source: "splunk.alert"}, nil},
		{"a type", framework.EventFilter{Type: "jira.issue_created"}, []string{"jira.issue_created 5"}},
		{"a part of a type is none", framework.EventFilter{Type: "splunk"}, nil},
		{"from a time on, itself too", framework.EventFilter{Since: noon(5)}, []string{"splunk.alert 10", "jira.issue_created 5", "splunkish.alert 5"}},
		{"before a time, itself not", framework.EventFilter{Until: noon(5)}, []string{"splunk.alert 0"}},
		{"between two", framework.EventFilter{Since: noon(1), Until: noon(9)}, []string{"jira.issue_created 5", "splunkish.alert 5"}},
		{"times in another zone", framework.EventFilter{Since: noon(1).In(time.FixedZone("", 3600)), Until: noon(9).In(time.FixedZone("", -3600))}, []string{"jira.issue_created 5", "splunkish.alert 5"}},
		{"an empty time", framework.EventFilter{Since: noon(5), Until: noon(5)}, nil},
		{"a source and a type of another", framework.EventFilter{Source: "jira", Type: "splunk.alert"}, nil},
		{"runs are left aside", framework.EventFilter{Source: "jira", Automation: "a", State: framework.RunDead}, []string{"jira.issue_created 5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, event := range []struct {
				name, eventType string
				at              time.Time
			}{
				{"splunk.alert 0", "splunk.alert", noon(0)},
				{"splunk.alert 10", "splunk.alert", noon(10)},
				{"jira.issue_created 5", "jira.issue_created", noon(5)},
				{"splunkish.alert 5", "splunkish.alert", noon(5)},
			} {
				if c.filter.Matches(event.eventType, event.at) {
					got = append(got, event.name)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOneRunHasToBeAllThatIsAskedFor pins that automation and state are asked of one and the same run.
func TestOneRunHasToBeAllThatIsAskedFor(t *testing.T) {
	runs := []framework.Run{{Automation: "ticket", State: framework.RunDone}, {Automation: "enrich", State: framework.RunDead}}
	for _, c := range []struct {
		name   string
		filter framework.EventFilter
		runs   []framework.Run
		byRuns bool
		want   bool
	}{
		{"nothing is asked of runs", framework.EventFilter{Source: "splunk"}, nil, false, true},
		{"an automation", framework.EventFilter{Automation: "ticket"}, runs, true, true},
		{"a state", framework.EventFilter{State: framework.RunDead}, runs, true, true},
		{"both of one run", framework.EventFilter{Automation: "enrich", State: framework.RunDead}, runs, true, true},
		{"each of another run", framework.EventFilter{Automation: "ticket", State: framework.RunDead}, runs, true, false},
		{"no run at all", framework.EventFilter{State: framework.RunDead}, nil, true, false},
		{"another automation", framework.EventFilter{Automation: "tick"}, runs, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.filter.MatchesRuns(c.runs); got != c.want || c.filter.ByRuns() != c.byRuns {
				t.Errorf("matches %t, by runs %t", got, c.filter.ByRuns())
			}
		})
	}
}

func TestLettersAreChosenByAllThatIsAskedFor(t *testing.T) {
	letter := framework.DeadLetter{Automation: "enrich", Job: "virustotal", Service: "virustotal", Reason: "virustotal: look up: The key is REFUSED", GivenUpAt: noon(5)}
	for _, c := range []struct {
		name   string
		filter framework.LetterFilter
		want   bool
	}{
		{"nothing is asked for", framework.LetterFilter{}, true},
		{"all of it", framework.LetterFilter{Automation: "enrich", Job: "virustotal", Service: "virustotal", Reason: "refused", Since: noon(5), Until: noon(6)}, true},
		{"a part of the reason, in another case", framework.LetterFilter{Reason: "the KEY is"}, true},
		{"what the reason does not say", framework.LetterFilter{Reason: "timeout"}, false},
		{"another automation", framework.LetterFilter{Automation: "enric"}, false},
		{"another job", framework.LetterFilter{Job: "directory"}, false},
		{"another service", framework.LetterFilter{Service: "jira"}, false},
		{"given up before", framework.LetterFilter{Since: noon(6)}, false},
		{"given up just then", framework.LetterFilter{Until: noon(5)}, false},
		{"one of many that does not fit", framework.LetterFilter{Automation: "enrich", Reason: "refused", Service: "jira"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.filter.Matches(letter); got != c.want {
				t.Errorf("matches: %t", got)
			}
			if zero := c.filter.IsZero(); zero != (c.name == "nothing is asked for") {
				t.Errorf("is zero: %t", zero)
			}
		})
	}
}

func TestAnActIsThatOfTheCaller(t *testing.T) {
	request := framework.NewRequest(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), "request-1", nil, nil)
	if diff := cmp.Diff(framework.Act{RequestID: "request-1", Reason: "why"}, framework.ActOf(request, "why")); diff != "" {
		t.Errorf("of nobody (-want +got):\n%s", diff)
	}
	request.Identify("token:ops")
	request.SetClient(netip.MustParseAddr("192.0.2.1"))
	want := framework.Act{Caller: "token:ops", Address: "192.0.2.1", RequestID: "request-1", Reason: "why"}
	if diff := cmp.Diff(want, framework.ActOf(request, "why")); diff != "" {
		t.Errorf("of somebody (-want +got):\n%s", diff)
	}
	if got := (framework.QueueName{Name: "old"}).String() + " " + (framework.QueueName{Name: "old", Source: "splunk"}).String(); got != "old splunk:old" {
		t.Errorf("queues are called %s", got)
	}
	if got := request.PathParam("id"); got != "" {
		t.Errorf("a parameter of no path is %q", got)
	}
}
