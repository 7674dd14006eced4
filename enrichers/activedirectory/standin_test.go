package activedirectory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/fault"
)

// startStandIn starts the directory of the sandbox, which can do what Samba cannot be made to.
func startStandIn(t *testing.T, password string) (*directory.Server, Config) {
	t.Helper()
	server, err := directory.Start(t.Context(), directory.Options{
		BindPassword: framework.NewSecret(password), Now: time.Now, Log: frameworktest.Deps(t).Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	config := Defaults()
	config.URL, config.BaseDN, config.BindDN, config.Password = server.URL(), server.BaseDN(), server.BindDN(), framework.NewSecret(password)
	config.Timeout = time.Minute
	config.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(config.CAFile, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, config
}

func TestTheStandInSaysOfPeopleWhatSambaSays(t *testing.T) {
	_, config := startStandIn(t, canary)
	holdsTo(t, "testdata/people.golden", config, people())
}

func TestAFaultOfTheDirectoryPasses(t *testing.T) {
	cases := []struct {
		name  string
		fault fault.Fault
		want  string
	}{
		{"a busy server", fault.Fault{Match: "search", Status: 429}, "look up user: the server is busy or shutting down (status 51)"},
		{"a server that is going down", fault.Fault{Match: "bind", Status: 503}, "bind: the server is busy or shutting down (status 52)"},
		{"a connection cut before the search", fault.Fault{Match: "search", CutBefore: true}, "look up user: DC closed the connection before it had answered"},
		{"a connection cut after the first entry", fault.Fault{Match: "search", CutAfter: true}, "look up user: DC closed the connection before it had answered"},
		{"a web page", fault.Fault{Match: "search", HTML: true}, "look up user: DC closed the connection before it had answered"},
		{"no connection at all", fault.Fault{Match: "connect", CutBefore: true}, "start TLS: DC closed the connection before it had answered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server, config := startStandIn(t, canary)
			enricher := newEnricher(t, config)
			c.fault.Times = 1
			server.Faults().Add(c.fault)
			_, err := enricher.Enrich(t.Context(), jdoe())
			got := strings.ReplaceAll(framework.Reason(err), enricher.servers[0].address, "DC")
			if diff := cmp.Diff("activedirectory: "+c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			finding, err := enricher.Enrich(t.Context(), jdoe())
			if err != nil || !strings.HasPrefix(finding.Summary, "Jane Doe (jdoe)") {
				t.Errorf("after the fault: %q, %v", finding.Summary, err)
			}
		})
	}
}

// An outage in the second of the lookups that one enrichment makes must not pass for "no manager" or "no privileges".
func TestAFaultInALaterLookupFailsTheWhole(t *testing.T) {
	server, config := startStandIn(t, canary)
	server.Faults().Add(fault.Fault{Match: "search CN=Mark Boss", CutBefore: true})
	if finding, err := newEnricher(t, config).Enrich(t.Context(), jdoe()); err == nil {
		t.Errorf("it was taken for an answer: %+v", finding)
	}
}
