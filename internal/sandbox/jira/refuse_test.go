package jira_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/jira"
)

// issue is the body that creates an issue, with what is given put into its fields.
func issue(fields string) string {
	return `{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Task"}` + fields + `}}`
}

const payload = `{"errorMessages":["Invalid request payload. Refer to the REST API documentation and try again."],"errors":{}}`

func fieldError(field, text string) string {
	return `{"errorMessages":[],"errors":{"` + field + `":"` + text + `"}}`
}

func TestRefusals(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	const tooLong = "The entered text is too long. It exceeds the allowed limit of 32767 characters."
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{
			"an issue without a project", "POST", "/issue", `{"fields":{"issuetype":{"name":"Task"},"summary":"s"}}`,
			400, fieldError("project", "Specify a valid project ID or key"),
		},
		{
			"of an unknown project", "POST", "/issue", `{"fields":{"project":{"key":"NO"},"issuetype":{"name":"Task"},"summary":"s"}}`,
			400, fieldError("project", "Specify a valid project ID or key"),
		},
		{
			"without a type", "POST", "/issue", `{"fields":{"project":{"key":"SEC"},"summary":"s"}}`,
			400, fieldError("issuetype", "Specify an issue type"),
		},
		{
			"of a type that the project does not have", "POST", "/issue",
			`{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Bug"},"summary":"s"}}`,
			400, fieldError("issuetype", "Specify a valid issue type"),
		},
		{"without a summary", "POST", "/issue", issue(``), 400, fieldError("summary", "You must specify a summary of the issue.")},
		{
			"with a summary of two lines", "POST", "/issue", issue(`,"summary":"a\nb"`),
			400, fieldError("summary", "The summary is invalid because it contains newline characters."),
		},
		{
			"with a long summary", "POST", "/issue", issue(`,"summary":"` + long(255) + `"`),
			400, fieldError("summary", "Summary must be less than 255 characters."),
		},
		{
			"with a summary that is long in UTF-16", "POST", "/issue", issue(`,"summary":"` + strings.Repeat("😀", 128) + `"`),
			400, fieldError("summary", "Summary must be less than 255 characters."),
		},
		{
			"with a summary that is no text", "POST", "/issue", issue(`,"summary":7`),
			400, fieldError("summary", "Operation value must be a string"),
		},
		{
			"with a long description", "POST", "/issue", issue(`,"summary":"s","description":"` + long(32768) + `"`),
			400, fieldError("description", tooLong),
		},
		{
			"with a description for version 3", "POST", "/issue", issue(`,"summary":"s","description":{"type":"doc"}`),
			400, fieldError("description", "Operation value must be a string"),
		},
		{
			"with a label of two words", "POST", "/issue", issue(`,"summary":"s","labels":["a b"]`),
			400, fieldError("labels", "The label 'a b' contains spaces which is invalid."),
		},
		{
			"with labels that are no list", "POST", "/issue", issue(`,"summary":"s","labels":"a"`),
			400, fieldError("labels", "data was not an array"),
		},
		{
			"with a field that is not on the screen", "POST", "/issue", issue(`,"summary":"s","priority":{"name":"High"}`),
			400, fieldError("priority", "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown."),
		},
		{"with an unknown member", "POST", "/issue", `{"fields":{},"extra":1}`, 400, payload},
		{
			"with a property of no value", "POST", "/issue",
			`{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Task"},"summary":"s"},"properties":[{"key":"a"}]}`,
			400, `{"errorMessages":["The property value must be a valid, non-empty JSON value."],"errors":{}}`,
		},
		{
			"with what is no JSON", "POST", "/issue", `{"fields":`,
			400, `{"errorMessages":["There was an error parsing JSON. Check that your request body is valid."],"errors":{}}`,
		},
		{
			"an endless body", "POST", "/issue", issue(`,"summary":"` + long(2<<20) + `"`),
			413, `{"errorMessages":["The request body is too large."],"errors":{}}`,
		},
		{
			"an issue that is not there", "GET", "/issue/SEC-9", "",
			404, `{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`,
		},
		{
			"an edit with an unknown field", "PUT", "/issue/SEC-1", `{"fields":{"colour":"red"}}`,
			400, fieldError("colour", "Field 'colour' cannot be set. It is not on the appropriate screen, or unknown."),
		},
		{
			"an edit of an issue that is not there", "PUT", "/issue/SEC-9", `{"fields":{"summary":"s"}}`,
			404, `{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`,
		},
		{
			"an empty comment", "POST", "/issue/SEC-1/comment", `{"body":""}`,
			400, fieldError("comment", "Comment body can not be empty!"),
		},
		{"a long comment", "POST", "/issue/SEC-1/comment", `{"body":"` + long(32768) + `"}`, 400, fieldError("comment", tooLong)},
		{"a comment that names its author", "POST", "/issue/SEC-1/comment", `{"body":"b","author":{},"updateAuthor":{}}`, 400, payload},
		{"a comment with an empty visibility", "POST", "/issue/SEC-1/comment", `{"body":"b","visibility":{}}`, 400, payload},
		{
			"a comment that is not there", "PUT", "/issue/SEC-1/comment/99", `{"body":"b"}`,
			404, `{"errorMessages":["Can not find a comment for the id: 99."],"errors":{}}`,
		},
		{
			"the same to be deleted", "DELETE", "/issue/SEC-1/comment/99", "",
			404, `{"errorMessages":["Can not find a comment for the id: 99."],"errors":{}}`,
		},
		{
			"a page of comments before the first", "GET", "/issue/SEC-1/comment?startAt=-1", "",
			400, `{"errorMessages":["The value of the query parameter startAt is not valid."],"errors":{}}`,
		},
		{
			"a property that is not there", "GET", "/issue/SEC-1/properties/x", "",
			404, `{"errorMessages":["The property with key \"x\" does not exist."],"errors":{}}`,
		},
		{
			"a transition that is not there", "POST", "/issue/SEC-1/transitions", `{"transition":{"id":"99"}}`,
			400, `{"errorMessages":["Transition id '99' is not valid for this issue."],"errors":{}}`,
		},
		{
			"a link without an address", "POST", "/issue/SEC-1/remotelink", `{"globalId":"g","object":{"title":"t"}}`,
			400, fieldError("url", "'url' is required."),
		},
		{
			"a project that is not there", "GET", "/project/NO", "",
			404, `{"errorMessages":["No project could be found with key 'NO'."],"errors":{}}`,
		},
		{
			"a route that is not there", "GET", "/nothing", "",
			404, `{"message":"null for uri: /rest/api/2/nothing","status-code":404}`,
		},
		{
			"the search that was removed", "GET", "/search?jql=project=SEC", "", 410,
			`{"errorMessages":["The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. ` +
				`A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"],"errors":{}}`,
		},
		{
			"a search for everything", "GET", "/search/jql?jql=ORDER+BY+created", "", 400,
			`{"errorMessages":["Unbounded JQL queries are not allowed here. Please add a search restriction to your query."],"errors":{}}`,
		},
		{"a search by page number", "POST", "/search/jql", `{"jql":"project = SEC","startAt":5}`, 400, payload},
		{
			"a search in an unknown project", "POST", "/search/jql", `{"jql":"project = NO"}`,
			400, `{"errorMessages":["The value 'NO' does not exist for the field 'project'."],"errors":{}}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, jira.Cloud)
			b.create(t, "one", "x")
			got := b.do(t, test.method, "/rest/api/2"+test.path, test.body)
			if got.status != test.status {
				t.Errorf("status %d, want %d", got.status, test.status)
			}
			if diff := cmp.Diff(test.want, got.body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if issues, comments := len(b.Issues()), len(b.Comments("SEC-1")); issues != 1 || comments != 0 {
				t.Errorf("afterwards there are %d issues and %d comments", issues, comments)
			}
		})
	}
}

// What a client is most likely to send right at the limit must go through.
func TestTextsAtTheirLimitAreTaken(t *testing.T) {
	b := start(t, jira.Cloud)
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue",
		issue(`,"summary":"`+strings.Repeat("s", 254)+`","description":"`+strings.Repeat("d", 32767)+`"`))
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"`+strings.Repeat("c", 32767)+`"}`)
}

