package jira_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
	"funnelweb/internal/sandbox/wiki"
)

func jane() sandbox.User {
	return sandbox.User{Email: "jane@lab.example", Name: "Jane Doe", Private: true}
}

// screened is a site with a field of each kind.
func screened(o *sandbox.Options) {
	o.Users = []sandbox.User{
		jane(),
		{Email: "bob@lab.example", Name: "Bob Roe"},
		{Email: "bob2@lab.example", Name: "Bob Roe"},
	}
	o.OffScreen = []sandbox.Field{{ID: "customfield_10099", Name: "Hidden", Type: "string", Custom: "textfield"}}
	o.Fields = []sandbox.Field{
		{ID: "assignee", Name: "Assignee", Type: "user"},
		{ID: "priority", Name: "Priority", Type: "priority", Allowed: []string{"High", "Low"}},
		{ID: "customfield_10001", Name: "Severity", Type: "option", Custom: "select", Allowed: []string{"Major", "Minor"}},
		{ID: "customfield_10002", Name: "Score", Type: "number", Custom: "float"},
		{ID: "customfield_10003", Name: "Affected host", Type: "string", Custom: "textfield"},
		{ID: "customfield_10004", Name: "Evidence", Type: "string", Custom: "textarea"},
		{ID: "customfield_10005", Name: "Due", Type: "date", Custom: "datepicker"},
		{ID: "customfield_10006", Name: "Tools", Type: "array", Items: "option", Custom: "multiselect", Allowed: []string{"EDR", "SIEM"}},
		{ID: "customfield_10007", Name: "Tags", Type: "array", Items: "string", Custom: "labels"},
		{ID: "customfield_10008", Name: "Place", Type: "option-with-child", Custom: "cascadingselect", Allowed: []string{"EU > Berlin", "EU > Rome", "US > Austin"}},
		{ID: "customfield_10009", Name: "Owners", Type: "array", Items: "user", Custom: "multiuserpicker"},
		{ID: "customfield_10010", Name: "Twice", Type: "string", Custom: "textfield"},
		{ID: "customfield_10011", Name: "Twice", Type: "string", Custom: "textfield"},
		{ID: "customfield_10012", Name: "Sprint", Type: "json", Custom: "gh-sprint"},
	}
}

func with(fields ...framework.TicketField) framework.NewTicket {
	ticket := alert()
	ticket.Fields = fields
	return ticket
}

func set(name string, values ...string) framework.TicketField {
	return framework.TicketField{Name: name, Values: values}
}

func TestFieldsAreSetByNameInTheFormOfTheirTypes(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, screened)
		ticket := with(
			set("Severity", "major"), set("Score", " 7.50 "), set("Affected host", "WS-042\n[~admin]"), set("Evidence", "one\n[~admin]"),
			set("due", "1795175940"), set("Tools", "EDR", "", "SIEM"), set("Tags", "two words", "b"), set("Place", "EU > Rome"),
			set("Owners", "jane@lab.example"), set("customfield_10010", " "),
		)
		ticket.Priority, ticket.Assignee = "high", "jane@lab.example"
		issue, _ := site.Issue(must(site.client.Create(t.Context(), ticket))(t))
		got := map[string]string{}
		for id, value := range issue.Fields {
			got[id] = string(value)
		}
		who, line := fmt.Sprintf(`{"accountId":%q}`, jane().AccountID()), `"WS-042 [~admin]"`
		if flavor == jira.DataCenter {
			who, line = `{"name":"jane"}`, `"WS-042 \\[\\~admin\\]"` // where it is rendered
		}
		want := map[string]string{
			"assignee": who, "priority": `{"id":"1"}`, "customfield_10001": `{"id":"20100"}`, "customfield_10002": "7.50", "customfield_10003": line,
			"customfield_10004": `"one\n\\[\\~admin\\]"`, "customfield_10005": `"2026-11-20"`, "customfield_10006": `[{"id":"20600"},{"id":"20601"}]`,
			"customfield_10007": `["two_words","b"]`, "customfield_10008": `{"child":{"id":"20801"},"id":"30800"}`, "customfield_10009": "[" + who + "]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		if issue.Description != "user jdoe on WS-042" {
			t.Errorf("the description is %q", issue.Description)
		}
	})
}

