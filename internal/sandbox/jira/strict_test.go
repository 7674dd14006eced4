package jira_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/jira"
)

// state is what calls that are refused must leave as it was.
func (b *bench) state() []string {
	var all []string
	for _, issue := range b.Issues() {
		all = append(all, fmt.Sprintf("%+v", issue), fmt.Sprintf("%+v", b.Comments(issue.Key)))
	}
	return all
}

// Jira counts characters as Java does: one outside of the Basic Multilingual Plane is two.
func TestEveryTextHasItsLimit(t *testing.T) {
	const half = "😀" // two units of UTF-16, four bytes
	text := func(units int) string { return strings.Repeat(half, units/2) + strings.Repeat("x", units%2) }
	for _, test := range []struct {
		name, method, path string
		body               func(text string) string
		limit              int
	}{
		{"summary", "POST", "/issue", func(s string) string { return issue(`,"summary":"` + s + `"`) }, 254},
		{"description", "POST", "/issue", func(s string) string { return issue(`,"summary":"s","description":"` + s + `"`) }, 32767},
		{"label", "POST", "/issue", func(s string) string { return issue(`,"summary":"s","labels":["a","` + s + `"]`) }, 255},
		{"summary of an edit", "PUT", "/issue/SEC-1", func(s string) string { return `{"fields":{"summary":"` + s + `"}}` }, 254},
		{"description of an edit", "PUT", "/issue/SEC-1", func(s string) string { return `{"fields":{"description":"` + s + `"}}` }, 32767},
		{"label of an edit", "PUT", "/issue/SEC-1", func(s string) string { return `{"fields":{"labels":["` + s + `"]}}` }, 255},
		{"comment", "POST", "/issue/SEC-1/comment", func(s string) string { return `{"body":"` + s + `"}` }, 32767},
		{"key of a property", "POST", "/issue/SEC-1/comment", func(s string) string { return `{"body":"b","properties":[{"key":"` + s + `","value":1}]}` }, 255},
		{"value of a property", "POST", "/issue/SEC-1/comment", func(s string) string { return `{"body":"b","properties":[{"key":"k","value":"` + s + `"}]}` }, 32766}, // and its quotes
		{"id of a link", "POST", "/issue/SEC-1/remotelink", func(s string) string {
			return `{"globalId":"` + s + `","object":{"url":"http://a.example","title":"t"}}`
		}, 255},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, jira.Cloud)
			b.create(t, "one", "x")
			before := b.state()
			if got := b.do(t, test.method, "/rest/api/2"+test.path, test.body(text(test.limit+1))); got.status != http.StatusBadRequest {
				t.Errorf("%d characters are answered %d", test.limit+1, got.status)
			}
			if diff := cmp.Diff(before, b.state()); diff != "" {
				t.Errorf("what was refused has left something:\n%s", diff)
			}
			if got := b.do(t, test.method, "/rest/api/2"+test.path, test.body(text(test.limit))); got.status >= 300 {
				t.Errorf("%d characters are answered %d %s", test.limit, got.status, got.body)
			}
		})
	}
}

// writes are all routes that change something.
func writes() map[string]string {
	return map[string]string{
		"POST /issue":                    issue(`,"summary":"s"`),
		"PUT /issue/SEC-1":               `{"fields":{"summary":"changed"}}`,
		"POST /issue/SEC-1/comment":      `{"body":"b"}`,
		"PUT /issue/SEC-1/comment/ID":    `{"body":"changed"}`,
		"DELETE /issue/SEC-1/comment/ID": "",
		"POST /issue/SEC-1/remotelink":   `{"object":{"url":"http://a.example","title":"t"}}`,
		"POST /issue/SEC-1/transitions":  `{"transition":{"id":"21"}}`,
	}
}

// split takes a route apart and puts the id of a comment in.
func split(route, comment string) (method, path string) {
	method, path, _ = strings.Cut(strings.Replace(route, "ID", comment, 1), " ")
	return method, "/rest/api/2" + path
}

