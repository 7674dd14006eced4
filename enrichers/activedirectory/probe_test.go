package activedirectory

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/authority"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/fault"
	"funnelweb/internal/sandbox/sambatest"
)

// probed is what is said of a directory, with its addresses by place in the configuration: DC, DC2.
func probed(t *testing.T, config Config) []string {
	t.Helper()
	deps := frameworktest.Deps(t)
	deps.Now, deps.Answers = time.Now, nil
	enricher := newWith(t, config, deps)
	var lines []string
	for _, one := range enricher.Probe(t.Context()) {
		line := strings.TrimSuffix(fmt.Sprintf("%s %t: %s -> %s", one.Name, one.OK, one.Detail, one.Advice), " -> ")
		for i, controller := range enricher.servers {
			line = strings.ReplaceAll(line, controller.address, []string{"DC", "DC2", "DC3"}[i])
		}
		lines = append(lines, line)
	}
	frameworktest.LeaksNoSecret(t, config.Password.Reveal(), strings.Join(lines, "\n"))
	return lines
}

const (
	signedIn = "sign in at DC true: as CN=svc-funnelweb,OU=Service Accounts,DC=lab,DC=example"
	agrees   = "clock of DC true: agrees with that of this machine"
	ownState = "bind account true: Funnelweb (svc-funnelweb) is enabled; password never expires"
	mayRead  = "users true: more than 20 users below DC=lab,DC=example, with state and groups"
)

// checksOnline asks Samba what check --online says of it.
func checksOnline(t *testing.T, config Config, domain *sambatest.Domain) {
	t.Helper()
	cases := []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"all is well", func(*Config) {}, []string{signedIn, agrees, ownState, mayRead}},
		{"signed in by name", func(c *Config) { c.BindDN = `LAB\svc-funnelweb` }, []string{`sign in at DC true: as LAB\svc-funnelweb`, agrees, ownState, mayRead}},
		{"an administrator", func(c *Config) {
			c.BindDN, c.Password = "aadmin@lab.example", framework.NewSecret(sambatest.UserPassword)
		}, []string{
			"sign in at DC true: as aadmin@lab.example", agrees,
			"bind account true: Anna Admin (aadmin) is enabled; its password expires <time>; it is privileged: Administrators, Domain Admins -> use an account without privileges: that of an ordinary user can read all that is needed",
			mayRead,
		}},
		{"a second one that is dead", func(c *Config) { c.MoreURLs = []string{"ldaps://127.0.10.255"} }, []string{
			signedIn, agrees, "sign in at DC2 false: activedirectory: connect: DC2 refuses connections -> start it, correct the port, or open the firewall", ownState, mayRead,
		}},
		{"a wrong password is tried once", func(c *Config) {
			c.Password, c.MoreURLs = framework.NewSecret(canary), []string{c.URL, c.URL}
		}, []string{
			"sign in at DC false: activedirectory: bind: bind_dn or password is wrong: correct them (status 49)",
			"sign in at DC false: activedirectory: bind: bind_dn or password is wrong: correct them (status 49)",
			"sign in at DC false: activedirectory: bind: bind_dn or password is wrong: correct them (status 49)",
		}},
		{"an authority that is not trusted", func(c *Config) { c.CAFile = otherAuthority(t) }, []string{
			"sign in at DC false: activedirectory: start TLS: the certificate of DC is not from a trusted authority: set ca_file to the one of your domain",
		}},
		{"a base that is not there", func(c *Config) { c.BaseDN = "OU=Nowhere,DC=lab,DC=example" }, []string{signedIn, agrees, ownState, "users false: activedirectory: look at users: base_dn does not exist in this directory, or the account in bind_dn may not see it (status 32)"}},
		{"a base without users", func(c *Config) { c.BaseDN = "OU=Groups,DC=lab,DC=example" }, []string{
			signedIn, agrees, ownState, "users true: nobody is found below base_dn -> name a base_dn that has users below it, which the bind account may list",
		}},
	}
	before := badPasswords(t, config, domain)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := config
			c.change(&changed)
			got := probed(t, changed)
			for i := range got {
				got[i] = times.ReplaceAllString(got[i], "<time>")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if tries := badPasswords(t, config, domain) - before; tries > 1 {
		t.Errorf("the wrong password was tried %d times: a few such checks would lock the account", tries)
	}
}

// otherAuthority is a file with an authority that signed nothing.
func otherAuthority(t *testing.T) string {
	t.Helper()
	other, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(path, other.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatCheckOnlineSaysOfADirectoryThatFails(t *testing.T) {
	server, config := startStandIn(t, canary)
	if diff := cmp.Diff([]string{signedIn, agrees}, probed(t, config)[:2]); diff != "" {
		t.Fatalf("all is well (-want +got):\n%s", diff)
	}
	blackHole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blackHole.Close() }()
	cases := []struct {
		name  string
		fault fault.Fault
		also  func(*Config)
		want  string
	}{
		{"busy", fault.Fault{Match: "search", Status: 429}, nil, "sign in at DC false: activedirectory: sign in: the server is busy or shutting down (status 51)"},
		{"cut", fault.Fault{Match: "connect", CutBefore: true}, nil, "sign in at DC false: activedirectory: start TLS: DC closed the connection before it had answered"},
		{"silent", fault.Fault{}, func(c *Config) { c.URL, c.Timeout = "ldaps://"+blackHole.Addr().String(), 50*time.Millisecond }, "sign in at DC false: activedirectory: start TLS: no answer from DC within 50ms -> look for a firewall or proxy that swallows the connection, and whether the service is slow"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server.Faults().Clear()
			if c.fault.Match != "" {
				server.Faults().Add(c.fault)
			}
			changed := config
			if c.also != nil {
				c.also(&changed)
			}
			if diff := cmp.Diff([]string{c.want}, probed(t, changed)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAClockOfAControllerThatIsOffIsSaid(t *testing.T) {
	server, err := directory.Start(t.Context(), directory.Options{
		BindPassword: framework.NewSecret(canary), Now: func() time.Time { return time.Now().Add(7 * time.Minute) }, Log: frameworktest.Deps(t).Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	config := Defaults()
	config.URL, config.BaseDN, config.BindDN, config.Password = server.URL(), server.BaseDN(), server.BindDN(), framework.NewSecret(canary)
	config.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(config.CAFile, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := probed(t, config); len(got) < 2 || !strings.HasPrefix(got[1], "clock of DC false: 7m0s ahead of that of this machine -> set the clock") &&
		!strings.HasPrefix(got[1], "clock of DC false: 6m59s ahead of that of this machine -> set the clock") {
		t.Errorf("got %q", got)
	}
}

func TestACertificateThatExpiresSoonIsSaid(t *testing.T) {
	_, config := startStandIn(t, canary)
	for days, want := range map[int]string{10: "", 20: "its certificate is good until <time> only: have it renewed, else nobody can sign in"} {
		deps := frameworktest.Deps(t)
		deps.Now = func() time.Time { return time.Now().AddDate(0, 0, days) } // that of the stand-in is good for 30 days
		tried := newWith(t, config, deps).Probe(t.Context())
		if got := times.ReplaceAllString(tried[0].Advice, "<time>"); !tried[0].OK || got != want {
			t.Errorf("in %d days: %+v", days, tried[0])
		}
	}
}
