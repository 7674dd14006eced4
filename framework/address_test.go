package framework_test

import (
	"strings"
	"testing"

	"funnelweb/framework"
)

func TestTheAddressOfAServiceIsHTTPSUnlessItIsThisMachine(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{"https://jira.example.com", "https://jira.example.com", ""},
		{"https://jira.example.com/jira//", "https://jira.example.com/jira", ""},
		{"https://[2001:db8::1]:8443/a%2Fb/", "https://[2001:db8::1]:8443/a%2Fb", ""},
		{"http://127.0.0.1:8081", "http://127.0.0.1:8081", ""},
		{"http://127.9.9.9", "http://127.9.9.9", ""},
		{"http://[::1]:1/x", "http://[::1]:1/x", ""},
		{"http://localhost/", "http://localhost", ""},
		{"", "", "missing"},
		{"jira.example.com", "", "absolute"},
		{"ftp://jira.example.com", "", "absolute"},
		{"https://", "", "absolute"},
		{"https://bot:" + canary + "@jira.example.com", "", "user or password"},
		{"https://jira.example.com/?token=" + canary, "", "query"},
		{"https://jira.example.com/?", "", "query"},
		{"https://jira.example.com/#" + canary, "", "fragment"},
		{"http://jira.example.com", "", "in the clear"},
		{"http://127.0.0.1.example.com", "", "in the clear"},
		{"http://localhost.example.com", "", "in the clear"},
		{"https://jira.example.com/%zz" + canary, "", "absolute"},
	} {
		got, err := framework.ServiceURL(c.text)
		if c.wrong == "" {
			if err != nil || got.String() != c.want {
				t.Errorf("%q gives %v, %v; want %s", c.text, got, err, c.want)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: error %v, want %q without the text", c.text, err, c.wrong)
		}
	}
}

func TestASecretThatFitsNoHeaderIsSeenBefore(t *testing.T) {
	for value, want := range map[string]bool{"abc~!": true, "": false, "a b": false, "a\n": false, "ä": false, "\x7f": false} {
		if got := framework.NewSecret(value).FitsHeader(); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
