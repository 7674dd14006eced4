package app_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One line of configuration for each kind of event archives it, below a prefix of its own.
func TestAlertsAndIssuesAreArchivedByOneLineEach(t *testing.T) {
	t.Setenv("SMALL_TOKEN", goodToken)
	data := t.TempDir()
	base, _ := start(t, plain+"data: "+data+`
archive: {dir: {path: "`+filepath.Join(data, "evidence")+`"}}
endpoints:
  - {use: splunk, before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]}
  - {use: jira, before: [{token: {secrets: ["env:SMALL_TOKEN"]}}]}
automations:
  - {name: archive-splunk, on: splunk.alert, do: {archive: {}}}
  - {name: archive-jira, on: jira.issue_created, do: {archive: {}}}
`, nil)
	const issue = `{"timestamp":1795175940000,"webhookEvent":"jira:issue_created","issue":{"id":"10001","self":"https://x.example/rest/api/2/issue/10001","key":"SEC-1","fields":{"summary":"of-the-issue","labels":[]}}}`
	for path, body := range map[string]string{"/api/v1/splunk/alert": smallAlert, "/api/v1/jira/webhook": issue} {
		if status, answer := send(t, http.MethodPost, base+path, goodToken, body); status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	holds := func(prefix, text string) bool {
		found := false
		err := filepath.WalkDir(filepath.Join(data, "evidence", prefix), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil //nolint:nilerr // it may not be there yet
			}
			content, err := os.ReadFile(name)
			found = found || err == nil && strings.HasPrefix(entry.Name(), prefix+"-") && strings.Contains(string(content), text)
			return nil
		})
		return err == nil && found
	}
	eventually(t, func() bool { return holds("splunk", `"sid":"s1"`) && holds("jira", `"summary":"of-the-issue"`) })
	if holds("splunk", "of-the-issue") || holds("jira", `"sid":"s1"`) {
		t.Error("an event is below the other's prefix")
	}
}
