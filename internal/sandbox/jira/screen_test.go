package jira_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/jira"
)

func jane() jira.User { return jira.User{Email: "jane@lab.example", Name: "Jane Doe", Private: true} }

// screened is a stand-in with a field of each kind.
func screened(o *jira.Options) {
	o.Users = []jira.User{jane(), {Email: "bob@lab.example", Name: "Bob Roe"}}
	o.OffScreen = []jira.Field{{ID: "customfield_10099", Name: "Hidden", Type: "string", Custom: "textfield"}}
	o.Fields = []jira.Field{
		{ID: "assignee", Name: "Assignee", Type: "user"},
		{ID: "priority", Name: "Priority", Type: "priority", Allowed: []string{"High", "Low"}},
		{ID: "customfield_10001", Name: "Severity", Type: "option", Custom: "select", Allowed: []string{"Major", "Minor"}, Required: true},
		{ID: "customfield_10002", Name: "Score", Type: "number", Custom: "float"},
		{ID: "customfield_10003", Name: "Host", Type: "string", Custom: "textfield"},
		{ID: "customfield_10004", Name: "Evidence", Type: "string", Custom: "textarea"},
		{ID: "customfield_10005", Name: "Due", Type: "date", Custom: "datepicker"},
		{ID: "customfield_10006", Name: "Tools", Type: "array", Items: "option", Custom: "multiselect", Allowed: []string{"EDR", "SIEM"}},
		{ID: "customfield_10007", Name: "Tags", Type: "array", Items: "string", Custom: "labels"},
		{ID: "customfield_10008", Name: "Place", Type: "option-with-child", Custom: "cascadingselect", Allowed: []string{"EU > Berlin", "EU > Rome", "US > Austin"}},
		{ID: "customfield_10009", Name: "Owners", Type: "array", Items: "user", Custom: "multiuserpicker"},
	}
}

func TestFieldsOfTheScreenAreTakenAndWrongValuesRefused(t *testing.T) {
	who := map[string]string{jira.Cloud: fmt.Sprintf(`{"accountId":%q}`, jane().AccountID()), jira.DataCenter: `{"name":"jane"}`}
	stranger := map[string]string{jira.Cloud: `{"name":"jane"}`, jira.DataCenter: `{"accountId":"x"}`}
	for _, flavor := range []string{jira.Cloud, jira.DataCenter} {
		b := start(t, flavor, screened)
		major := `"customfield_10001":{"value":"Major"},`
		for name, test := range map[string]struct{ fields, wrong string }{
			"everything": {
				major + `"assignee":` + who[flavor] + `,"priority":{"name":"High"},"customfield_10002":7.5,"customfield_10003":"WS-042","customfield_10004":"a\nb",` +
					`"customfield_10005":"2026-11-20","customfield_10006":[{"value":"EDR"},{"value":"SIEM"}],"customfield_10007":["a","b"],` +
					`"customfield_10008":{"value":"EU","child":{"value":"Rome"}},"customfield_10009":[` + who[flavor] + `]`, "",
			},
			"nothing that is required":   {`"priority":{"name":"High"}`, `"customfield_10001":"Severity is required."`},
			"another option":             {`"customfield_10001":{"value":"major"}`, `"customfield_10001":"Option value 'major' is not valid"`},
			"an option as a text":        {`"customfield_10001":"Major"`, `"customfield_10001":"data was not an object"`},
			"an option without a name":   {`"customfield_10001":{}`, `"customfield_10001":"Specify a valid 'id' or 'name' for Severity"`},
			"an unknown priority":        {major + `"priority":{"name":"Urgent"}`, `"priority":"The priority selected is invalid."`},
			"a number as a text":         {major + `"customfield_10002":"7"`, `"customfield_10002":"Operation value must be a number"`},
			"a text as a number":         {major + `"customfield_10003":7`, `"customfield_10003":"Operation value must be a string"`},
			"a line that is too long":    {major + `"customfield_10003":"` + strings.Repeat("x", 256) + `"`, "allowed limit of 255 characters"},
			"a line of two":              {major + `"customfield_10003":"a\nb"`, "contains newline"},
			"a text that is too long":    {major + `"customfield_10004":"` + strings.Repeat("x", 32768) + `"`, "allowed limit of 32767 characters"},
			"no date":                    {major + `"customfield_10005":"today"`, "Error parsing date string: today"},
			"one value for an array":     {major + `"customfield_10006":{"value":"EDR"}`, "data was not an array"},
			"an option that there isn't": {major + `"customfield_10006":[{"value":"EDR"},{"value":"x"}]`, "Option value 'x' is not valid"},
			"a label with a space":       {major + `"customfield_10007":["a b"]`, "contains spaces"},
			"another's child":            {major + `"customfield_10008":{"value":"US","child":{"value":"Rome"}}`, "is not a child of 'US'"},
			"the other flavour's user":   {major + `"assignee":` + stranger[flavor], `"assignee"`},
			"a field off the screen":     {major + `"customfield_10099":"x"`, "It is not on the appropriate screen"},
		} {
			got := b.do(t, "POST", "/rest/api/2/issue", issue(`,"summary":"s",`+test.fields))
			if want := map[bool]int{true: 201, false: 400}[test.wrong == ""]; got.status != want || !strings.Contains(got.body, test.wrong) {
				t.Errorf("%s, %s: answered %d %s", flavor, name, got.status, got.body)
			}
		}
		b.must(t, http.StatusNoContent, "PUT", "/rest/api/2/issue/SEC-1", `{"fields":{"customfield_10003":"WS-043"}}`)
		got := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1?fields=customfield_10003,priority&expand=transitions", "")
		if got.member(t, "fields", "customfield_10003") != "WS-043" || got.member(t, "fields", "priority", "name") != "High" || got.member(t, "transitions", 0, "name") != "Start work" {
			t.Errorf("%s: read %s", flavor, got.body)
		}
		if got := len(b.Issues()); got != 1 {
			t.Errorf("%s: %d issues", flavor, got)
		}
	}
}