func TestWhoMayComeIn(t *testing.T) {
	bearer := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	basic := func(user, token string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, token) }
	}
	for _, test := range []struct {
		name, flavor string
		edit         func(*http.Request)
		status       int
		says         string
	}{
		{"Cloud: the user with the API token", jira.Cloud, basic(user, token), 200, `"accountId":"712020:`},
		{"Cloud: a wrong token", jira.Cloud, basic(user, "wrong"), 401, "Client must be authenticated to access this resource."},
		{"Cloud: another user", jira.Cloud, basic("eve@example.com", token), 401, "Client must be authenticated"},
		{"Cloud: a bearer token", jira.Cloud, bearer("Bearer " + token), 401, "Client must be authenticated"},
		{"Cloud: nobody", jira.Cloud, bearer(""), 401, "Client must be authenticated"},
		{"Data Center: the personal access token", jira.DataCenter, bearer("Bearer " + token), 200, `"name":"bot"`},
		{"Data Center: a wrong token gets a page", jira.DataCenter, bearer("Bearer wrong"), 401, "<title>Unauthorized (401)</title>"},
		{"Data Center: basic authentication", jira.DataCenter, basic(user, token), 401, "AUTHENTICATED_FAILED"},
		{"Data Center: nobody", jira.DataCenter, bearer(""), 401, "Login Required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := start(t, test.flavor).do(t, "GET", "/rest/api/2/myself", "", test.edit)
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Errorf("answered %d %s, want %d and %q", got.status, got.body, test.status, test.says)
			}
			reason := map[bool]string{true: "OK", false: "AUTHENTICATED_FAILED"}[test.status == 200]
			if got.header.Get("X-Seraph-Loginreason") != reason {
				t.Errorf("login reason %q, want %q", got.header.Get("X-Seraph-Loginreason"), reason)
			}
			if strings.Contains(got.body+got.header.Get("Www-Authenticate"), token) {
				t.Error("the answer holds the token")
			}
		})
	}
}

