package jira_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/jira"
)

const canary = "ATATT3xCanary-0123456789"

func TestNewReportsEveryMistakeAtOnceAndNeverASecret(t *testing.T) {
	t.Parallel()
	token := framework.NewSecret(canary)
	good := jira.Config{URL: "https://example.atlassian.net", User: "bot@example.com", Token: token}
	with := func(change func(*jira.Config)) jira.Config {
		config := good
		change(&config)
		return config
	}
	for name, test := range map[string]struct {
		config jira.Config
		want   []string
	}{
		"nothing is configured": {jira.Config{}, []string{
			"url is missing", "user: is the e-mail address that the API token belongs to", "token: is missing, or holds what no token has: blanks, letters beyond ASCII",
		}},
		"the token was pasted with a line feed": {
			with(func(c *jira.Config) { c.Token = framework.NewSecret(canary + "\n") }),
			[]string{"token: is missing, or holds what no token has: blanks, letters beyond ASCII"},
		},
		"the file of authorities is not there": {with(func(c *jira.Config) { c.CAFile = "testdata/none.pem" }), []string{"ca_file: open testdata/none.pem: no such file or directory"}},
		"the flavour is unknown":               {with(func(c *jira.Config) { c.Flavor = "server" }), []string{"flavor: is cloud or datacenter"}},
		"a user would end the user name in basic authentication": {
			with(func(c *jira.Config) { c.User = "bot:x" }),
			[]string{"user: is the e-mail address that the API token belongs to"},
		},
		"the token would travel in the clear": {with(func(c *jira.Config) { c.URL = "http://jira.example.com" }), []string{
			"url is http: the credentials would travel in the clear; only this machine may be reached so",
		}},
		"the address holds a password": {with(func(c *jira.Config) { c.URL = "https://bot:" + canary + "@example.com" }), []string{
			"url holds a user or password; they have keys of their own",
		}},
		"the address cannot be parsed and holds a password": {
			with(func(c *jira.Config) { c.URL = "https://bot:" + canary + "@exa mple.com" }),
			[]string{"url is not an absolute https address"},
		},
		"the address is relative":      {with(func(c *jira.Config) { c.URL = "example.atlassian.net" }), []string{"url is not an absolute https address"}},
		"the address is no web page":   {with(func(c *jira.Config) { c.URL = "ftp://example.com" }), []string{"url is not an absolute https address"}},
		"the address has a query":      {with(func(c *jira.Config) { c.URL += "/?os_authType=basic" }), []string{"url has a query or fragment; give the base address alone"}},
		"a host only looks like local": {with(func(c *jira.Config) { c.URL = "http://localhost.example.com" }), []string{"url is http: the credentials would travel in the clear; only this machine may be reached so"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jira.New(test.config, frameworktest.Deps(t))
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
}

func TestNewTakesAddressesOfBothFlavours(t *testing.T) {
	t.Parallel()
	token := framework.NewSecret(canary)
	for address, want := range map[string]string{
		"https://example.atlassian.net":      "https://example.atlassian.net/browse/SEC-1",
		"https://example.atlassian.net/":     "https://example.atlassian.net/browse/SEC-1",
		"https://intranet.example.com/jira/": "https://intranet.example.com/jira/browse/SEC-1",
		"http://127.0.0.1:2990/jira":         "http://127.0.0.1:2990/jira/browse/SEC-1",
		"http://[::1]:2990":                  "http://[::1]:2990/browse/SEC-1",
		"http://localhost:2990":              "http://localhost:2990/browse/SEC-1",
	} {
		client, err := jira.New(jira.Config{URL: address, Token: token, Flavor: jira.DataCenter}, frameworktest.Deps(t))
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := client.Link("SEC-1"); got != want {
			t.Errorf("link at %s is %s, want %s", address, got, want)
		}
	}
}

func TestTheFlavourIsCloudUnlessSaidOtherwise(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(jira.Config{Flavor: "cloud"}, jira.Defaults(), cmp.AllowUnexported(framework.Secret{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}
