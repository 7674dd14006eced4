package activedirectory

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/sambatest"
)

// times are as facts have them.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)

// badPasswords is how often a wrong password was tried at the bind account since the last right one.
func badPasswords(t *testing.T, config Config, domain *sambatest.Domain) int {
	t.Helper()
	conn, err := ldap.DialURL(domain.URL, ldap.DialWithTLSConfig(domain.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(`LAB\jdoe`, sambatest.UserPassword); err != nil { // another account: that of the test would set the count back
		t.Fatal(err)
	}
	found, err := conn.Search(ldap.NewSearchRequest(config.BindDN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 10, false, "(objectClass=*)", []string{"badPwdCount"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(found.Entries[0].GetAttributeValue("badPwdCount"))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

var golden = flag.Bool("golden", false, "write the golden files anew")

// TestARealDirectory asks Samba, a domain controller that is not ours.
func TestARealDirectory(t *testing.T) {
	domain := sambatest.Start(t, crowd())
	config := Defaults()
	config.URL, config.BaseDN, config.BindDN, config.Password = domain.URL, domain.BaseDN, domain.BindDN, domain.Password
	config.Timeout = time.Minute // it shares two processors with everything else
	config.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(config.CAFile, domain.CAPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("what it says of people", func(t *testing.T) { holdsTo(t, "testdata/people.golden", config, people()) })
	t.Run("what it says of computers", func(t *testing.T) { holdsTo(t, "testdata/computers.golden", config, computers()) })
	t.Run("what it says of a crowd", func(t *testing.T) { holdsTo(t, "testdata/crowd.golden", config, crowdNames()) })
	t.Run("what it says of settings", func(t *testing.T) { holdsTo(t, "testdata/settings.golden", config, settingsNames()) })
	t.Run("ways to bind", func(t *testing.T) { waysToBind(t, config, domain) })
	t.Run("refusals", func(t *testing.T) { refusals(t, config) })
	t.Run("injection", func(t *testing.T) { nothingIsInjected(t, config) })
	t.Run("one connection serves many", func(t *testing.T) { reuses(t, config, domain) })
	t.Run("side by side", func(t *testing.T) { manyAtOnce(t, config) })
	t.Run("check online", func(t *testing.T) { checksOnline(t, config, domain) })
	t.Run("a finding says when it was asked and how long it is good", func(t *testing.T) {
		finding, err := newEnricher(t, config).Enrich(t.Context(), jdoe())
		if err != nil {
			t.Fatal(err)
		}
		want := framework.Finding{Source: "activedirectory", Indicator: jdoe(), AskedAt: frameworktest.Start(), StaleAt: frameworktest.Start().Add(15 * time.Minute)}
		finding.Summary, finding.Facts = "", nil
		if diff := cmp.Diff(want, finding); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// people are the users of the story, in every spelling, and names that nobody has.
func people() []string {
	return []string{
		"user jdoe", "user JDOE", `user LAB\jdoe`, `user lab.example\jdoe`, "user jdoe@lab.example", "email jdoe@lab.example",
		`user WS-042\jdoe`, `user NT AUTHORITY\SYSTEM`, `user LAB\`,
		"email mark.boss@lab.example", "email jdoe@elsewhere.example",
		"user ddisabled", "user llocked", "user eexpired", "user nnever", "user mchange", "user zmueller", "user aadmin", "user svc-backup",
		"email s.smith@lab.example", "user Müller, Žofie (Łódź) 山田",
		"user nobody", "user *", "user *)(objectClass=*", "user jdoe)(|(cn=*", `user jdoe\2a`, "user j*", "user (", `user "O'Brien"`, "user 山",
	}
}

func computers() []string {
	return []string{"host ws-042", "host WS-042.lab.example", "host ws-042.elsewhere.example", "host ws-043", "user WS-042$"}
}

// holdsTo holds all that is read of indicators to a golden file. What differs from one domain to the next is masked.
func holdsTo(t *testing.T, path string, config Config, indicators []string) {
	t.Helper()
	deps := frameworktest.Deps(t)
	deps.Now = time.Now // the ages of the accounts are those of a real domain
	enricher := newWith(t, config, deps)
	var text strings.Builder
	var above []framework.Fact
	for _, asked := range indicators {
		kind, value, _ := strings.Cut(asked, " ")
		indicator, err := framework.ParseIndicator(framework.Kind(kind), value)
		if err != nil {
			t.Fatal(err)
		}
		finding, err := enricher.Enrich(t.Context(), indicator)
		if err != nil {
			t.Fatalf("%s: %v", asked, err)
		}
		fmt.Fprintf(&text, "%s\n  %s\n", asked, finding.Summary)
		if cmp.Equal(above, finding.Facts) && above != nil {
			fmt.Fprintln(&text, "    (as above)")
			continue
		}
		above = finding.Facts
		for _, fact := range finding.Facts {
			fmt.Fprintf(&text, "    %-14s %s\n", fact.Key, fact.Value)
		}
	}
	got := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`).ReplaceAllString(text.String(), "<time>")
	got = regexp.MustCompile(`(password_set|created) +<time>.*`).ReplaceAllString(got, "$1 <time and age>")
	got = regexp.MustCompile(`([Ss]hared ?)\d`).ReplaceAllString(got, "$1<n>") // which of too many are named is the server's choice
	got = regexp.MustCompile(`S-1-5-21-[0-9-]+`).ReplaceAllString(got, "<sid>")
	if *golden {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func waysToBind(t *testing.T, config Config, domain *sambatest.Domain) {
	t.Helper()
	startTLS := func(c *Config) { c.URL, c.StartTLS = domain.StartTLSURL, true }
	for name, change := range map[string]func(*Config){
		"a DN":                        func(*Config) {},
		"user@domain":                 func(c *Config) { c.BindDN = "svc-funnelweb@lab.example" },
		`DOMAIN\user`:                 func(c *Config) { c.BindDN = `LAB\svc-funnelweb` },
		"StartTLS":                    startTLS,
		"the name in the certificate": func(c *Config) { startTLS(c); c.ServerName = domain.Host },
		"a dead controller first":     func(c *Config) { c.URL, c.MoreURLs = "ldaps://127.0.10.255", []string{domain.URL} },
	} {
		t.Run(name, func(t *testing.T) {
			changed := config
			change(&changed)
			enricher := newEnricher(t, changed)
			if err := enricher.Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
			finding, err := enricher.Enrich(t.Context(), jdoe())
			if err != nil || !strings.HasPrefix(finding.Summary, "Jane Doe (jdoe)") {
				t.Errorf("got %q, %v", finding.Summary, err)
			}
		})
	}
}

func refusals(t *testing.T, config Config) {
	t.Helper()
	as := func(account string) func(*Config) {
		return func(c *Config) { c.BindDN, c.Password = account, framework.NewSecret(sambatest.UserPassword) }
	}
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"a wrong password", func(c *Config) { c.Password = framework.NewSecret(canary) }, "bind: bind_dn or password is wrong: correct them (status 49)"},
		{"a disabled account", as(`LAB\ddisabled`), "bind: the account in bind_dn is disabled: enable it (status 49)"},
		{"a locked account", as(`LAB\llocked`), "bind: the account in bind_dn is locked out: unlock it, and look for what tries wrong passwords (status 49)"},
		{"an expired account", as(`LAB\eexpired`), "bind: the account in bind_dn has expired: extend it (status 49)"},
		{"an expired password", as(`LAB\oold`), "bind: the password of the account in bind_dn has expired: set a new one (status 49)"},
		{"a password to be changed", as(`LAB\mchange`), "bind: the account in bind_dn must change its password: set one that need not be changed (status 49)"},
		{"a base that does not exist", func(c *Config) { c.BaseDN = "OU=Nowhere,DC=lab,DC=example" }, "check: base_dn does not exist in this directory, or the account in bind_dn may not see it (status 32)"},
		{"another domain's base", func(c *Config) { c.BaseDN = "DC=other,DC=example" }, "check: base_dn does not exist in this directory, or the account in bind_dn may not see it (status 32)"},
		{"no authority", func(c *Config) { c.CAFile = "" }, "start TLS: the certificate of DC is not from a trusted authority: set ca_file to the one of your domain"},
		{"another name", func(c *Config) { c.ServerName = "dc2.lab.example" }, "start TLS: the certificate of DC is for another name: correct url, or set server_name"},
		{"TLS at the port without", func(c *Config) { c.URL += "x"; c.URL = strings.Replace(c.URL, ":636x", ":389", 1) }, "start TLS: DC closed the connection before it had answered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := config
			c.change(&changed)
			enricher := newEnricher(t, changed)
			err := enricher.Check(t.Context())
			got := strings.ReplaceAll(framework.Reason(err), enricher.servers[0].address, "DC")
			if diff := cmp.Diff("activedirectory: "+c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
			if err != nil {
				frameworktest.LeaksNoSecret(t, changed.Password.Reveal(), err.Error(), fmt.Sprintf("%+v", err))
			}
		})
	}
}
