package directory_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/fault"
)

func TestItMisbehavesWhenTold(t *testing.T) {
	server := start(t, directory.Options{})
	search := func(conn *ldap.Conn) (*ldap.SearchResult, error) {
		return conn.Search(request("OU=Staff,"+base, "(objectClass=user)", "cn"))
	}
	for name, one := range map[string]struct {
		fault   fault.Fault
		code    int
		entries int
	}{
		"busy":                            {fault.Fault{Match: "search", Status: ldap.LDAPResultBusy}, ldap.LDAPResultBusy, 0},
		"unavailable":                     {fault.Fault{Match: "search", Status: ldap.LDAPResultUnavailable}, ldap.LDAPResultUnavailable, 0},
		"busy as HTTP says it":            {fault.Fault{Match: "search", Status: 429}, ldap.LDAPResultBusy, 0},
		"unavailable as HTTP says it":     {fault.Fault{Match: "search", Status: 503}, ldap.LDAPResultUnavailable, 0},
		"broken":                          {fault.Fault{Match: "search", Status: 500}, ldap.LDAPResultOther, 0},
		"cut before the search":           {fault.Fault{Match: "search", CutBefore: true}, noAnswer, 0},
		"cut in the middle of the search": {fault.Fault{Match: "search", CutAfter: true}, noAnswer, 1},
		"garbage":                         {fault.Fault{Match: "search", HTML: true}, noAnswer, 0},
		"garbage of one's own":            {fault.Fault{Match: "search", HTML: true, Body: "\x30\x84\xff\xff\xff\xff"}, noAnswer, 0},
		"for a base that is searched":     {fault.Fault{Match: "search OU=Staff," + base + "$", Status: 51}, ldap.LDAPResultBusy, 0},
		"not for another base":            {fault.Fault{Match: "search OU=Groups", Status: 51}, 0, 11},
		"slow, and then as usual":         {fault.Fault{Match: "search", Latency: 10 * time.Millisecond}, 0, 11},
	} {
		t.Run(name, func(t *testing.T) {
			conn := login(t, server)
			server.Faults().Add(one.fault)
			defer server.Faults().Clear()
			found, err := search(conn)
			entries := 0
			if found != nil {
				entries = len(found.Entries)
			}
			if code(err) != one.code || entries != one.entries {
				t.Errorf("%d entries, %v; want %d and code %d", entries, err, one.entries, one.code)
			}
		})
	}
	t.Run("an answer that takes too long", func(t *testing.T) {
		conn := login(t, server)
		conn.SetTimeout(50 * time.Millisecond)
		server.Faults().Add(fault.Fault{Match: "search", Latency: time.Hour})
		defer server.Faults().Clear()
		if _, err := search(conn); err == nil || !strings.Contains(err.Error(), "timed out") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a fault is met as often as was said", func(t *testing.T) {
		conn := login(t, server)
		server.Faults().Add(fault.Fault{Match: "search", Times: 2, Status: ldap.LDAPResultBusy})
		var codes []int
		for range 3 {
			_, err := search(conn)
			codes = append(codes, code(err))
		}
		if diff := cmp.Diff([]int{51, 51, 0}, codes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestItMisbehavesBeforeASearch(t *testing.T) {
	server := start(t, directory.Options{})
	over := func(url string) error {
		conn, err := ldap.DialURL(url, ldap.DialWithTLSConfig(trust(server)))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		conn.SetTimeout(20 * time.Second)
		if url == server.StartTLSURL() {
			if err := conn.StartTLS(trust(server)); err != nil {
				return err
			}
		}
		return conn.Bind(server.BindDN(), bindPassword)
	}
	for name, one := range map[string]struct {
		fault fault.Fault
		url   string
		words string
	}{
		"no connection":                       {fault.Fault{Match: "connect", CutBefore: true}, server.URL(), ""},
		"a web server on the port":            {fault.Fault{Match: "connect", HTML: true}, server.URL(), "does not look like a TLS handshake"},
		"no connection without TLS":           {fault.Fault{Match: "connect", Status: 503}, server.StartTLSURL(), ""},
		"StartTLS refused":                    {fault.Fault{Match: "starttls", Status: 503}, server.StartTLSURL(), "Unavailable"},
		"the handshake of StartTLS cut":       {fault.Fault{Match: "starttls", CutAfter: true}, server.StartTLSURL(), ""},
		"a bind answered busy":                {fault.Fault{Match: "bind", Status: 51}, server.URL(), "Busy"},
		"a bind cut before":                   {fault.Fault{Match: "bind", CutBefore: true}, server.URL(), "EOF"},
		"a bind cut after it was carried out": {fault.Fault{Match: "bind", CutAfter: true}, server.URL(), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Faults().Add(one.fault)
			if err := over(one.url); err == nil || !strings.Contains(err.Error(), one.words) {
				t.Errorf("%v, want %q", err, one.words)
			}
			server.Faults().Clear()
			if err := over(one.url); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestCloseDoesNotWaitForClients(t *testing.T) {
	server, err := directory.Start(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	idle, busy := login(t, server), login(t, server)
	raw, err := net.Dial("tcp", strings.TrimPrefix(server.URL(), "ldaps://")) // never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	server.Faults().Add(fault.Fault{Match: "search", Latency: time.Hour})
	failed := make(chan error)
	go func() {
		_, err := busy.Search(request(base, "(cn=*)"))
		failed <- err
	}()
	await(t, func() bool { return server.Faults().Hits() == 1 })
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("a search went on after Close")
	}
	if _, err := idle.Search(request(base, "(cn=*)")); err == nil {
		t.Error("a connection is open after Close")
	}
	if err := server.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := directory.Start(ctx, options())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	address := strings.TrimPrefix(server.URL(), "ldaps://")
	await(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestItDoesNotStartWithNonsense(t *testing.T) {
	taken := start(t, directory.Options{})
	for name, change := range map[string]func(*directory.Options){
		"no password":               func(o *directory.Options) { o.BindPassword = framework.Secret{} },
		"no clock":                  func(o *directory.Options) { o.Now = nil },
		"no log":                    func(o *directory.Options) { o.Log = nil },
		"a base that is no name":    func(o *directory.Options) { o.BaseDN = "nonsense" },
		"a base that is no domain":  func(o *directory.Options) { o.BaseDN = "OU=Staff,O=Lab" },
		"an account elsewhere":      func(o *directory.Options) { o.BindDN = "CN=svc,DC=other,DC=example" },
		"an account without a unit": func(o *directory.Options) { o.BindDN = "CN=svc,DC=lab,DC=example" },
		"a taken address":           func(o *directory.Options) { o.Addr = strings.TrimPrefix(taken.URL(), "ldaps://") },
		"a taken second address":    func(o *directory.Options) { o.StartTLSAddr = strings.TrimPrefix(taken.StartTLSURL(), "ldap://") },
		"a user without an account": func(o *directory.Options) { o.Users = []directory.User{{Name: "Ann"}} },
		"an account twice": func(o *directory.Options) {
			o.Users = []directory.User{{Name: "Ann", Account: "a"}, {Name: "Bob", Account: "A"}}
		},
		"a name twice": func(o *directory.Options) {
			o.Users = []directory.User{{Name: "Ann", Account: "a"}, {Name: "ann", Account: "b"}}
		},
		"a manager who is nobody": func(o *directory.Options) { o.Users = []directory.User{{Name: "Ann", Account: "a", Manager: "b"}} },
	} {
		t.Run(name, func(t *testing.T) {
			changed := options()
			change(&changed)
			if server, err := directory.Start(t.Context(), changed); err == nil {
				_ = server.Close()
				t.Error("it started")
			}
		})
	}
}

func options() directory.Options {
	return directory.Options{
		Now: (&frameworktest.Clock{}).Now, Log: (&frameworktest.Log{}).Logger(), BindPassword: framework.NewSecret(bindPassword),
	}
}

// await returns when the condition holds.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("waited in vain")
		case <-time.After(time.Millisecond):
		}
	}
}
