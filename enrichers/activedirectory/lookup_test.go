package activedirectory

import (
	"regexp"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func validConfig() Config {
	config := Defaults()
	config.URL = "ldaps://dc1.lab.example"
	config.BindDN = "CN=svc-funnelweb,CN=Users,DC=lab,DC=example"
	config.Password = framework.NewSecret(canary)
	config.BaseDN = "DC=lab,DC=example"
	return config
}

// canary is the password in tests that have no real directory.
const canary = "c4nary-P(ssw)rd*äö"

func newEnricher(t *testing.T, config Config) *Enricher {
	t.Helper()
	return newWith(t, config, frameworktest.Deps(t))
}

// newWith returns an enricher that keeps no connection beyond the test.
func newWith(t *testing.T, config Config, deps framework.Deps) *Enricher {
	t.Helper()
	enricher, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(enricher.CloseIdleConnections)
	return enricher
}

func TestFilters(t *testing.T) {
	enricher := newEnricher(t, validConfig())
	const people = "(&(objectCategory=person)(objectClass=user)"
	address := func(value, account string) string {
		return people + "(|(userPrincipalName=" + value + ")(mail=" + value + ")(proxyAddresses=smtp:" + value + ")" + account + "))"
	}
	cases := []struct {
		name string
		make func(string) string
		in   string
		want string
	}{
		{"an account name", enricher.userFilter, "jdoe", people + "(sAMAccountName=jdoe))"},
		{"an address in this domain", enricher.userFilter, "jdoe@LAB.example", address("jdoe@LAB.example", "(sAMAccountName=jdoe)")},
		{"an address elsewhere", enricher.userFilter, "jdoe@example.org", address("jdoe@example.org", "")},
		{"a machine account", enricher.userFilter, "WS-042$", "(&(objectClass=user)(sAMAccountName=WS-042$))"},
		{"a SID", enricher.userFilter, "S-1-5-21-1-2-3-500", "(&(objectClass=user)(objectSid=S-1-5-21-1-2-3-500))"},
		{"what only looks like a SID", enricher.userFilter, "S-1-5-x", people + "(sAMAccountName=S-1-5-x))"},
		{"an injected filter", enricher.userFilter, "*)(objectClass=*", people + `(sAMAccountName=\2a\29\28objectClass=\2a))`},
		{"another script", enricher.userFilter, "müller", people + `(sAMAccountName=m\c3\bcller))`},
		{"a backslash and a NUL", enricher.userFilter, "a\\b\x00", people + `(sAMAccountName=a\5cb\00))`},
		{"two at signs", enricher.userFilter, "a@b@lab.example", address("a@b@lab.example", "(sAMAccountName=a@b)")},
		{"a short host name", enricher.hostFilter, "ws-042", "(&(objectCategory=computer)(|(dNSHostName=ws-042.lab.example)(sAMAccountName=ws-042$)))"},
		{"a machine account as a host", enricher.hostFilter, "ws-042$", "(&(objectCategory=computer)(|(dNSHostName=ws-042.lab.example)(sAMAccountName=ws-042$)))"},
		{"a DNS name in this domain", enricher.hostFilter, "ws-042.lab.example", "(&(objectCategory=computer)(|(dNSHostName=ws-042.lab.example)(sAMAccountName=ws-042$)))"},
		{"a DNS name elsewhere", enricher.hostFilter, "ws-042.other.example", "(&(objectCategory=computer)(|(dNSHostName=ws-042.other.example)))"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.make(c.in)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := ldap.CompileFilter(got); err != nil {
				t.Errorf("the filter does not compile: %v", err)
			}
		})
	}
}

// FuzzFilter holds that no value changes the structure of a filter.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"jdoe", "*)(objectClass=*", `a\29b`, "x@lab.example", "a)(|(b=*", "\x00\xff@", "S-1-5-18", "x$"} {
		f.Add(seed)
	}
	enricher, err := New(validConfig(), framework.Deps{})
	if err != nil {
		f.Fatal(err)
	}
	values := regexp.MustCompile(`=[^()]*`)
	shapes := map[string]bool{}
	for _, plain := range []string{"a", "a@b", "a@lab.example", "a$", "S-1-5-18"} {
		shapes[values.ReplaceAllString(enricher.userFilter(plain), "")] = true
	}
	f.Fuzz(func(t *testing.T, name string) {
		filter := enricher.userFilter(name)
		if _, err := ldap.CompileFilter(filter); err != nil {
			t.Fatalf("%q gave %q: %v", name, filter, err)
		}
		if !shapes[values.ReplaceAllString(filter, "")] || strings.Contains(filter, "*") {
			t.Errorf("%q gave %q", name, filter)
		}
		if _, err := ldap.CompileFilter(enricher.hostFilter(name)); err != nil {
			t.Errorf("%q gave %q: %v", name, enricher.hostFilter(name), err)
		}
	})
}

func TestAmbiguousNamesTheCandidates(t *testing.T) {
	entries := []*ldap.Entry{
		ldap.NewEntry("CN=Jane,DC=lab", map[string][]string{"displayName": {"Jane Doe"}, "sAMAccountName": {"jdoe"}, "userAccountControl": {"514"}}),
		ldap.NewEntry(`CN=J\, D,DC=lab`, map[string][]string{"sAMAccountName": {"jd2"}}),
	}
	summary, facts, err := ambiguous("user", entries, false, frameworktest.Start())
	if err != nil || summary != "Ambiguous: 2 accounts match, and which user is meant is not guessed." {
		t.Errorf("got %q, %v", summary, err)
	}
	want := []framework.Fact{
		{Key: "candidate_1", Label: "Candidate 1", Value: `jd2, in an unknown state, CN=J\, D,DC=lab`},
		{Key: "candidate_2", Label: "Candidate 2", Value: "Jane Doe (jdoe), disabled, CN=Jane,DC=lab"},
	}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if summary, _, _ := ambiguous("user", entries, true, frameworktest.Start()); summary != "Ambiguous: more than 2 accounts match, and which user is meant is not guessed." {
		t.Errorf("got %q", summary)
	}
}
