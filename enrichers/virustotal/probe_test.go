package virustotal

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/fault"
	standin "funnelweb/internal/sandbox/virustotal"
)

// noQuota is what the quota of a configuration that is only checked is: nobody may ask it.
type noQuota struct{ framework.Quota }

func probe(t *testing.T, config Config) []string {
	t.Helper()
	enricher := newEnricher(t, config, func(d *framework.Deps) { d.Quota, d.Answers, d.Ledger = noQuota{}, nil, nil })
	var lines []string
	for _, one := range enricher.Probe(t.Context()) {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %t: %s -> %s", one.Name, one.OK, one.Detail, one.Advice), " -> "))
	}
	frameworktest.LeaksNoSecret(t, canary, strings.Join(lines, "\n"))
	return lines
}

func TestWhatCheckOnlineSays(t *testing.T) {
	const taken = "key true: the key is taken, files can be looked up"
	const lookUp, readQuota = "GET /api/v3/files", "GET /api/v3/users"
	cases := []struct {
		name   string
		config func(*Config)
		fault  fault.Fault
		want   []string
	}{
		{"all is well", nil, fault.Fault{}, []string{taken, "quota true: 499 of 500 lookups left today, 15499 of 15500 this month"}},
		{"nobody named", func(c *Config) { c.User = "" }, fault.Fault{}, []string{taken, "quota true: not asked for: give the id of the key's owner as user to see what is left"}},
		{"somebody else named", func(c *Config) { c.User = "stranger" }, fault.Fault{}, []string{taken, "quota false: virustotal: read the quota: there is no such user, or it does not own the key: correct user"}},
		{"a user without quotas", nil, fault.Fault{Match: readQuota, Status: 200, Body: `{"data":{"id":"x","type":"user","attributes":{"first_name":"X"}}}`}, []string{taken, "quota false: virustotal: read the quota: the answer does not tell it: user must be the owner of the key"}},
		{"a wrong key", func(c *Config) { c.Key = framework.NewSecret(strings.Repeat("0", 64)) }, fault.Fault{}, []string{"key false: virustotal: look up a test file: the key was refused: correct it (status 401)"}},
		{"a key without rights", nil, fault.Fault{Match: lookUp, Status: 403}, []string{"key false: virustotal: look up a test file: the key does not allow this lookup, or the account is blocked: look at the account, then replay (status 403)"}},
		{"a quota that is used up", nil, fault.Fault{Match: lookUp, Status: 429, Body: `{"error":{"code":"QuotaExceededError","message":"Daily quota exceeded"}}`}, []string{
			"key true: the daily or monthly quota of the VirusTotal key is used up -> lookups wait until 2026-11-21 00:00 UTC; a key with a larger quota would not",
			"quota true: 500 of 500 lookups left today, 15500 of 15500 this month",
		}},
		{"nothing left", nil, fault.Fault{Match: readQuota, Status: 200, Body: `{"data":{"id":"x","type":"user","attributes":{"quotas":{"api_requests_daily":{"allowed":500,"used":501}}}}}`}, []string{
			taken, "quota true: 0 of 500 lookups left today -> lookups wait until the quota starts anew at 00:00 UTC, of the 1st for that of the month",
		}},
		{"a configuration that takes more than there is", func(c *Config) { c.PerDay = 20_000 }, fault.Fault{}, []string{
			taken, "quota true: 499 of 500 lookups left today, 15499 of 15500 this month -> per_day is 20000, and the key has 500: set per_day to that",
		}},
		{"a login page", nil, fault.Fault{Match: lookUp, HTML: true}, []string{"key false: virustotal: look up a test file: the answer is not JSON but text/html; charset=utf-8: correct url, or look for a proxy in between (status 200)"}},
		{"no answer", func(c *Config) { c.Timeout = time.Millisecond }, fault.Fault{Match: lookUp, Latency: time.Hour}, []string{"key false: virustotal: look up a test file: no answer within 1ms -> look for a firewall or proxy that swallows the connection, and whether the service is slow"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := startStandIn(t, func(o *standin.Options) { o.PerDay = 500 })
			config := validConfig(server.URL())
			config.User = standin.Owner
			if c.config != nil {
				c.config(&config)
			}
			if c.fault.Match != "" {
				server.Faults().Add(c.fault)
			}
			if diff := cmp.Diff(c.want, probe(t, config)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if sent := server.Submissions(); len(sent) != 0 {
				t.Errorf("it submitted %s", sent)
			}
		})
	}
}

func TestACertificateOfNobodyIsSaidWithWhatToDo(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	want := []string{"key false: virustotal: look up a test file: the certificate of the server in url is not valid or not from a trusted authority" +
		" -> add the authority that signed its certificate to those of this machine, or name a file with it in the environment as SSL_CERT_FILE"}
	if diff := cmp.Diff(want, probe(t, validConfig(server.URL))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheOwnerIsAnIdAndNoPath(t *testing.T) {
	for _, user := range []string{"../files/x", "a/b", "a b", "a?b", strings.Repeat("a", 101)} {
		config := validConfig("https://vt.example/api/v3")
		config.User = user
		if _, err := New(config, frameworktest.Deps(t)); err == nil {
			t.Errorf("%q is taken for a user", user)
		}
	}
}