// commented makes an issue with a comment and returns the id of that.
func (b *bench) commented(t *testing.T) string {
	t.Helper()
	b.create(t, "one", "x")
	id, _ := b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"first"}`).member(t, "id").(string)
	return id
}

func TestNobodyWritesOrReadsWithoutCredentials(t *testing.T) {
	reads := []string{
		"GET /issue/SEC-1", "GET /issue/SEC-1/comment", "GET /issue/SEC-1/comment/ID", "GET /comment/ID/properties", "GET /comment/ID/properties/k",
		"GET /issue/SEC-1/properties/k", "GET /issue/SEC-1/remotelink", "GET /issue/SEC-1/transitions", "GET /myself", "GET /project/SEC",
		"GET /issue/createmeta/SEC/issuetypes", "GET /issue/createmeta/SEC/issuetypes/10001", "GET /field", "GET /attachment/meta", "GET /user/assignable/search?project=SEC&query=a", "GET /search/jql?jql=project=SEC", "GET /search?jql=project=SEC", "GET /nothing", "GET /issue/NO-1",
	}
	for _, flavor := range []string{jira.Cloud, jira.DataCenter} {
		t.Run(flavor, func(t *testing.T) {
			b := start(t, flavor)
			comment := b.commented(t)
			before := b.state()
			bodies := writes()
			for _, route := range reads {
				bodies[route] = ""
			}
			for route, body := range bodies {
				method, path := split(route, comment)
				for name, credentials := range map[string]string{"none": "", "a wrong token": "Bearer wrong", "half a header": "Basic"} {
					got := b.do(t, method, path, body, func(r *http.Request) { r.Header.Set("Authorization", credentials) })
					if got.status != http.StatusUnauthorized || strings.Contains(got.body, "first") {
						t.Errorf("%s with %s: %d %s", route, name, got.status, got.body)
					}
				}
			}
			if diff := cmp.Diff(before, b.state()); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
		})
	}
}

// Only one JSON document that says each thing once, in Jira's own words, is read at all.
func TestBodiesAreReadStrictly(t *testing.T) {
	b := start(t, jira.Cloud)
	comment := b.commented(t)
	before := b.state()
	for route, good := range writes() {
		if good == "" {
			continue
		}
		method, path := split(route, comment)
		for name, body := range map[string]string{
			"nothing": "", "a space": " ", "a list": "[]", "a text": `"x"`, "a number": "1", "half of it": good[:len(good)-1], "two of it": good + good,
			"something behind it": good + "x", "a member twice": `{"a":1,` + good[1:], "a comma too many": good[:len(good)-1] + ",}",
			"a member of no meaning": good[:len(good)-1] + `,"notify":true}`, "bytes that are no UTF-8": strings.Replace(good, `"`, "\"\xff", 1),
			"the same member again": good[:len(good)-1] + "," + good[1:], "a name in capitals": strings.ToUpper(good), "a comment": "/**/" + good,
		} {
			got := b.do(t, method, path, body)
			if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"errorMessages":["`) {
				t.Errorf("%s, %s: %d %s", route, name, got.status, got.body)
			}
		}
	}
	if diff := cmp.Diff(before, b.state()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestAnEditIsTakenWholeOrNotAtAll(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	before := b.state()
	for name, fields := range map[string]string{
		"a label of two words":   `"summary":"changed","labels":["a b"]`,
		"an empty summary":       `"description":"changed","summary":" "`,
		"a field that is not on": `"summary":"changed","assignee":{"accountId":"x"}`,
		"a new project":          `"summary":"changed","project":{"key":"OPS"}`,
		"a status":               `"summary":"changed","status":{"name":"Done"}`,
	} {
		if got := b.do(t, "PUT", "/rest/api/2/issue/SEC-1", `{"fields":{`+fields+`}}`); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if diff := cmp.Diff(before, b.state()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestEveryWriteToAnIssueIsSpacedAndNoRead(t *testing.T) {
	for route, body := range writes() {
		if route == "POST /issue" {
			continue
		}
		t.Run(route, func(t *testing.T) {
			b := start(t, jira.Cloud, func(o *jira.Options) { o.WriteEvery = 2 * time.Second })
			method, path := split(route, b.commented(t))
			before := b.state()
			for range 3 { // asking again does not make it later
				got := b.do(t, method, path, body)
				if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "2" {
					t.Errorf("at once: %d %v", got.status, got.header)
				}
			}
			b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1", "")
			if diff := cmp.Diff(before, b.state()); diff != "" {
				t.Errorf("what was put off has left something:\n%s", diff)
			}
			b.clock.Advance(2 * time.Second)
			if got := b.do(t, method, path, body); got.status >= 300 {
				t.Errorf("in time: %d %s", got.status, got.body)
			}
		})
	}
}

func TestEachFlavorHasItsOwnSearch(t *testing.T) {
	for _, test := range []struct {
		flavor, method, path, body string
		status                     int
	}{
		{jira.Cloud, "GET", "/rest/api/2/search/jql?jql=project=SEC", "", 200},
		{jira.Cloud, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC"}`, 200},
		{jira.Cloud, "POST", "/rest/api/2/search", `{"jql":"project = SEC"}`, 410},
		{jira.Cloud, "GET", "/rest/api/3/search?jql=project=SEC", "", 410},
		{jira.DataCenter, "GET", "/rest/api/2/search?jql=project=SEC", "", 200},
		{jira.DataCenter, "POST", "/rest/api/2/search", `{"jql":"project = SEC"}`, 200},
		{jira.DataCenter, "GET", "/rest/api/2/search/jql?jql=project=SEC", "", 404},
		{jira.DataCenter, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC"}`, 404},
		{jira.DataCenter, "GET", "/rest/api/3/search?jql=project=SEC", "", 404},
		{jira.Cloud, "GET", "/rest/api/2/search/jql", "", 400}, // unbounded
		{jira.Cloud, "GET", "/rest/api/2/search/jql?jql=project=SEC&nextPageToken=x", "", 400},
		{jira.Cloud, "GET", "/rest/api/2/search/jql?jql=project=SEC&nextPageToken=-1", "", 400},
		{jira.Cloud, "GET", "/rest/api/2/search/jql?jql=project=SEC&maxResults=many", "", 400},
		{jira.Cloud, "GET", "/rest/api/2/search/jql?jql=project=SEC&reconcileIssues=SEC-1", "", 400},
		{jira.Cloud, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC","reconcileIssues":[` + numbers(50) + `]}`, 200},
		{jira.Cloud, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC","reconcileIssues":[` + numbers(51) + `]}`, 400},
		{jira.Cloud, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC","validateQuery":true}`, 400},
	} {
		t.Run(test.flavor+" "+test.method+" "+test.path, func(t *testing.T) {
			b := start(t, test.flavor)
			b.create(t, "one", "x")
			got := b.do(t, test.method, test.path, test.body)
			if got.status != test.status {
				t.Fatalf("%d %s, want %d", got.status, got.body, test.status)
			}
			if test.status != http.StatusOK {
				return
			}
			if _, counted := got.member(t).(map[string]any)["total"]; counted != (test.flavor == jira.DataCenter) {
				t.Errorf("only Data Center knows how many there are: %s", got.body)
			}
			if summary := got.member(t, "issues", 0, "fields"); (summary != nil) != (test.flavor == jira.DataCenter) {
				t.Errorf("only Data Center shows fields that were not asked for: %s", got.body)
			}
		})
	}
}

// numbers are ids of issues, none of which is there.
func numbers(count int) string {
	var all []string
	for i := range count {
		all = append(all, strconv.Itoa(90_000+i))
	}
	return strings.Join(all, ",")
}
