package jira_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
)

// severe has a screen with one required field.
func severe(options *sandbox.Options) {
	options.Fields = []sandbox.Field{
		{ID: "customfield_1", Name: "Severity", Type: "string", Custom: "textfield", Required: true},
		{ID: "assignee", Name: "Assignee", Type: "user"},
	}
	options.OffScreen = []sandbox.Field{{ID: "customfield_2", Name: "Elsewhere", Type: "string", Custom: "textfield"}}
}

func goodPlan() framework.TicketPlan {
	return framework.TicketPlan{Project: "SEC", Type: "Task", Fields: []framework.TicketField{{Name: "severity"}}}
}

// lines writes what was tried as people read it, without the times.
func lines(tried []framework.Probed) []string {
	var all []string
	for _, one := range tried {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %t: %s -> %s", one.Name, one.OK, one.Detail, one.Advice), " -> "))
	}
	return all
}

func TestASiteAndAPlanThatWork(t *testing.T) {
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		s := newSite(t, flavor, severe)
		got := lines(append(s.client.Probe(t.Context()), s.client.ProbeTickets(t.Context(), goodPlan())...))
		who, version := "bot@", "1001.0.0-SNAPSHOT"
		if flavor == jira.DataCenter {
			version = "10.3.1"
		}
		if len(got) == 0 || !strings.Contains(got[0], who) {
			t.Fatalf("it does not tell who is signed in: %q", got)
		}
		want := []string{
			"flavor true: " + flavor + ", Jira " + version,
			"project SEC true: may Browse Projects, Create Issues, Add Comments, Edit Own Comments, Create Attachments",
			"new Task in SEC true: 7 fields on the screen, all that are required are set",
		}
		if diff := cmp.Diff(want, got[1:]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if made := s.Issues(); len(made) != 0 {
			t.Errorf("looking made %d tickets", len(made))
		}
	})
}

func TestWhatDoesNotWorkIsSaidWithWhatToDo(t *testing.T) {
	lacking := func(keys ...string) fault.Fault {
		var entries []string
		for _, key := range []string{"BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "EDIT_OWN_COMMENTS", "CREATE_ATTACHMENTS", "TRANSITION_ISSUES", "LINK_ISSUES", "ASSIGN_ISSUES"} {
			entries = append(entries, fmt.Sprintf(`"%s":{"havePermission":%t}`, key, !strings.Contains(strings.Join(keys, " "), key)))
		}
		return fault.Fault{Match: "GET /rest/api/2/mypermissions", Status: http.StatusOK, Body: `{"permissions":{` + strings.Join(entries, ",") + `}}`}
	}
	const grant = " -> grant it in the permission scheme of the project, to a role or group that the user is in"
	const unseen = "false: there is no project %s, or the user of the token may not see it -> correct the key, or grant the user Browse Projects in the permission scheme of the project"
	cases := []struct {
		name  string
		plan  func(*framework.TicketPlan)
		fault fault.Fault
		want  string // the last line
		count int
	}{
		{"an expired token", nil, fault.Fault{Match: "GET /rest/api/2/myself", Status: http.StatusUnauthorized}, "sign in false: jira: sign in: the user or token is not accepted: check jira.user and jira.token (tokens expire) (status 401)", 1},
		{"a login page", nil, fault.Fault{Match: "GET /rest/api/2/myself", HTML: true}, "sign in false: jira: sign in: the answer is not Jira's (a login or proxy page?) (status 200)", 1},
		{"the other flavour", nil, fault.Fault{Match: "GET /rest/api/2/serverInfo", Status: http.StatusOK, Body: `{"deploymentType":"Server","version":"10.3.1"}`}, "flavor false: this site is datacenter and the configuration says cloud -> set jira.flavor to datacenter", 2},
		{"no such project", func(p *framework.TicketPlan) { p.Project = "NOPE" }, fault.Fault{}, "project NOPE " + fmt.Sprintf(unseen, "NOPE"), 3},
		{"a project that may not be seen", nil, lacking("BROWSE_PROJECTS"), "project SEC " + fmt.Sprintf(unseen, "SEC"), 3},
		{"no right to create", nil, lacking("CREATE_ISSUES"), "project SEC false: the user of the token lacks Create Issues" + grant, 4},
		{"no right to what else is planned", func(p *framework.TicketPlan) { p.Assignee, p.Transition, p.Links = "x", "Start", true }, lacking("ASSIGN_ISSUES", "TRANSITION_ISSUES", "LINK_ISSUES"), "project SEC false: the user of the token lacks Assign Issues, Transition Issues, Link Issues" + grant, 4},
		{"no such issue type", func(p *framework.TicketPlan) { p.Type = "Story" }, fault.Fault{}, "new Story in SEC false: jira: read the create screen: the project SEC has no issue type Story; it has Task, Incident", 4},
		{"no such field", func(p *framework.TicketPlan) { p.Fields = append(p.Fields, framework.TicketField{Name: "Colour"}) }, fault.Fault{}, "new Task in SEC false: jira: read the create screen: there is no field Colour; SEC/Task has Assignee, Description, Issue Type, Labels, Project, Severity, Summary", 4},
		{"a field of another screen", func(p *framework.TicketPlan) { p.Fields = append(p.Fields, framework.TicketField{Name: "Elsewhere"}) }, fault.Fault{}, "new Task in SEC false: jira: read the create screen: the field Elsewhere (customfield_2) is not on the create screen of SEC/Task: add it there, or leave it out", 4},
		{"a required field", func(p *framework.TicketPlan) { p.Fields = nil }, fault.Fault{}, "new Task in SEC false: jira: read the create screen: SEC/Task requires what is not set or blank: Severity (customfield_1); add it under fields", 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, jira.Cloud, severe)
			plan := goodPlan()
			if c.plan != nil {
				c.plan(&plan)
			}
			if c.fault.Match != "" {
				s.Faults().Add(c.fault)
			}
			got := lines(s.client.Probe(t.Context()))
			if c.count > 2 {
				got = append(got, lines(s.client.ProbeTickets(t.Context(), plan))...)
			}
			found := false
			for _, line := range got {
				found = found || line == c.want
			}
			if !found || len(got) != c.count {
				t.Errorf("%d lines, want %d with\n%s\ngot\n%s", len(got), c.count, c.want, strings.Join(got, "\n"))
			}
			frameworktest.LeaksNoSecret(t, canary, strings.Join(got, "\n"))
		})
	}
}

