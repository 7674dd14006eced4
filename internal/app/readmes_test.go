package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// taken is what a README of an action takes for granted.
const taken = `
jira: {url: "https://example.atlassian.net", user: bot@example.com, token: "env:README_SECRET"}
enrichers:
  activedirectory: {url: "ldaps://dc1.example.com", bind_dn: "CN=svc,DC=example,DC=com", password: "env:README_SECRET", base_dn: "DC=example,DC=com"}
  virustotal: {key: "env:README_SECRET", per_minute: 4, per_day: 500}
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:README_SECRET"], in: query, name: token}}]
  - use: jira
    before: [{hmac: {preset: jira, secrets: ["env:README_SECRET"]}}]
  - use: archive
    before: [{token: {secrets: ["env:README_SECRET"]}}]
    with: {threatstack: {url: "https://app.threatstack.com/api/v1", key: "env:README_SECRET"}}
`

// Every block of automations that a README of an action shows can be pasted, conditions included.
func TestTheAutomationsOfTheReadmesCanBePasted(t *testing.T) {
	for _, name := range []string{"README_SECRET", "THREATSTACK_API_KEY", "SPLUNK_REST_TOKEN"} {
		t.Setenv(name, "0123456789abcdef0123456789abcdef")
	}
	readmes, err := filepath.Glob("../../actions/*/README.md")
	if err != nil || len(readmes) < 3 {
		t.Fatalf("%d READMEs, %v", len(readmes), err)
	}
	for _, readme := range readmes {
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?ms)^```yaml\n(automations:.*?)^```$").FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s shows no automation", readme)
		}
		for i, block := range blocks {
			if wrong := mistakes(t, taken+block[1]); len(wrong) > 0 {
				t.Errorf("%s, block %d:\n%s", readme, i+1, strings.Join(wrong, "\n"))
			}
		}
	}
}
