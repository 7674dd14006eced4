package jira_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/internal/jira"
	"funnelweb/internal/sandbox/fault"
	sandbox "funnelweb/internal/sandbox/jira"
)

func TestATicketIsMovedByTheNameOfATransitionOrAStatus(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, nil)
		key := must(site.client.Create(t.Context(), alert()))(t)
		for _, step := range [][2]string{{"start WORK", "In Progress"}, {"in progress", "In Progress"}, {"Done", "Done"}, {"Reopen", "To Do"}} {
			got := must(site.client.Move(t.Context(), key, step[0]))(t)
			read := must(site.client.Status(t.Context(), key))(t)
			if issue, _ := site.Issue(key); got != step[1] || read != step[1] || issue.Status != step[1] {
				t.Errorf("%s leads to %s, read %s, it is %s", step[0], got, read, issue.Status)
			}
		}
		_, err := site.client.Move(t.Context(), key, "Close")
		want := &framework.ServiceError{
			Service: "jira", Op: "move ticket", Permanent: true,
			Reason: "no transition Close leads from the status To Do; there are: Start work (to In Progress), Resolve (to Done)",
		}
		if diff := diffFailure(want, err); diff != "" {
			t.Errorf("failure (-want +got):\n%s", diff)
		}
		site.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue/" + key + "/transitions", Status: 409, Times: 1})
		if _, err := site.client.Move(t.Context(), key, "Resolve"); framework.IsPermanent(err) || framework.MayHaveHappened(err) || err == nil {
			t.Errorf("a conflict is %v", err)
		}
	})
}

func TestALinkIsMadeOnceAndReplaced(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, nil)
		key := must(site.client.Create(t.Context(), alert()))(t)
		for _, title := range []string{"one", "two\nlines " + strings.Repeat("😀", 300)} {
			link := framework.TicketLink{ID: "funnelweb=splunk-1", URL: "https://automation.example.com/api/v1/events/splunk-1", Title: title}
			if err := site.client.AddLink(t.Context(), key, link); err != nil {
				t.Fatal(err)
			}
		}
		issue, _ := site.Issue(key)
		if len(issue.RemoteLinks) != 1 || !strings.HasPrefix(string(issue.RemoteLinks[0].Object), `{"url":"https://automation.example.com/api/v1/events/splunk-1","title":"two lines 😀`) {
			t.Errorf("links %+v", issue.RemoteLinks)
		}
		for _, wrong := range []framework.TicketLink{
			{ID: "a", URL: "javascript:alert(1)"}, {ID: "a", URL: "/browse/SEC-1"}, {URL: "https://x.example"}, {ID: strings.Repeat("x", 256), URL: "https://x.example"},
		} {
			if err := site.client.AddLink(t.Context(), key, wrong); !framework.IsPermanent(err) {
				t.Errorf("%v: %v", wrong, err)
			}
		}
	})
}

func TestAFileIsAttachedAndFoundAgain(t *testing.T) {
	t.Parallel()
	flavors(t, func(t *testing.T, flavor string) {
		t.Helper()
		site := newSite(t, flavor, nil)
		key := must(site.client.Create(t.Context(), alert()))(t)
		if id := must(site.client.FindFile(t.Context(), key, "rows.csv"))(t); id != "" {
			t.Errorf("found %q before there was a file", id)
		}
		file := framework.TicketFile{Name: "rows.csv", Type: "text/csv", Body: []byte("\"a\"\r\n--boundary\r\n\x00")}
		id := must(site.client.AddFile(t.Context(), key, file))(t)
		if found := must(site.client.FindFile(t.Context(), key, "rows.csv"))(t); found != id {
			t.Errorf("found %q, want %q", found, id)
		}
		issue, _ := site.Issue(key)
		got := framework.TicketFile{Name: issue.Attachments[0].Name, Type: issue.Attachments[0].Type, Body: issue.Attachments[0].Body}
		if diff := cmp.Diff(file, got); diff != "" || len(issue.Attachments) != 1 {
			t.Errorf("%d files (-want +got):\n%s", len(issue.Attachments), diff)
		}
		for _, name := range []string{"", "../x", "a b", "x\r\ny", "a\"b", ".htaccess", strings.Repeat("x", 101)} {
			if _, err := site.client.AddFile(t.Context(), key, framework.TicketFile{Name: name}); !framework.IsPermanent(err) {
				t.Errorf("the name %q: %v", name, err)
			}
		}
	})
}