func TestTheScreenIsToldInPages(t *testing.T) {
	for flavor, list := range map[string]string{jira.Cloud: "fields", jira.DataCenter: "values"} {
		b := start(t, flavor, screened)
		const meta = "/rest/api/2/issue/createmeta/SEC/issuetypes/10002"
		var names []any
		for first := range 4 {
			page := b.must(t, http.StatusOK, "GET", fmt.Sprintf("%s?startAt=%d&maxResults=5", meta, first*5), "")
			fields, _ := page.member(t, list).([]any)
			for i := range fields {
				names = append(names, page.member(t, list, i, "name"))
			}
		}
		want := []any{
			"Project", "Issue Type", "Summary", "Description", "Labels", "Assignee", "Priority", "Severity", "Score", "Host", "Evidence", "Due", "Tools", "Tags", "Place", "Owners",
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", flavor, diff)
		}
		page := b.must(t, http.StatusOK, "GET", meta, "")
		got := []any{page.member(t, list, 7, "required"), page.member(t, list, 7, "allowedValues", 1, "value"), page.member(t, list, 14, "allowedValues", 0, "children", 1, "value"), page.member(t, list, 12, "schema", "items")}
		if diff := cmp.Diff([]any{true, "Minor", "Rome", "option"}, got); diff != "" {
			t.Errorf("%s: details (-want +got):\n%s", flavor, diff)
		}
		if got := b.do(t, "GET", "/rest/api/2/issue/createmeta/SEC/issuetypes/99", ""); got.status != 404 {
			t.Errorf("%s: answered %d for a type that there is not", flavor, got.status)
		}
		if all := b.must(t, http.StatusOK, "GET", "/rest/api/2/field", ""); !strings.Contains(all.body, `"Hidden"`) {
			t.Errorf("%s: the fields of the site are %s", flavor, all.body)
		}
	}
}