func TestBodiesMustBeJSON(t *testing.T) {
	b := start(t, jira.Cloud)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json5"} {
		got := b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`), func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		if got.status != 415 || !strings.Contains(got.body, "HTTP 415 Unsupported Media Type") {
			t.Errorf("%q was answered %d %s", kind, got.status, got.body)
		}
	}
	got := b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	})
	if got.status != http.StatusCreated {
		t.Errorf("JSON with a character set was answered %d %s", got.status, got.body)
	}
}

func TestABrowserMayNotWrite(t *testing.T) {
	b := start(t, jira.Cloud)
	mozilla := func(r *http.Request) { r.Header.Set("User-Agent", "Mozilla/5.0") }
	got := b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`), mozilla)
	if got.status != http.StatusForbidden || !strings.Contains(got.body, "XSRF check failed") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	got = b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`), mozilla, func(r *http.Request) {
		r.Header.Set("X-Atlassian-Token", "no-check")
	})
	if got.status != http.StatusCreated {
		t.Errorf("with no-check it was answered %d %s", got.status, got.body)
	}
}

func TestDataCenterHasItsOwnWords(t *testing.T) {
	b := start(t, jira.DataCenter)
	got := b.do(t, "POST", "/rest/api/2/issue", `{"fields":{"summary":"s"}}`)
	want := `{"errorMessages":[],"errors":{"issuetype":"issue type is required","project":"project is required"}}`
	if diff := cmp.Diff(want, got.body); got.status != 400 || diff != "" {
		t.Errorf("answered %d (-want +got):\n%s", got.status, diff)
	}
}

func TestWritesToOneIssueAreSpaced(t *testing.T) {
	b := start(t, jira.Cloud, func(o *jira.Options) { o.WriteEvery = 1500 * time.Millisecond })
	b.create(t, "one", "x")
	b.create(t, "two", "x")
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"a"}`)
	got := b.do(t, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"b"}`)
	if got.status != 429 || got.header.Get("Retry-After") != "2" || got.header.Get("RateLimit-Reason") != "jira-per-issue-on-write" {
		t.Errorf("answered %d %v", got.status, got.header)
	}
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-2/comment", `{"body":"a"}`)
	b.clock.Advance(1500 * time.Millisecond)
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"b"}`)
}

func TestStartRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*jira.Options)
		says   string
	}{
		{"an unknown flavour", func(o *jira.Options) { o.Flavor = "server" }, "neither cloud nor datacenter"},
		{"no user", func(o *jira.Options) { o.User = "" }, "needs a user"},
		{"no token", func(o *jira.Options) { o.Token = framework.Secret{} }, "needs a token"},
		{"no clock", func(o *jira.Options) { o.Now = nil }, "needs a clock"},
		{"an address that is taken", nil, "address already in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			running := start(t, jira.Cloud)
			options := jira.Options{
				User: user, Token: framework.NewSecret(token), Now: running.clock.Now, Log: quiet(),
				Addr: strings.TrimPrefix(running.URL(), "http://"),
			}
			if test.change != nil {
				test.change(&options)
			}
			if _, err := jira.Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Start gave %v", err)
			}
		})
	}
}