// What an event holds must not keep its ticket from being made.
func TestAValueThatAFieldDoesNotTakeIsLeftOutAndTold(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, screened)
		for name, test := range map[string]struct {
			ticket framework.NewTicket
			note   string
		}{
			"no such option":         {with(set("Severity", "[~admin]")), `The field Severity was not set: "[~admin]" is not one of its values: Major, Minor.`},
			"no number":              {with(set("Score", "high")), `The field Score was not set: "high" is not a number.`},
			"no time":                {with(set("Due", "soon")), `The field Due was not set: "soon" is not a time such as 2026-11-20T12:00:00Z.`},
			"several values for one": {with(set("Severity", "Major", "Minor")), "The field Severity was not set: it takes one value, and there are 2."},
			"another parent's child": {with(set("Place", "US > Rome")), `The field Place was not set: "Rome" is not one of its values: Austin.`},
			"nobody of that address": {with(set("Owners", "eve@lab.example")), `The field Owners was not set: nobody called "eve@lab.example" can be assigned tickets of SEC.`},
			"no such priority": {func() framework.NewTicket {
				ticket := alert()
				ticket.Priority = "Urgent"
				return ticket
			}(), `The field Priority was not set: "Urgent" is not one of its values: High, Low.`},
		} {
			issue, _ := site.Issue(must(site.client.Create(t.Context(), test.ticket))(t))
			if got := wiki.Text(issue.Description); got != test.note+"\n\nuser jdoe on WS-042" || len(issue.Fields) != 0 {
				t.Errorf("%s: the description is %q, fields %v", name, got, issue.Fields)
			}
			if live := wiki.Active(issue.Description); len(live) != 0 {
				t.Errorf("%s: live %v", name, live)
			}
		}
	})
}

func TestAMistakeWithAFieldNamesIt(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, screened)
		has := "Affected host, Assignee, Description, Due, Evidence, Issue Type, Labels, Owners, Place, Priority, Project, Score, Severity, Sprint, Summary, Tags, Tools, Twice"
		typo := with(set("Score", "1"))
		typo.Type = "Tusk"
		for name, test := range map[string]struct {
			ticket framework.NewTicket
			op     string
			reason string
		}{
			"a field that there is not":      {with(set("Severty", "x")), "create issue", "there is no field Severty; SEC/Task has " + has},
			"a field that is on no screen":   {with(set("hidden", "x")), "create issue", "the field hidden (customfield_10099) is not on the create screen of SEC/Task: add it there, or leave it out"},
			"a name that two fields have":    {with(set("Twice", "x")), "create issue", "the name Twice has more than one field, give the id of one: customfield_10010, customfield_10011"},
			"a type that cannot be set":      {with(set("Sprint", "x")), "create issue", "the field Sprint (customfield_10012) is of the type json, which cannot be set here"},
			"an issue type that there isn't": {typo, "read the create screen", "the project SEC has no issue type Tusk; it has Task, Incident"},
		} {
			_, err := site.client.Create(t.Context(), test.ticket)
			want := &framework.ServiceError{Service: "jira", Op: test.op, Reason: test.reason, Permanent: true}
			if diff := diffFailure(want, err); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if got := len(site.Issues()); got != 0 {
			t.Errorf("%d tickets were made", got)
		}
	})
}

func TestARequiredFieldThatIsNotSetIsNamedBeforeJiraIsAsked(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, func(o *sandbox.Options) {
			screened(o)
			o.Fields[2].Required, o.Fields[4].Required = true, true
		})
		for name, test := range map[string]struct {
			ticket framework.NewTicket
			reason string
		}{
			"not configured":      {with(set("Affected host", "WS-042")), "SEC/Task requires what is not set or blank: Severity (customfield_10001); add it under fields"},
			"blank for the event": {with(set("Affected host", " "), set("Severity", "")), "SEC/Task requires what is not set or blank: Severity (customfield_10001), Affected host (customfield_10003); add it under fields"},
			"of a wrong value":    {with(set("Affected host", "x"), set("Severity", "x")), `the field Severity (customfield_10001) is required and cannot be set: "x" is not one of its values: Major, Minor`},
		} {
			_, err := site.client.Create(t.Context(), test.ticket)
			want := &framework.ServiceError{Service: "jira", Op: "create issue", Reason: test.reason, Permanent: true}
			if diff := diffFailure(want, err); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// Without fields the screen is read only once Jira has refused: Jira names fields by their ids, and not what to do.
func TestARequiredFieldThatJiraMissesIsNamedWithWhatToConfigure(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, func(o *sandbox.Options) {
			screened(o)
			o.Fields[2].Required = true
		})
		_, err := site.client.Create(t.Context(), alert())
		want := &framework.ServiceError{
			Service: "jira", Op: "create issue", Status: 400, Permanent: true,
			Reason: "Jira refuses the request: Severity (customfield_10001): Severity is required.; SEC/Task requires what is not set or blank: Severity (customfield_10001); add it under fields",
		}
		if diff := diffFailure(want, err); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// The refusal is told all the same where the screen cannot be read.
		site.Faults().Add(fault.Fault{Match: "GET /rest/api/2/issue/createmeta/", Status: 500})
		_, err = site.client.Create(t.Context(), alert())
		want.Reason = "Jira refuses the request: customfield_10001: Severity is required."
		if diff := diffFailure(want, err); diff != "" {
			t.Errorf("without a screen (-want +got):\n%s", diff)
		}
	})
}