func TestUsersAreFoundInTheWordsOfTheFlavour(t *testing.T) {
	for flavor, word := range map[string]string{jira.Cloud: "query", jira.DataCenter: "username"} {
		b := start(t, flavor, screened)
		const search = "/rest/api/2/user/assignable/search?project=SEC&"
		found := b.must(t, http.StatusOK, "GET", search+word+"=jane%40lab.example", "")
		if found.member(t, 0, "displayName") != "Jane Doe" || found.member(t, 0, "emailAddress") != nil {
			t.Errorf("%s: found %s", flavor, found.body)
		}
		if none := b.must(t, http.StatusOK, "GET", search+word+"=nobody", ""); none.body != "[]" {
			t.Errorf("%s: found %s", flavor, none.body)
		}
		other := map[string]string{"query": "username", "username": "query"}[word]
		if got := b.do(t, "GET", search+other+"=jane", ""); got.status != 400 {
			t.Errorf("%s: the other flavour's word was answered %d", flavor, got.status)
		}
		if got := b.do(t, "GET", strings.Replace(search, "SEC", "NO", 1)+word+"=jane", ""); got.status != 404 {
			t.Errorf("%s: a project that there is not was answered %d", flavor, got.status)
		}
	}
}

// form is a body that holds a file.
func form(t *testing.T, field, name, content string) (body, kind string) {
	t.Helper()
	var buffer bytes.Buffer
	writer := multipart.NewWriter(&buffer)
	part, err := writer.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.String(), writer.FormDataContentType()
}

func TestFilesAreAttachedAsJiraWantsThemOnly(t *testing.T) {
	for name, test := range map[string]struct {
		field, content, token, kind string
		limit, status               int
		says                        string
	}{
		"a file":                           {"file", "rows", "no-check", "", 10, 200, `"filename":"rows.csv"`},
		"without the header":               {"file", "rows", "", "", 10, 403, "XSRF check failed"},
		"with the header of old clients":   {"file", "rows", "nocheck", "", 10, 403, "XSRF check failed"},
		"under another name":               {"upload", "rows", "no-check", "", 10, 400, "no file named 'file'"},
		"not as a form":                    {"file", "rows", "no-check", "application/json", 10, 415, "multipart/form-data"},
		"one byte too many":                {"file", "rows", "no-check", "", 3, 413, "exceeds the maximum size of 3 bytes"},
		"where attachments are turned off": {"file", "rows", "no-check", "", -1, 403, "permission to create attachments"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, jira.Cloud, func(o *jira.Options) { o.UploadLimit = test.limit; o.WriteEvery = time.Minute })
			b.create(t, "one", "x")
			body, kind := form(t, test.field, "rows.csv", test.content)
			if test.kind != "" {
				kind = test.kind
			}
			send := func() reply {
				return b.do(t, "POST", "/rest/api/2/issue/SEC-1/attachments", body, func(r *http.Request) {
					r.Header.Set("Content-Type", kind)
					r.Header.Set("X-Atlassian-Token", test.token)
				})
			}
			got := send()
			if got.status != test.status || !strings.Contains(got.body, test.says) {
				t.Fatalf("answered %d %s", got.status, got.body)
			}
			stored, _ := b.Issue("SEC-1")
			if want := map[bool]int{true: 1, false: 0}[test.status == 200]; len(stored.Attachments) != want {
				t.Fatalf("%d files are stored", len(stored.Attachments))
			}
			meta := b.must(t, http.StatusOK, "GET", "/rest/api/2/attachment/meta", "")
			if meta.member(t, "enabled") != (test.limit > 0) {
				t.Errorf("the limits are %s", meta.body)
			}
			if test.status != 200 {
				return
			}
			read := b.must(t, http.StatusOK, "GET", "/rest/api/2/issue/SEC-1?fields=attachment", "")
			address, _ := read.member(t, "fields", "attachment", 0, "content").(string)
			file := b.must(t, http.StatusOK, "GET", strings.TrimPrefix(address, b.URL()), "")
			if file.body != "rows" || file.header.Get("Content-Disposition") != "attachment; filename=rows.csv" {
				t.Errorf("the file is %q %v", file.body, file.header)
			}
			if again := send(); again.status != http.StatusTooManyRequests || again.header.Get("RateLimit-Reason") != "jira-per-issue-on-write" {
				t.Errorf("the next write at once was answered %d %v", again.status, again.header)
			}
		})
	}
}
