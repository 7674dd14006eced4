package jira_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/jira"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAnIssueIsReadBack(t *testing.T) {
	b := start(t, jira.Cloud)
	got := b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue",
		`{"fields":{"project":{"key":"SEC"},"issuetype":{"name":"Incident"},"summary":"Malware","description":"h1. x","labels":["b","a","b"]},
		"properties":[{"key":"funnelweb","value":{"n":1}}]}`)
	if got.member(t, "key") != "SEC-1" || got.member(t, "self") != b.URL()+"/rest/api/2/issue/10000" {
		t.Errorf("created %s", got.body)
	}
	read := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/10000?properties=funnelweb", "")
	for _, test := range []struct {
		want any
		path []any
	}{
		{"SEC-1", []any{"key"}},
		{"Incident", []any{"fields", "issuetype", "name"}},
		{"SEC", []any{"fields", "project", "key"}},
		{"h1. x", []any{"fields", "description"}},
		{"b", []any{"fields", "labels", 1}},
		{"2026-11-20T09:00:00.000+0000", []any{"fields", "created"}},
		{"To Do", []any{"fields", "status", "name"}},
		{nil, []any{"fields", "assignee"}},
		{1.0, []any{"properties", "funnelweb", "n"}},
	} {
		if got := read.member(t, test.path...); got != test.want {
			t.Errorf("%v is %v, want %v", test.path, got, test.want)
		}
	}
	stored, ok := b.Issue("SEC-1")
	if diff := cmp.Diff([]string{"a", "b"}, stored.Labels); !ok || diff != "" {
		t.Errorf("stored %v (-want +got):\n%s", ok, diff)
	}
	if got := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1?fields=summary,labels", ""); len(got.member(t, "fields").(map[string]any)) != 2 {
		t.Errorf("two fields were asked for: %s", got.body)
	}
	if got := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1/properties/funnelweb", ""); got.body != `{"key":"funnelweb","value":{"n":1}}` {
		t.Errorf("the property is %s", got.body)
	}
}