// choosy has fields that take few values, and a user.
func choosy(options *sandbox.Options) {
	options.Users = []sandbox.User{{Email: "jdoe@lab.example", Name: "Jane Doe"}}
	options.Fields = []sandbox.Field{
		{ID: "priority", Name: "Priority", Type: "priority", Allowed: []string{"High", "Low"}},
		{ID: "customfield_1", Name: "Severity", Type: "option", Custom: "select", Allowed: []string{"major"}, Required: true},
		{ID: "customfield_2", Name: "Count", Type: "number", Custom: "float"},
		{ID: "assignee", Name: "Assignee", Type: "user"},
	}
}

func TestWhatAFieldDoesNotTakeIsSaidBeforehand(t *testing.T) {
	one := func(name string, values ...string) framework.TicketField {
		return framework.TicketField{Name: name, Values: values}
	}
	const fine, without = "true: 9 fields on the screen, all that are required are set", " -> tickets will go without these, and say so: "
	cases := []struct {
		name   string
		flavor string // both when empty
		fields []framework.TicketField
		change func(*framework.TicketPlan)
		want   string
	}{
		{name: "values that fit", fields: []framework.TicketField{one("severity", "Major"), one("priority", "low"), one("Count", "7")}, want: fine},
		{name: "values that an event decides", fields: []framework.TicketField{one("severity"), one("priority")}, want: fine},
		{name: "a priority that is not there", fields: []framework.TicketField{one("severity", "major"), one("priority", "Urgent")}, want: fine + without + `Priority: "Urgent" is not one of its values: High, Low`},
		{name: "a number that is none, and nobody", fields: []framework.TicketField{one("severity", "major"), one("Count", "many")}, change: func(p *framework.TicketPlan) { p.Assignee = "gone@lab.example" }, want: fine + without + `Count: "many" is not a number; Assignee: nobody called "gone@lab.example" can be assigned tickets of SEC`},
		{name: "a required one that does not fit", fields: []framework.TicketField{one("severity", "dire")}, want: "false: jira: read the create screen: the field Severity (customfield_1) is required and cannot be set: \"dire\" is not one of its values: major"},
		{name: "somebody by mail", fields: []framework.TicketField{one("severity")}, change: func(p *framework.TicketPlan) { p.Assignee = "jdoe@lab.example" }, want: fine},
		{name: "somebody by account id", flavor: jira.Cloud, fields: []framework.TicketField{one("severity")}, change: func(p *framework.TicketPlan) { p.Assignee = sandbox.User{Email: "jdoe@lab.example"}.AccountID() }, want: fine},
		{name: "somebody by user name", flavor: jira.DataCenter, fields: []framework.TicketField{one("severity")}, change: func(p *framework.TicketPlan) { p.Assignee = "jdoe" }, want: fine},
		{name: "nobody by user name", flavor: jira.DataCenter, fields: []framework.TicketField{one("severity")}, change: func(p *framework.TicketPlan) { p.Assignee = "gone" }, want: fine + without + `Assignee: nobody called "gone" can be assigned tickets of SEC`},
		{name: "a transition", fields: []framework.TicketField{one("severity")}, change: func(p *framework.TicketPlan) { p.Transition = "Start work" }, want: fine + "; whether Start work leads on from there is seen with the first ticket"},
	}
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		for _, c := range cases {
			if c.flavor != "" && c.flavor != flavor {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				s := newSite(t, flavor, choosy)
				plan := framework.TicketPlan{Project: "SEC", Type: "Task", Fields: c.fields}
				if c.change != nil {
					c.change(&plan)
				}
				got := lines(s.client.ProbeTickets(t.Context(), plan))
				if diff := cmp.Diff("new Task in SEC "+c.want, got[len(got)-1]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if made := s.Issues(); len(made) != 0 {
					t.Errorf("looking made %d tickets", len(made))
				}
			})
		}
	})
}

// What only comments on tickets that others make needs no project and no screen: Jira tells, without a project, whether there is
// one in which we have a right.
func TestWhoOnlyCommentsNeedsTheRightsToThatSomewhere(t *testing.T) {
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		s := newSite(t, flavor, severe)
		want := []string{"tickets of others true: may, in one project at least, Browse Projects, Add Comments, Edit Own Comments, Create Attachments"}
		if diff := cmp.Diff(want, lines(s.client.ProbeTickets(t.Context(), framework.TicketPlan{}))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.Faults().Add(fault.Fault{Match: "GET /rest/api/2/mypermissions", Status: http.StatusOK, Body: `{"permissions":{"BROWSE_PROJECTS":{"havePermission":true},"EDIT_OWN_COMMENTS":{"havePermission":true}}}`})
		want = []string{"tickets of others false: the user of the token lacks, in every project, Add Comments, Create Attachments -> grant it in the permission scheme of the projects, to a role or group that the user is in"}
		if diff := cmp.Diff(want, lines(s.client.ProbeTickets(t.Context(), framework.TicketPlan{}))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