func TestAFileThatJiraDoesNotTakeIsNotSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit  int
		reason string
	}{
		"too large":  {99, "the file rows.csv has 100 bytes, and this Jira takes 99"},
		"turned off": {-1, "attachments are turned off in this Jira"},
	} {
		site := newSite(t, jira.Cloud, func(o *sandbox.Options) { o.UploadLimit = test.limit })
		key := must(site.client.Create(t.Context(), alert()))(t)
		site.Faults().Add(fault.Fault{Match: "POST /", Status: 500}) // is not met
		_, err := site.client.AddFile(t.Context(), key, framework.TicketFile{Name: "rows.csv", Type: "text/csv", Body: bytes.Repeat([]byte("x"), 100)})
		want := &framework.ServiceError{Service: "jira", Op: "attach file", Reason: test.reason, Permanent: true}
		if diff := diffFailure(want, err); diff != "" || site.Faults().Hits() != 0 {
			t.Errorf("%s, %d calls (-want +got):\n%s", name, site.Faults().Hits(), diff)
		}
	}
}

func TestARefusedWriteNamesThePermissionThatIsMissing(t *testing.T) {
	t.Parallel()
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/rest/api/2/attachment/meta":
			answers(200, nil, `{"enabled":true,"uploadLimit":100}`)(w, r)
		case r.URL.RawQuery == "fields=status&expand=transitions":
			answers(200, nil, `{"fields":{"status":{"name":"To Do"}},"transitions":[{"id":"1","name":"Go","to":{"name":"Done"}}]}`)(w, r)
		default:
			answers(403, nil, `{"errorMessages":[]}`)(w, r)
		}
	})
	ctx := t.Context()
	_, create := client.Create(ctx, alert())
	_, add := client.AddComment(ctx, "SEC-1", "m", nil)
	_, find := client.FindComment(ctx, "SEC-1", "m")
	_, file := client.AddFile(ctx, "SEC-1", framework.TicketFile{Name: "a"})
	_, moved := client.Move(ctx, "SEC-1", "Go")
	_, assigned := client.Create(ctx, framework.NewTicket{Project: "SEC", Type: "Task", Assignee: "x@example.com"})
	for permission, err := range map[string]error{
		"Create Issues": create, "Add Comments": add, "Browse Projects": find, "Create Attachments": file, "Transition Issues": moved,
		"Edit Own Comments": client.EditComment(ctx, "SEC-1", "1", "m", nil),
		"Link Issues":       client.AddLink(ctx, "SEC-1", framework.TicketLink{ID: "a", URL: "https://x.example"}),
	} {
		if reason := framework.Reason(err); !strings.HasSuffix(reason, "it needs the permission "+permission+" in the project (status 403)") || !framework.IsPermanent(err) {
			t.Errorf("%s: %v", permission, err)
		}
	}
	if !framework.IsPermanent(assigned) {
		t.Errorf("got %v", assigned)
	}
}

// Cloud may leave away what the user may not see and give an empty page before one that is not.
func TestTheSearchGoesOnBehindEmptyPages(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := serve(t, jira.Config{}, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch token := r.URL.Query().Get("nextPageToken"); token {
		case "":
			answers(200, nil, `{"issues":[],"nextPageToken":"a&b","isLast":false}`)(w, r)
		case "a&b":
			answers(200, nil, `{"issues":[{"key":"SEC-7"}],"isLast":true}`)(w, r)
		default:
			t.Errorf("asked for the page %q", token)
		}
	})
	if got := must(client.FindByLabel(t.Context(), "SEC", "fw-a"))(t); got != "SEC-7" || calls.Load() != 2 {
		t.Errorf("found %q after %d calls", got, calls.Load())
	}
	endless := serve(t, jira.Config{}, answers(200, nil, `{"issues":[],"nextPageToken":"x"}`))
	if _, err := endless.FindByLabel(t.Context(), "SEC", "fw-a"); framework.IsPermanent(err) || err == nil {
		t.Errorf("pages without end: %v", err) // "no ticket" would make a second one
	}
}
