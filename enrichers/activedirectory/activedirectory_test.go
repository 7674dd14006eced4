package activedirectory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCertificate, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	const clear = "ldap:// would send the password in the clear: use ldaps://, or set start_tls: true"
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"plain LDAP", func(c *Config) { c.URL = "ldap://dc1.lab.example" }, clear},
		{"plain LDAP as the second", func(c *Config) { c.MoreURLs = []string{"ldap://dc2.lab.example"} }, clear},
		{"StartTLS within TLS", func(c *Config) { c.StartTLS = true }, "start_tls goes with ldap://; ldaps:// is encrypted from the first byte"},
		{"another scheme", func(c *Config) { c.URL = "ldapi://socket" }, "url must begin with ldaps://, or with ldap:// and start_tls: true"},
		{"no host", func(c *Config) { c.URL = "ldaps://" }, "url must be ldaps://host or ldaps://host:port, with no more to it"},
		{"a password in the URL", func(c *Config) { c.URL = "ldaps://u:p@dc1" }, "url must be ldaps://host or ldaps://host:port, with no more to it"},
		{"no base", func(c *Config) { c.BaseDN = "" }, `base_dn must be a distinguished name such as "DC=example,DC=com"`},
		{"a base that is no DN", func(c *Config) { c.BaseDN = "lab.example" }, `base_dn must be a distinguished name such as "DC=example,DC=com"`},
		{"no account", func(c *Config) { c.BindDN = "" }, "bind_dn and password are required: Active Directory tells strangers nothing"},
		{"no password", func(c *Config) { c.Password = framework.Secret{} }, "bind_dn and password are required: Active Directory tells strangers nothing"},
		{"no time", func(c *Config) { c.Timeout = 0 }, "timeout and fresh must be longer than 0"},
		{"a CA file without a certificate", func(c *Config) { c.CAFile = noCertificate }, "ca_file " + noCertificate + " holds no certificate in PEM form"},
		{"no CA file", func(c *Config) { c.CAFile = "/nowhere/ca.pem" }, "read ca_file: open /nowhere/ca.pem: no such file or directory"},
		{
			"two mistakes are both told", func(c *Config) { c.URL, c.BaseDN = "ldap://dc1", "" },
			clear + "\n" + `base_dn must be a distinguished name such as "DC=example,DC=com"`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := validConfig()
			c.change(&config)
			_, err := New(config, frameworktest.Deps(t))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			frameworktest.LeaksNoSecret(t, canary, err.Error())
		})
	}
}

func TestAddresses(t *testing.T) {
	config := validConfig()
	config.MoreURLs = []string{"ldaps://dc2.lab.example:1636/", "ldaps://[::1]"}
	want := []server{
		{address: "dc1.lab.example:636", name: "dc1.lab.example"},
		{address: "dc2.lab.example:1636", name: "dc2.lab.example"},
		{address: "[::1]:636", name: "::1"},
	}
	if diff := cmp.Diff(want, newEnricher(t, config).servers, cmp.AllowUnexported(server{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	config = validConfig()
	config.URL, config.StartTLS, config.ServerName = "ldap://10.0.0.1", true, "dc1.lab.example"
	want = []server{{address: "10.0.0.1:389", name: "dc1.lab.example", plaintext: true}}
	if diff := cmp.Diff(want, newEnricher(t, config).servers, cmp.AllowUnexported(server{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheReadmesConfigurationLoads(t *testing.T) {
	t.Setenv("AD_PASSWORD", canary)
	config := Defaults()
	frameworktest.ReadmeConfig(t, "enrichers.activedirectory", &config)
	config.CAFile = "" // a path of the reader's machine
	newEnricher(t, config)
}

func TestKindsThatADirectoryDoesNotKnowAreRefused(t *testing.T) {
	enricher := newEnricher(t, validConfig())
	_, err := enricher.Enrich(t.Context(), framework.Indicator{Kind: framework.MD5, Value: strings.Repeat("0", 32)})
	if !framework.IsPermanent(err) {
		t.Errorf("got %v, want a permanent error", err)
	}
}
