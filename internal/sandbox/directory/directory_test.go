package directory_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/internal/sandbox/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bindPassword = "correct-horse-battery-staple"

// userPassword is what start gives to everybody in the story.
const userPassword = "Passw0rd-of-a-user"

// start starts the stand-in with the story, at the time of frameworktest's clock unless the options have another.
func start(t *testing.T, options directory.Options) *directory.Server {
	t.Helper()
	if options.Now == nil {
		options.Now = (&frameworktest.Clock{}).Now
	}
	if options.Log == nil {
		options.Log = (&frameworktest.Log{}).Logger()
	}
	if options.BindPassword.IsZero() {
		options.BindPassword = framework.NewSecret(bindPassword)
	}
	if options.Users == nil {
		options.Users, options.Groups = directory.Story(options.Now())
		for i := range options.Users {
			options.Users[i].Password = framework.NewSecret(userPassword)
		}
	}
	server, err := directory.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// trust is a client's TLS configuration. The certificate is as old as the server's clock, and so is this.
func trust(server *directory.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(server.CAPEM())
	return &tls.Config{RootCAs: pool, ServerName: "dc1.lab.example", Time: frameworktest.Start}
}

// dial connects with TLS and does not bind.
func dial(t *testing.T, server *directory.Server) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(server.URL(), ldap.DialWithTLSConfig(trust(server)))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetTimeout(20 * time.Second)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// login connects and binds as the service.
func login(t *testing.T, server *directory.Server) *ldap.Conn {
	t.Helper()
	conn := dial(t, server)
	if err := conn.Bind(server.BindDN(), bindPassword); err != nil {
		t.Fatal(err)
	}
	return conn
}

// request searches the whole tree.
func request(base, filter string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 10, false, filter, attributes, nil)
}

// names are the DNs that were found, sorted.
func names(found *ldap.SearchResult) []string {
	list := []string{}
	if found == nil {
		return list
	}
	for _, entry := range found.Entries {
		list = append(list, entry.DN)
	}
	slices.Sort(list)
	return list
}

// noAnswer is the code of an error that is not the server's.
const noAnswer = -1

// code is the result code of an error, 0 for none.
func code(err error) int {
	failed, answered := errors.AsType[*ldap.Error](err)
	switch {
	case err == nil:
		return ldap.LDAPResultSuccess
	case !answered || failed.ResultCode >= ldap.ErrorNetwork:
		return noAnswer
	default:
		return int(failed.ResultCode)
	}
}
