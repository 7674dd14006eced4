package ticket_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"funnelweb/actions/ticket"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// everything is a configuration in which each step after the creation is taken.
func everything(c *ticket.Config) {
	c.EventsURL, c.Transition = "https://automation.example.com/api/v1/events/", "In Progress"
	c.Priority = `{{if eq .result.user "jdoe"}}High{{end}}`
	c.Assignee = "jane@lab.example"
	c.Fields = map[string]ticket.Texts{"Severity": {"Major"}, "Affected hosts": {"{{.result.host}}", "{{.nothing}}"}}
}

func TestFieldsPriorityAndAssigneeAreTheTickets(t *testing.T) {
	t.Parallel()
	s := newStage(t, everything)
	s.run(t, job(t, malware))
	got := s.tickets.Tickets()[0].NewTicket
	got.Description, got.Labels = nil, nil
	want := framework.NewTicket{
		Project: "SEC", Type: "Task", Summary: "Malware found on host", Priority: "High", Assignee: "jane@lab.example",
		Fields: []framework.TicketField{{Name: "Affected hosts", Values: []string{"WS-042", ""}}, {Name: "Severity", Values: []string{"Major"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	if s.log.Len() != 0 {
		t.Errorf("logged %s", s.log)
	}
}

func TestTheTicketLeadsToItsEventAndIsMoved(t *testing.T) {
	t.Parallel()
	s := newStage(t, everything)
	job := job(t, malware)
	s.run(t, job)
	s.run(t, job)
	made := s.tickets.Tickets()[0]
	want := []framework.TicketLink{{
		ID: "funnelweb=" + job.Event.ID, URL: "https://automation.example.com/api/v1/events/" + job.Event.ID, Title: "Funnelweb event " + job.Event.ID,
	}}
	if diff := cmp.Diff(want, made.Links); diff != "" || made.Status != "In Progress" {
		t.Errorf("it is %s, links (-want +got):\n%s", made.Status, diff)
	}
	calls := []string{"Create SEC", "AddLink SEC-1 " + want[0].ID, "Status SEC-1", "Status SEC-1", "Move SEC-1 In Progress"}
	if diff := cmp.Diff(calls, s.tickets.Calls()); diff != "" {
		t.Errorf("calls, which a second delivery adds nothing to (-want +got):\n%s", diff)
	}
}

func TestATicketThatAPersonMovedMeanwhileStaysThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, everything)
	job := job(t, malware)
	s.tickets.CommitThenFailNext(frameworktest.Move, ambiguous()) // it came through
	if _, err := s.Do(t.Context(), job); err == nil {
		t.Fatal("the answer was not lost")
	}
	if _, err := s.tickets.Move(t.Context(), "SEC-1", "Done"); err != nil {
		t.Fatal(err)
	}
	s.run(t, job)
	if got := s.tickets.Tickets()[0].Status; got != "Done" {
		t.Errorf("it is %s", got)
	}
}

func TestWhatTheDescriptionHasNoRoomForIsAttached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data string
		want []string
	}{
		"all of it is shown":     {malware, nil},
		"the JSON is cut":        {`{"search_name":"x","list":[` + strings.TrimSuffix(strings.Repeat(`"é",`, 5_000), ",") + `]}`, []string{"event.json"}},
		"fields are left away":   {`{"search_name":"x","` + strings.Repeat("a", 9_000) + `":"b"}`, []string{"event.json"}},
		"the ticket has no room": {`{"search_name":"x","a":"` + strings.Repeat("é", 13_900) + `"}`, []string{"event.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, func(c *ticket.Config) { c.Description = strings.Repeat("d", 7_999) })
			job := job(t, test.data)
			s.run(t, job)
			made := s.tickets.Tickets()[0]
			var names []string
			for _, file := range made.Files {
				names = append(names, file.Name)
				if string(file.Body) != string(job.Event.Data) {
					t.Errorf("%s has %d bytes, the event %d", file.Name, len(file.Body), len(job.Event.Data))
				}
			}
			if diff := cmp.Diff(test.want, names); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if told := strings.Contains(show(made.Description), "All of it is in the attached event.json."); told != (test.want != nil) {
				t.Errorf("told on the ticket: %v", told)
			}
		})
	}
}

