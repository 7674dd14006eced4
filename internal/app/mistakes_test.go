package app_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachMistakeOfAServiceHasItsOwnLineAndPath(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("JIRA_TOKEN", "two words")
	got := mistakes(t, `
archive:
  s3:
    bucket: a/b
    prefix: ../up
    endpoint: s3.lab.example
jira:
  url: http://jira.lab.example
  user: bot:lab
  token: env:JIRA_TOKEN
`)
	want := []string{
		"line 4: archive.s3.bucket: must be the name of a bucket",
		"line 5: archive.s3.prefix: must be like a key, of at most 256 bytes",
		"line 6: archive.s3.endpoint: must be an http or https URL without user and password",
		"line 8: jira: url is http: the credentials would travel in the clear; only this machine may be reached so",
		"line 9: jira.user: is the e-mail address that the API token belongs to",
		"line 10: jira.token: is missing, or holds what no token has: blanks, letters beyond ASCII",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}