func TestTheScreenIsReadOnceUntilItIsOldOrATicketIsRefused(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, screened)
		site.Faults().Add(fault.Fault{Match: "GET /rest/api/2/issue/createmeta/", Latency: time.Nanosecond}) // counts
		made := func(want int) {
			t.Helper()
			before := site.Faults().Hits()
			must(site.client.Create(t.Context(), with(set("Score", "1"))))(t)
			if got := site.Faults().Hits() - before; got != want {
				t.Errorf("the screen was asked for %d times, want %d", got, want)
			}
		}
		made(2) // the types, and the fields of one
		made(0)
		site.clock.Advance(10 * time.Minute)
		made(2)
		refused := with(set("Score", "1"))
		refused.Summary = ""
		before := site.Faults().Hits()
		if _, err := site.client.Create(t.Context(), refused); !framework.IsPermanent(err) || site.Faults().Hits()-before != 2 {
			t.Errorf("got %v, and the screen was asked for %d times, want 2", err, site.Faults().Hits()-before)
		}
		made(0)
	})
}

func TestWhoIsAssignedIsFoundAsTheFlavourKnowsUsers(t *testing.T) {
	t.Parallel()
	cloud := map[string]string{
		"jane@lab.example": fmt.Sprintf(`{"accountId":%q}`, jane().AccountID()), "JANE DOE": fmt.Sprintf(`{"accountId":%q}`, jane().AccountID()),
		jane().AccountID(): fmt.Sprintf(`{"accountId":%q}`, jane().AccountID()), "Bob Roe": "", "bob@lab.example": fmt.Sprintf(`{"accountId":%q}`, sandbox.User{Email: "bob@lab.example"}.AccountID()), "Jan": "",
	}
	center := map[string]string{"jane": `{"name":"jane"}`, "bob@lab.example": `{"name":"bob"}`, "jane@lab.example": `{"name":"jane"}`, "eve@lab.example": ""}
	for flavor, tests := range map[string]map[string]string{jira.Cloud: cloud, jira.DataCenter: center} {
		site := newSite(t, flavor, screened)
		for who, want := range tests {
			ticket := alert()
			ticket.Assignee = who
			issue, _ := site.Issue(must(site.client.Create(t.Context(), ticket))(t))
			told := strings.HasPrefix(issue.Description, "The field Assignee was not set: ")
			if got := string(issue.Fields["assignee"]); got != want || told != (want == "") {
				t.Errorf("%s, %s: assigned to %s, want %s; %s", flavor, who, got, want, issue.Description)
			}
		}
	}
}

// Who may not look for people still makes the ticket.
func TestAPermissionThatIsMissingToFindPeopleIsToldOnTheTicket(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, screened)
		site.Faults().Add(fault.Fault{Match: "GET /rest/api/2/user/assignable/search", Status: 403})
		ticket := alert()
		ticket.Assignee = "jane@lab.example"
		issue, _ := site.Issue(must(site.client.Create(t.Context(), ticket))(t))
		want := "The field Assignee was not set: the user of the token may not look for people: it needs the global permission Browse users and groups."
		if !strings.HasPrefix(issue.Description, want) {
			t.Errorf("told %q", issue.Description)
		}
		site.Faults().Clear()
		site.Faults().Add(fault.Fault{Match: "GET /rest/api/2/user/assignable/search", Status: 503})
		if _, err := site.client.Create(t.Context(), ticket); framework.Reason(err) != "jira: find user: Jira is not available (status 503)" {
			t.Errorf("got %v", err)
		}
	})
}

func TestAScreenThatIsNotJirasIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a page":                   "<html>",
		"another list":             `{"things":[]}`,
		"a type's id leads astray": `{"values":[{"id":"../../myself","name":"Task"}],"total":1}`,
	} {
		var created atomic.Bool
		client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
			created.Store(created.Load() || r.Method == http.MethodPost || !strings.HasSuffix(r.URL.Path, "/issuetypes"))
			answers(200, nil, body)(w, r)
		})
		if _, err := client.Create(t.Context(), with(set("Score", "1"))); err == nil || framework.MayHaveHappened(err) || created.Load() {
			t.Errorf("%s: %v, called elsewhere: %v", name, err, created.Load())
		}
	}
}

// A screen of thousands of fields, with allowed values of every form, is read in pages to its end and no further.
func TestAHugeOrOddScreenIsBounded(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if strings.HasSuffix(r.URL.Path, "/issuetypes") {
			answers(200, nil, `{"issueTypes":[{"id":"1","name":"Task"}],"total":1}`)(w, r)
			return
		}
		fields := make([]map[string]any, 200)
		for i := range fields {
			fields[i] = map[string]any{"fieldId": fmt.Sprintf("x%d-%d", calls.Load(), i), "name": strings.Repeat("n", 50), "schema": map[string]any{"type": "any"}, "allowedValues": []any{1, "x", nil, []int{}}}
		}
		body, _ := json.Marshal(map[string]any{"fields": fields, "total": 1 << 40})
		answers(200, nil, string(body))(w, r)
	})
	_, err := client.Create(t.Context(), with(set("x2-0", "1")))
	if got := calls.Load(); got != 11 || !strings.Contains(framework.Reason(err), "of the type any") {
		t.Errorf("%d calls, %v", got, err)
	}
}