func TestAnIssueIsEdited(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "before", "x")
	b.clock.Advance(time.Minute)
	b.must(t, http.StatusNoContent, "PUT", "/rest/api/2/issue/SEC-1", `{"fields":{"summary":"after","labels":["y"],"description":"d"}}`)
	stored, _ := b.Issue("SEC-1")
	got := []any{stored.Summary, stored.Labels, stored.Description, stored.Updated.Sub(stored.Created)}
	if diff := cmp.Diff([]any{"after", []string{"y"}, "d", time.Minute}, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestCommentsLiveAndDie(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	const path = "/rest/api/2/issue/SEC-1/comment"
	added := b.must(t, http.StatusCreated, "POST", path,
		`{"body":"waiting","properties":[{"key":"mark","value":"m1"}],"visibility":{"type":"role","value":"Admins"}}`)
	id, _ := added.member(t, "id").(string)
	b.must(t, http.StatusCreated, "POST", path, `{"body":"other"}`)
	listed := b.must(t, http.StatusOK, "GET", path+"?expand=properties", "")
	if listed.member(t, "comments", 0, "properties", 0, "value") != "m1" || listed.member(t, "total") != 2.0 {
		t.Errorf("listed %s", listed.body)
	}
	if plain := b.must(t, http.StatusOK, "GET", path, ""); strings.Contains(plain.body, `"properties"`) {
		t.Errorf("properties nobody asked for: %s", plain.body)
	}
	b.clock.Advance(time.Second)
	b.must(t, http.StatusOK, "PUT", path+"/"+id, `{"body":"done","properties":[{"key":"other","value":2}]}`)
	if got := b.must(t, http.StatusOK, "GET", path+"/"+id, ""); got.member(t, "body") != "done" || got.member(t, "updated") == got.member(t, "created") {
		t.Errorf("edited %s", got.body)
	}
	if got := b.must(t, http.StatusOK, "GET", "/rest/api/2/comment/"+id+"/properties", ""); got.member(t, "keys", 1, "key") != "other" {
		t.Errorf("an edit keeps and adds properties: %s", got.body)
	}
	if got := b.must(t, http.StatusOK, "GET", "/rest/api/2/comment/"+id+"/properties/mark", ""); got.member(t, "value") != "m1" {
		t.Errorf("the property is %s", got.body)
	}
	b.must(t, http.StatusNoContent, "DELETE", path+"/"+id, "")
	if left := b.Comments("SEC-1"); len(left) != 1 || left[0].Body != "other" {
		t.Errorf("left are %+v", left)
	}
}

func TestCommentsComeInPages(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	const path = "/rest/api/2/issue/SEC-1/comment"
	for i := range 105 {
		b.must(t, http.StatusCreated, "POST", path, fmt.Sprintf(`{"body":"c%d"}`, i))
	}
	for _, test := range []struct {
		query       string
		first, last string
		count       int
	}{
		{"", "c0", "c99", 100},
		{"?startAt=100", "c100", "c104", 5},
		{"?maxResults=1000", "c0", "c99", 100},
		{"?startAt=3&maxResults=2", "c3", "c4", 2},
		{"?orderBy=-created&maxResults=2", "c104", "c103", 2},
	} {
		got := b.must(t, http.StatusOK, "GET", path+test.query, "")
		page, _ := got.member(t, "comments").([]any)
		if len(page) != test.count || got.member(t, "comments", 0, "body") != test.first ||
			got.member(t, "comments", len(page)-1, "body") != test.last || got.member(t, "total") != 105.0 {
			t.Errorf("%q: %d comments from %v to %v", test.query, len(page), got.member(t, "comments", 0, "body"), got.member(t, "comments", len(page)-1, "body"))
		}
	}
}

func TestSearch(t *testing.T) {
	b := start(t, jira.DataCenter)
	b.create(t, "one", "fw-a")
	b.create(t, "two", "fw-b")
	b.create(t, "three", "fw-a")
	for _, test := range []struct {
		jql  string
		want []string // keys; nil for a refusal
	}{
		{`project = SEC AND labels = "fw-a" ORDER BY created`, []string{"SEC-1", "SEC-3"}},
		{`project = "SEC" and labels = 'fw-a' order by created desc`, []string{"SEC-3", "SEC-1"}},
		{`labels in ("fw-a","fw-b") AND key != SEC-2 ORDER BY key ASC`, []string{"SEC-1", "SEC-3"}},
		{`labels not in (fw-a) AND project=SEC`, []string{"SEC-2"}},
		{`issuetype = Task AND status = "To Do" AND issuekey = SEC-2`, []string{"SEC-2"}},
		{`project = OPS`, []string{}},
		{`labels = "a\"b"`, []string{}},
		{``, []string{"SEC-3", "SEC-2", "SEC-1"}},
		{`project = SEC OR labels = x`, nil},
		{`project ~ SEC`, nil},
		{`assignee = me`, nil},
		{`labels = "open`, nil},
		{`labels in ()`, nil},
		{`project = SEC ORDER BY votes`, nil},
		{`project = SEC labels = x`, nil},
		{`project =`, nil},
		{`project = AND`, nil},
	} {
		t.Run(test.jql, func(t *testing.T) {
			got := b.do(t, "GET", "/rest/api/2/search?fields=summary&jql="+url.QueryEscape(test.jql), "")
			if test.want == nil {
				if got.status != 400 || !strings.Contains(got.body, "Error in the JQL Query") {
					t.Errorf("answered %d %s", got.status, got.body)
				}
				return
			}
			keys := []string{}
			for _, one := range got.member(t, "issues").([]any) {
				keys = append(keys, one.(map[string]any)["key"].(string))
			}
			if diff := cmp.Diff(test.want, keys); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCloudSearchPagesByToken(t *testing.T) {
	b := start(t, jira.Cloud)
	for range 3 {
		b.create(t, "one", "x")
	}
	first := b.must(t, http.StatusOK, "POST", "/rest/api/2/search/jql", `{"jql":"project = SEC ORDER BY created ASC","maxResults":2}`)
	if want := `{"isLast":false,"issues":[{"id":"10000"},{"id":"10002"}],"nextPageToken":"2"}`; first.body != want {
		t.Errorf("the first page is %s, want %s", first.body, want)
	}
	token, _ := first.member(t, "nextPageToken").(string)
	last := b.must(t, http.StatusOK, "GET", "/rest/api/2/search/jql?jql=project+%3D+SEC+ORDER+BY+created+ASC&maxResults=2&fields=labels&nextPageToken="+token, "")
	if last.member(t, "isLast") != true || last.member(t, "issues", 0, "key") != "SEC-3" || last.member(t, "nextPageToken") != nil {
		t.Errorf("the last page is %s", last.body)
	}
	if fields := last.member(t, "issues", 0, "fields").(map[string]any); len(fields) != 1 {
		t.Errorf("one field was asked for: %v", fields)
	}
}

// Whoever searches before creating must not rely on it: this is how Cloud makes duplicates.
func TestCloudSearchLags(t *testing.T) {
	b := start(t, jira.Cloud, func(o *jira.Options) { o.SearchLag = 30 * time.Second })
	b.create(t, "one", "fw-a")
	found := func(more string) int {
		got := b.must(t, http.StatusOK, "POST", "/rest/api/2/search/jql", `{"jql":"labels = fw-a"`+more+`}`)
		issues, _ := got.member(t, "issues").([]any)
		return len(issues)
	}
	b.clock.Advance(30*time.Second - 1)
	if n := found(""); n != 0 {
		t.Errorf("found %d before the index knows of it", n)
	}
	if n := found(`,"reconcileIssues":[10000]`); n != 1 {
		t.Errorf("found %d although reconciled", n)
	}
	b.clock.Advance(1)
	if n := found(""); n != 1 {
		t.Errorf("found %d after the lag", n)
	}
}

func TestRemoteLinksAreIdempotent(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	const path = "/rest/api/2/issue/SEC-1/remotelink"
	first := b.must(t, http.StatusCreated, "POST", path, `{"globalId":"g","object":{"url":"http://a.example","title":"a"}}`)
	second := b.must(t, http.StatusOK, "POST", path, `{"globalId":"g","object":{"url":"http://b.example","title":"b"}}`)
	if first.body != second.body {
		t.Errorf("first %s, then %s", first.body, second.body)
	}
	b.must(t, http.StatusCreated, "POST", path, `{"object":{"url":"http://c.example","title":"c"}}`)
	got := b.must(t, http.StatusOK, "GET", path+"?globalId=g", "")
	if list, _ := got.member(t).([]any); len(list) != 1 || got.member(t, 0, "object", "title") != "b" {
		t.Errorf("listed %s", got.body)
	}
	if stored, _ := b.Issue("SEC-1"); len(stored.RemoteLinks) != 2 {
		t.Errorf("stored %+v", stored.RemoteLinks)
	}
}

func TestTransitions(t *testing.T) {
	b := start(t, jira.Cloud)
	b.create(t, "one", "x")
	got := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1/transitions", "")
	if got.member(t, "transitions", 1, "name") != "Resolve" || got.member(t, "transitions", 1, "to", "statusCategory", "key") != "done" {
		t.Errorf("listed %s", got.body)
	}
	b.must(t, http.StatusNoContent, "POST", "/rest/api/2/issue/SEC-1/transitions", `{"transition":{"id":"21"},"update":{},"fields":{}}`)
	if stored, _ := b.Issue("SEC-1"); stored.Status != "In Progress" {
		t.Errorf("the status is %s", stored.Status)
	}
	if again := b.do(t, "POST", "/rest/api/2/issue/SEC-1/transitions", `{"transition":{"id":"21"}}`); again.status != 400 {
		t.Errorf("a transition from the status where it leads was answered %d", again.status)
	}
	refused := b.do(t, "POST", "/rest/api/2/issue/SEC-1/transitions", `{"transition":{"id":"31"},"fields":{"resolution":{"name":"Done"}}}`)
	if refused.status != 400 || !strings.Contains(refused.body, "Field 'resolution' cannot be set") {
		t.Errorf("answered %d %s", refused.status, refused.body)
	}
}

func TestWhatACheckAsks(t *testing.T) {
	for flavor, list := range map[string]string{jira.Cloud: "issueTypes", jira.DataCenter: "values"} {
		b := start(t, flavor)
		got := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/createmeta/SEC/issuetypes", "")
		if got.member(t, list, 1, "name") != "Incident" || got.member(t, "total") != 2.0 {
			t.Errorf("%s: types %s", flavor, got.body)
		}
		got = b.must(t, http.StatusOK, "GET", "/rest/api/2/project/OPS", "")
		if got.member(t, "key") != "OPS" || got.member(t, "issueTypes", 0, "name") != "Bug" {
			t.Errorf("%s: project %s", flavor, got.body)
		}
		if got := b.do(t, "GET", "/rest/api/2/issue/createmeta/SEC", ""); got.status != 404 {
			t.Errorf("%s: answered %d %s", flavor, got.status, got.body)
		}
	}
}

func TestFaultsAreMet(t *testing.T) {
	b := start(t, jira.Cloud)
	b.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue$", Times: 1, CutAfter: true})
	if _, err := b.try(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`)); err == nil {
		t.Error("the connection was not cut")
	}
	if n := len(b.Issues()); n != 1 {
		t.Errorf("%d issues although the first was committed", n)
	}
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue", issue(`,"summary":"s"`))
	added := b.do(t, "POST", fault.ControlPath, `{"match":"GET /rest","status":429,"retry_after":"7s"}`)
	if added.status != http.StatusNoContent {
		t.Fatalf("answered %d %s", added.status, added.body)
	}
	if got := b.do(t, "GET", "/rest/api/2/myself", ""); got.status != 429 || got.header.Get("Retry-After") != "7" {
		t.Errorf("answered %d with Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
}

func TestThePageShowsTheIssue(t *testing.T) {
	b := start(t, jira.Cloud)
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue",
		issue(`,"summary":"<script>alert(1)</script>","description":"*bold* <img src=x>","labels":["fw-a"]`))
	b.must(t, http.StatusCreated, "POST", "/rest/api/2/issue/SEC-1/comment", `{"body":"||a||\n|[x|javascript:alert(1)]|"}`)
	noLogin := func(r *http.Request) { r.Header.Del("Authorization") }
	got := b.do(t, "GET", "/browse/SEC-1", "", noLogin)
	for _, want := range []string{
		"&lt;script&gt;alert(1)&lt;/script&gt;", "<b>bold</b> &lt;img src=x&gt;", "fw-a", "<th>a</th>", "x (javascript:alert(1))",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, got.body)
		}
	}
	policy := got.header.Get("Content-Security-Policy")
	if strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") || !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") {
		t.Errorf("the page is not safe: %q\n%s", policy, got.body)
	}
	if got := b.do(t, "GET", "/", "", noLogin); !strings.Contains(got.body, `<a href="/browse/SEC-1">SEC-1</a>`) {
		t.Errorf("the list is %s", got.body)
	}
	if got := b.do(t, "GET", "/page.css", "", noLogin); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/css") {
		t.Errorf("the style is %d %s", got.status, got.header.Get("Content-Type"))
	}
	if got := b.do(t, "GET", "/browse/SEC-9", "", noLogin); got.status != 404 {
		t.Errorf("an issue that is not there is %d", got.status)
	}
}

func FuzzJQL(f *testing.F) {
	b := jqlBench(f)
	for _, seed := range []string{`project = SEC AND labels in ("a", 'b') ORDER BY created DESC`, `labels != "a\"b"`, `(((`, `a'b`, `!==`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jql string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+"/rest/api/2/search?jql="+url.QueryEscape(jql), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := b.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK && response.StatusCode != http.StatusBadRequest {
			t.Errorf("%q was answered %d %s", jql, response.StatusCode, body)
		}
	})
}

func TestIssuesAreFetchedByKeyAsTheyAre(t *testing.T) {
	b := start(t, jira.Cloud, func(o *jira.Options) { o.SearchLag = 30 * time.Second })
	b.create(t, "one", "fw-a")
	b.create(t, "two", "fw-b")
	const path = "/rest/api/2/issue/bulkfetch"
	got := b.must(t, http.StatusOK, "POST", path, `{"issueIdsOrKeys":["SEC-2","SEC-3","10000"],"fields":["labels"]}`)
	for i, want := range []string{"SEC-1", "SEC-2"} {
		if key := got.member(t, "issues", i, "key"); key != want {
			t.Errorf("issue %d is %v", i, key)
		}
	}
	if labels, _ := got.member(t, "issues", 1, "fields", "labels").([]any); len(labels) != 1 || labels[0] != "fw-b" {
		t.Errorf("fetched %s", got.body)
	}
	if failed, _ := got.member(t, "issueErrors").([]any); len(failed) != 0 {
		t.Errorf("one that is not there is an error: %s", got.body)
	}
	for _, body := range []string{`{"issueIdsOrKeys":[]}`, `{"issueIdsOrKeys":["SEC-1"],"startAt":0}`, `{"issueIdsOrKeys":[` + strings.Repeat(`"SEC-1",`, 100) + `"SEC-1"]}`} {
		b.must(t, http.StatusBadRequest, "POST", path, body)
	}
}
