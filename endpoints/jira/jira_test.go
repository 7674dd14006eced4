package jira_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/endpoints/jira"
	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const (
	path       = "/api/v1/jira/webhook"
	identifier = "X-Atlassian-Webhook-Identifier"
	created    = `{"timestamp":1763640000123,"webhookEvent":"jira:issue_created","user":{"accountId":"a1"},` +
		`"issue":{"id":"10001","self":"https://example.atlassian.net/rest/api/2/10001","key":"SEC-1","fields":{"labels":["funnelweb"]}}}`
)

// webhook is the endpoint as the server runs it, over a publisher that a test looks into.
type webhook struct {
	http.Handler
	events *frameworktest.MemoryPublisher
	log    *frameworktest.Log
}

func serve(tb testing.TB, config jira.Config) webhook {
	tb.Helper()
	w := webhook{events: new(frameworktest.MemoryPublisher), log: new(frameworktest.Log)}
	deps := frameworktest.Deps(tb)
	deps.Events, deps.Log = w.events, w.log.Logger()
	routes, err := jira.New(config, deps)
	if err != nil {
		tb.Fatal(err)
	}
	w.Handler = frameworktest.Mount(tb, deps, routes)
	return w
}

// post sends a webhook, with an identifier unless it is empty.
func (w webhook) post(delivery, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	if delivery != "" {
		request.Header.Set(identifier, delivery)
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, request)
	return recorder
}

type answer struct {
	EventID string `json:"event_id"`
	Ignored string `json:"ignored"`
}

func (w webhook) deliver(tb testing.TB, delivery, body string) (int, answer) {
	tb.Helper()
	recorder := w.post(delivery, body)
	var got answer
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil || recorder.Code >= 300 {
		tb.Fatalf("got %d %s", recorder.Code, recorder.Body)
	}
	return recorder.Code, got
}

