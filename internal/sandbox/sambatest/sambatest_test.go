package sambatest_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/internal/sandbox/sambatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARealDomainController(t *testing.T) {
	domain := sambatest.Start(t, "dn: OU=More,DC=lab,DC=example\nobjectClass: organizationalUnit\n")
	t.Run("it finds what was loaded", func(t *testing.T) { findsWhatWasLoaded(t, domain) })
	t.Run("an account logs in unless its state forbids it", func(t *testing.T) { logsIn(t, domain) })
	t.Run("a password is not taken before StartTLS", func(t *testing.T) {
		conn, err := ldap.DialURL(domain.StartTLSURL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.Bind(domain.BindDN, domain.Password.Reveal()); !ldap.IsErrorWithCode(err, ldap.LDAPResultStrongAuthRequired) {
			t.Errorf("bind: %v", err)
		}
	})
}

func findsWhatWasLoaded(t *testing.T, domain *sambatest.Domain) {
	t.Helper()
	conn, err := ldap.DialURL(domain.URL, ldap.DialWithTLSConfig(domain.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(domain.BindDN, domain.Password.Reveal()); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ name, filter, want string }{
		{"the user of the story", "(sAMAccountName=jdoe)", "CN=Jane Doe,OU=Staff,DC=lab,DC=example"},
		{"what was given to Start", "(ou=More)", "OU=More,DC=lab,DC=example"},
	} {
		t.Run(one.name, func(t *testing.T) {
			found, err := conn.Search(ldap.NewSearchRequest(domain.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
				0, 10, false, one.filter, []string{"1.1"}, nil))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, entry := range found.Entries {
				names = append(names, entry.DN)
			}
			if diff := cmp.Diff([]string{one.want}, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func logsIn(t *testing.T, domain *sambatest.Domain) {
	t.Helper()
	for _, one := range []struct{ account, code string }{
		{"CN=Jane Doe,OU=Staff,DC=lab,DC=example", ""},
		{"LAB\\jdoe", ""},
		{"jdoe@lab.example", ""},
		{"ddisabled@lab.example", "data 533"},
		{"llocked@lab.example", "data 775"},
		{"eexpired@lab.example", "data 701"},
		{"mchange@lab.example", "data 773"},
	} {
		t.Run(one.account, func(t *testing.T) {
			conn, err := ldap.DialURL(domain.StartTLSURL)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.StartTLS(domain.TLS()); err != nil {
				t.Fatal(err)
			}
			err = conn.Bind(one.account, sambatest.UserPassword)
			if one.code == "" && err != nil {
				t.Errorf("bind: %v", err)
			}
			if one.code != "" && (!ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) || !strings.Contains(err.Error(), one.code)) {
				t.Errorf("bind: %v, want code 49 with %s", err, one.code)
			}
		})
	}
}
