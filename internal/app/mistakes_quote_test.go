package app_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"funnelweb/framework/frameworktest"
)

// TestNoMistakeQuotesASecretThatIsWrittenInPlace puts a canary wherever the example has a reference.
func TestNoMistakeQuotesASecretThatIsWrittenInPlace(t *testing.T) {
	text, err := os.ReadFile("../../configs/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reference := regexp.MustCompile(`env:\w+`)
	places := len(reference.FindAll(text, -1))
	got := mistakes(t, reference.ReplaceAllString(string(text), headerCanary))
	frameworktest.LeaksNoSecret(t, headerCanary, got...)
	told := 0
	for _, mistake := range got {
		if strings.Contains(mistake, "a secret is written as env:NAME or file:/path") {
			told++
		}
	}
	if told == 0 || places == 0 {
		t.Errorf("%d of %d places are mistakes: %q", told, places, got)
	}
	for _, wrong := range []string{
		"listen: " + headerCanary, "server: {trusted_proxies: [" + headerCanary + "]}", "engine: " + headerCanary, "jira: {url: \"https://u:" + headerCanary + "@%zz\"}",
		"jira: {url: \"http://u:" + headerCanary + "@jira.example.com\", user: a, token: env:PATH}", "jira: {flavor: " + headerCanary + "}", "endpoints: [" + headerCanary + "]",
		"endpoints: [{use: splunk, before: [{token: {secrets: " + headerCanary + "}}]}]", "archive: {s3: {endpoint: \"https://u:" + headerCanary + "@%zz\", bucket: b}}",
		"enrichers: {activedirectory: {url: \"ldaps://u:" + headerCanary + "@x\", password: " + headerCanary + "}}",
	} {
		got := mistakes(t, wrong+"\n")
		if len(got) == 0 {
			t.Errorf("%q has no mistake", wrong)
		}
		frameworktest.LeaksNoSecret(t, headerCanary, got...)
	}
}