func TestAnIssueIsStoredWithEveryField(t *testing.T) {
	for name, test := range map[string]struct {
		file, eventType string
		undeclared      []string // members that the envelope does not declare, as object/member
	}{
		"created on Cloud":               {"cloud_created", jira.IssueCreated, nil},
		"created on Cloud, dynamic hook": {"cloud_dynamic_created", jira.IssueCreated, []string{"matchedWebhookIds", "issue/expand"}},
		"updated on Data Center":         {"datacenter_updated", jira.IssueUpdated, []string{"comment"}},
		"created on an old server":       {"old_server_created", jira.IssueCreated, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile("testdata/" + test.file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			w := serve(t, jira.Defaults())
			status, got := w.deliver(t, "d-1", string(body))
			stored := w.events.Events()
			if status != http.StatusAccepted || len(stored) != 1 || stored[0].ID != got.EventID || stored[0].Type != test.eventType {
				t.Fatalf("got %d %+v, stored %v", status, got, stored)
			}
			want := decode(t, string(body))
			for _, pointer := range test.undeclared {
				object, member, nested := strings.Cut(pointer, "/")
				if nested {
					delete(want[object].(map[string]any), member)
				} else {
					delete(want, object)
				}
			}
			if diff := cmp.Diff(want, decode(t, string(stored[0].Data))); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherWebhooksAreAcknowledgedAndNotStored(t *testing.T) {
	for name, test := range map[string]struct{ body, ignored string }{
		"a comment without its issue, from a server": {`{"timestamp":1,"webhookEvent":"comment_created","comment":{"id":"1","body":"hi"}}`, "comment_created"},
		"a comment with little of its issue":         {`{"timestamp":1,"webhookEvent":"comment_created","comment":{},"issue":{"id":"1","key":"SEC-1","fields":{}}}`, "comment_created"},
		"a deleted issue":                            {strings.Replace(created, "issue_created", "issue_deleted", 1), "jira:issue_deleted"},
		"a released version":                         {`{"webhookEvent":"jira:version_released","version":{"id":"1"}}`, "jira:version_released"},
		"a user, who is not the one who did it":      {`{"webhookEvent":"user_deleted","user":"jdoe"}`, "user_deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, jira.Defaults())
			status, got := w.deliver(t, "d-1", test.body)
			if diff := cmp.Diff(answer{Ignored: test.ignored}, got); status != http.StatusOK || diff != "" {
				t.Errorf("status %d (-want +got):\n%s", status, diff)
			}
			if stored := w.events.Events(); len(stored) != 0 {
				t.Errorf("stored %v", stored)
			}
		})
	}
}

func TestADeliveryThatIsRepeatedIsTheSameEvent(t *testing.T) {
	later := strings.Replace(created, "1763640000123", "1763640000124", 1)
	elsewhere := strings.Replace(created, "example.atlassian.net", "other.atlassian.net", 1)
	updated := strings.Replace(created, "issue_created", "issue_updated", 1)
	type delivery struct{ id, body string }
	for name, test := range map[string]struct {
		first, second delivery
		same          bool
	}{
		"the same delivery":                            {delivery{"d-1", created}, delivery{"d-1", created}, true},
		"the same body under an id of somebody's own":  {delivery{"d-1", created}, delivery{"d-2", created}, true},
		"the same body under an id that is odd":        {delivery{"d-1", created}, delivery{"<" + strings.Repeat("d", 300) + ">", created}, true},
		"the same id for a later change":               {delivery{"d-1", created}, delivery{"d-1", later}, false},
		"the same id from another Jira":                {delivery{"d-1", created}, delivery{"d-1", elsewhere}, false},
		"the same id for another kind of change":       {delivery{"d-1", created}, delivery{"d-1", updated}, false},
		"the same body, from a Jira that sends no id":  {delivery{"", created}, delivery{"", created}, true},
		"a later change, from a Jira that sends no id": {delivery{"", created}, delivery{"", later}, false},
		"the same body, under an id alone at first":    {delivery{"d-1", created}, delivery{"", created}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, jira.Defaults())
			_, first := w.deliver(t, test.first.id, test.first.body)
			status, second := w.deliver(t, test.second.id, test.second.body)
			wantStatus, wantStored := http.StatusAccepted, 2
			if test.same {
				wantStatus, wantStored = http.StatusOK, 1
			}
			if status != wantStatus || (first == second) != test.same || len(w.events.Events()) != wantStored {
				t.Errorf("status %d, %v then %v, %d stored", status, first, second, len(w.events.Events()))
			}
		})
	}
}

func TestAnIssueWithTextThatIsNotUnicodeIsStored(t *testing.T) {
	w := serve(t, jira.Defaults())
	w.deliver(t, "d-1", strings.Replace(created, `"labels"`, `"summary":"cut in half \ud83d","labels"`, 1))
	if got := string(w.events.Events()[0].Data); !strings.Contains(got, "cut in half \uFFFD") {
		t.Errorf("stored %s", got)
	}
}

func TestUpdatesByIgnoredUsersAreNotStored(t *testing.T) {
	const update, create = "jira:issue_updated", "jira:issue_created"
	for name, test := range map[string]struct {
		event, user string
		ignored     bool
	}{
		"the account id of Cloud":         {update, `{"accountId":"bot-1"}`, true},
		"the name of Data Center":         {update, `{"name":"funnelweb","key":"JIRAUSER1"}`, true},
		"the key of Data Center":          {update, `{"name":"renamed","key":"JIRAUSER2"}`, true},
		"an issue created by such a user": {create, `{"accountId":"bot-1"}`, false},
		"somebody else":                   {update, `{"accountId":"a1","displayName":"bot-1"}`, false},
		"a name in other case":            {update, `{"name":"Funnelweb"}`, false},
		"nobody, as in automation":        {update, `null`, false},
		"a form that is not documented":   {update, `["bot-1"]`, false},
		"an account id that is a number":  {update, `{"accountId":7,"name":"funnelweb"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, jira.Config{IgnoreUsers: []string{"bot-1", "funnelweb", "JIRAUSER2"}})
			body := strings.NewReplacer("jira:issue_created", test.event, `{"accountId":"a1"}`, test.user).Replace(created)
			status, got := w.deliver(t, "d-1", body)
			want, wantStatus := answer{Ignored: "updates by this user"}, http.StatusOK
			if !test.ignored {
				want, wantStatus = answer{EventID: got.EventID}, http.StatusAccepted
			}
			if diff := cmp.Diff(want, got); status != wantStatus || diff != "" || len(w.events.Events()) == 1 == test.ignored {
				t.Errorf("status %d, %d stored (-want +got):\n%s", status, len(w.events.Events()), diff)
			}
		})
	}
}

func TestAnEmptyNameInIgnoreUsersIsAMistake(t *testing.T) {
	_, err := jira.New(jira.Config{IgnoreUsers: []string{"a", ""}}, frameworktest.Deps(t))
	if err == nil {
		t.Error("an empty name would ignore every user without that member")
	}
}

func TestAWebhookThatIsNotJirasIsRefusedAndNotStored(t *testing.T) {
	const canary = "canary-value-never-echoed"
	issue := func(text string) string { return `{"webhookEvent":"jira:issue_created","issue":` + text + `}` }
	for name, test := range map[string]struct {
		delivery, body string
		status         int
		want           []string // place and rule
	}{
		"without a name":               {"", `{"x":"` + canary + `"}`, 422, []string{"body /webhookEvent required"}},
		"with a name that is none":     {"", `{"webhookEvent":"a <b>"}`, 422, []string{"body /webhookEvent pattern"}},
		"without its issue":            {"", `{"webhookEvent":"jira:issue_created"}`, 422, []string{"body /issue required"}},
		"with an issue that lacks all": {"", issue(`{}`), 422, []string{"body /issue/id required", "body /issue/key required", "body /issue/fields required"}},
		"with a key that is none":      {"", issue(`{"id":"1","key":"../` + canary + `","fields":{}}`), 422, []string{"body /issue/key pattern"}},
		"with an id that is a number":  {"", issue(`{"id":1,"key":"SEC-1","fields":{}}`), 422, []string{"body /issue/id type"}},
		"with fields that are a list":  {"", issue(`{"id":"1","key":"SEC-1","fields":["` + canary + `"]}`), 422, []string{"body /issue/fields type"}},
		"with a field given twice":     {"", issue(`{"id":"1","key":"SEC-1","fields":{"a":"` + canary + `","a":2}}`), 400, []string{"body /issue/fields/a json"}},
		"that is a form":               {"", `payload=%7B%7D`, 400, []string{"body  json"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, jira.Defaults())
			recorder := w.post(test.delivery, test.body)
			var problem framework.Problem
			if err := json.Unmarshal(recorder.Body.Bytes(), &problem); err != nil {
				t.Fatalf("%d %s: %v", recorder.Code, recorder.Body, err)
			}
			var got []string
			for _, field := range problem.Errors {
				got = append(got, fmt.Sprintf("%s %s %s", field.In, field.Pointer, field.Rule))
			}
			if diff := cmp.Diff(test.want, got); recorder.Code != test.status || diff != "" {
				t.Errorf("status %d (-want +got):\n%s", recorder.Code, diff)
			}
			if strings.Contains(recorder.Body.String()+w.log.String(), canary) {
				t.Errorf("a value that was sent is in the answer or the log:\n%s\n%s", recorder.Body, w.log)
			}
			if stored := w.events.Events(); len(stored) != 0 {
				t.Errorf("stored %v", stored)
			}
		})
	}
}

func TestAnIssueWithLongCommentsIsTaken(t *testing.T) {
	comments := strings.Repeat(`{"body":"`+strings.Repeat("x", 32_767)+`"},`, 60)
	body := strings.Replace(created, `"labels"`, `"comment":{"comments":[`+strings.TrimSuffix(comments, ",")+`]},"labels"`, 1)
	w := serve(t, jira.Defaults())
	if status, _ := w.deliver(t, "d-1", body); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	if recorder := w.post("d-2", strings.Repeat(body, 3)); recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("above the bound: %d", recorder.Code)
	}
}

// Whatever is sent is refused with a 4xx, ignored, or stored; and what was stored is found again as a duplicate.
func FuzzWebhook(f *testing.F) {
	for _, file := range []string{"cloud_created", "cloud_dynamic_created", "datacenter_updated", "old_server_created"} {
		body, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add("", string(body))
	}
	f.Add("d-1", created)
	f.Add("d-1", `{"webhookEvent":"comment_created"}`)
	f.Fuzz(func(t *testing.T, delivery, body string) {
		w := serve(t, jira.Config{IgnoreUsers: []string{"admin"}})
		first := w.post(delivery, body)
		switch {
		case first.Code == http.StatusAccepted:
			if again := w.post(delivery, body); again.Code != http.StatusOK || again.Body.String() != first.Body.String() {
				t.Errorf("sent again: %d %s, at first %s", again.Code, again.Body, first.Body)
			}
		case len(w.events.Events()) != 0, first.Code != http.StatusOK && (first.Code < 400 || first.Code > 499):
			t.Errorf("%d %s, stored %d", first.Code, first.Body, len(w.events.Events()))
		}
	})
}

func decode(tb testing.TB, text string) map[string]any {
	tb.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		tb.Fatal(err)
	}
	return decoded
}