func TestAFailureAfterTheCreationSaysThatThereIsATicket(t *testing.T) {
	t.Parallel()
	s := newStage(t, everything)
	refused := &framework.ServiceError{Service: "jira", Op: "move ticket", Reason: "no transition In Progress leads from the status To Do", Permanent: true}
	s.tickets.FailNext(frameworktest.Move, refused)
	_, err := s.Do(t.Context(), job(t, malware))
	want := "jira: move ticket: SEC-1 was made, and then: no transition In Progress leads from the status To Do"
	if framework.Reason(err) != want || !framework.IsPermanent(err) {
		t.Errorf("got %q", framework.Reason(err))
	}
}

// Whatever answers are lost or refused, and however often the event is delivered, there is one ticket with one link, one file
// of each name, in its status. Jira spaces the writes, so that each attempt gets one step further at most.
func TestEachStepIsTakenOnceWhateverIsLost(t *testing.T) {
	t.Parallel()
	long := `{"search_name":"x","list":"` + strings.Repeat("é", 20_000) + `"}`
	rapid.Check(t, func(r *rapid.T) {
		s := newStage(t, everything)
		for _, call := range []frameworktest.TicketCall{
			frameworktest.Create, frameworktest.AddLink, frameworktest.AddFile, frameworktest.FindFile, frameworktest.Status, frameworktest.Move, frameworktest.FindByLabel,
		} {
			for range rapid.IntRange(0, 3).Draw(r, string(call)) {
				switch rapid.IntRange(0, 3).Draw(r, "fate") {
				case 0:
					s.tickets.FailNext(call, nil)
				case 1:
					s.tickets.FailNext(call, &framework.Wait{Until: s.clock.Now(), Reason: "too fast"})
				case 2:
					s.tickets.FailNext(call, &framework.ServiceError{Service: "jira", Reason: "down"})
				default:
					s.tickets.CommitThenFailNext(call, ambiguous())
				}
			}
		}
		job := job(t, long)
		for range 2 {
			s.untilDone(t, job)
		}
		made := s.tickets.Tickets()
		if len(made) != 1 || len(made[0].Links) != 1 || len(made[0].Files) != 1 || made[0].Status != "In Progress" {
			r.Fatalf("%d tickets; %d links, %d files, %s", len(made), len(made[0].Links), len(made[0].Files), made[0].Status)
		}
	})
}

// untilDone does a job as the engine would, over more attempts than run.
func (s stage) untilDone(t *testing.T, job framework.Job) {
	t.Helper()
	var err error
	for range 40 {
		if _, err = s.Do(t.Context(), job); err == nil {
			return
		}
		s.clock.Advance(1e9)
		if wait, ok := errors.AsType[*framework.Wait](err); ok && wait.Until.After(s.clock.Now()) {
			s.clock.Advance(wait.Until.Sub(s.clock.Now()))
		}
	}
	t.Fatalf("40 attempts were not enough: %v, %v", err, s.tickets.Calls())
}

func TestMistakesInFurtherFieldsAreNamed(t *testing.T) {
	t.Parallel()
	deps := frameworktest.Deps(t)
	deps.Tickets = new(frameworktest.RecordingTickets)
	config := ticket.Defaults()
	config.Project, config.Priority, config.EventsURL = "SEC", "{{", "javascript:alert(1)"
	config.Fields = map[string]ticket.Texts{"Summary": {"x"}, "Severity": nil, "Host": {"ok", "{{.a"}, "": {"x"}}
	_, err := ticket.New(config, deps)
	want := []string{
		"events_url: is an absolute https or http address without a query, such as https://automation.example.com/api/v1/events",
		"fields.Host: line 1: unclosed action", "fields.Severity: has no value", "fields.Summary: has a setting of its own",
		"fields: a name is empty or too long", "priority: line 1: unclosed action",
	}
	got := strings.Split(err.Error(), "\n")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestAFieldIsWrittenAsOneTextOrAList(t *testing.T) {
	t.Parallel()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(`{project: SEC, fields: {Severity: Major, Tags: [a, "{{.b}}"]}}`), &node); err != nil {
		t.Fatal(err)
	}
	config := ticket.Defaults()
	if err := framework.DecodeConfig(node.Content[0], "do.ticket", &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]ticket.Texts{"Severity": {"Major"}, "Tags": {"a", "{{.b}}"}}, config.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
