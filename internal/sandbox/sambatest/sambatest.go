// Package sambatest runs Samba as a real Active Directory domain controller, for the tests of what talks to one.
//
//	domain := sambatest.Start(t) // 5 s; stopped and removed when t ends, so share it among subtests
//	conn, err := ldap.DialURL(domain.URL, ldap.DialWithTLSConfig(domain.TLS()))
//	err = conn.Bind(domain.BindDN, domain.Password.Reveal())
//
// The domain is lab.example and holds what lab.ldif says; further LDIF may be given to Start. Every account has
// UserPassword, the one to bind with has Password. Needed are root, for the ports, and on Debian or Ubuntu
// "apt-get install --no-install-recommends samba samba-dsdb-modules samba-vfs-modules samba-ad-provision". Where they
// are missing the test is skipped, and with CI=true in the environment it fails.
package sambatest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/authority"
)

// UserPassword is the password of every account in lab.ldif but the one to bind with.
const UserPassword = "Passw0rd-of-a-user"

const (
	host         = "dc1.lab.example"
	bindPassword = "Passw0rd-of-the-service"
	// Provisioning and starting may take this long on a busy machine.
	patience = 2 * time.Minute
)

// Domain is a running domain controller.
type Domain struct {
	URL         string           // ldaps://127.0.10.N:636
	StartTLSURL string           // ldap://127.0.10.N:389, which refuses simple binds before StartTLS
	CAPEM       []byte           // the authority that signed its certificate for the address and for Host
	Host        string           // dc1.lab.example
	BaseDN      string           // DC=lab,DC=example
	BindDN      string           // an account that may read, with no other rights
	Password    framework.Secret // of that account
}

// TLS trusts the controller's authority and nobody else.
func (d *Domain) TLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(d.CAPEM)
	return &tls.Config{RootCAs: pool, ServerName: d.Host, MinVersion: tls.VersionTLS12}
}

// Start provisions a domain in a directory of its own, loads lab.ldif and then the LDIF given, and starts a controller
// for it on a loopback address of its own. It is stopped and removed when the test ends.
func Start(tb testing.TB, ldif ...string) *Domain {
	tb.Helper()
	programs := find(tb)
	// Not tb.TempDir: its long names would not fit into the addresses of Samba's Unix sockets.
	dir, err := os.MkdirTemp("", "samba") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	domain := &Domain{
		Host: host, BaseDN: "DC=lab,DC=example",
		BindDN: "CN=svc-funnelweb,OU=Service Accounts,DC=lab,DC=example", Password: framework.NewSecret(bindPassword),
	}
	address := reserve(tb)
	domain.URL, domain.StartTLSURL = "ldaps://"+address+":636", "ldap://"+address+":389"
	domain.CAPEM = certify(tb, dir, address)
	provision(tb, programs, dir, address)
	story, err := lab(time.Now()) //nolint:forbidigo // the real controller has the real clock
	if err != nil {
		tb.Fatal(err)
	}
	load(tb, programs, dir, append([]string{story}, ldif...))
	serve(tb, programs, dir, address, domain.TLS())
	return domain
}

// programs are the paths of Samba's.
type programs struct{ tool, server, python string }

// find skips the test, or fails it under CI, when something is missing.
func find(tb testing.TB) programs {
	tb.Helper()
	var found programs
	missing := errors.Join(
		look(&found.tool, "samba-tool", "/usr/bin/samba-tool"),
		look(&found.server, "samba", "/usr/sbin/samba"),
		look(&found.python, "/usr/bin/python3"), // Debian's modules are for Debian's Python
	)
	if missing == nil && os.Geteuid() != 0 {
		missing = errors.New("a domain controller needs root for its ports")
	}
	if missing == nil {
		return found
	}
	text := "SKIPPED: " + tb.Name() + " needs Samba as a real Active Directory: " + strings.ReplaceAll(missing.Error(), "\n", "; ")
	if os.Getenv("CI") == "true" { //nolint:forbidigo // a test may be skipped on a desk, never in continuous integration
		tb.Fatal(text + "; with CI=true it may not be skipped")
	}
	tb.Skip(text)
	return found
}

func look(path *string, names ...string) error {
	var errs []error
	for _, name := range names {
		found, err := exec.LookPath(name)
		if err == nil {
			*path = found
			return nil
		}
		errs = append(errs, err)
	}
	return errs[0]
}

func certify(tb testing.TB, dir, address string) []byte {
	tb.Helper()
	signer, err := authority.New(time.Now()) //nolint:forbidigo // the real controller has the real clock
	if err != nil {
		tb.Fatal(err)
	}
	certificate, key, err := signer.Issue(host, address)
	if err != nil {
		tb.Fatal(err)
	}
	tlsDir := filepath.Join(dir, "tls")
	err = errors.Join(
		os.Mkdir(tlsDir, 0o700),
		os.WriteFile(filepath.Join(tlsDir, "ca.pem"), signer.PEM(), 0o600),
		os.WriteFile(filepath.Join(tlsDir, "dc.pem"), certificate, 0o600),
		os.WriteFile(filepath.Join(tlsDir, "dc.key"), key, 0o600), // Samba refuses a key that others can read
	)
	if err != nil {
		tb.Fatal(err)
	}
	return signer.PEM()
}

func provision(tb testing.TB, programs programs, dir, address string) {
	tb.Helper()
	arguments := []string{
		"domain", "provision", "--configfile=/dev/null", "--targetdir=" + dir, "--realm=LAB.EXAMPLE", "--domain=LAB",
		"--server-role=dc", "--dns-backend=NONE", "--host-name=dc1", "--host-ip=127.0.0.1", "--adminpass=Adm1n-Passw0rd",
	}
	for _, option := range []string{
		"interfaces=" + address + "/8", "bind interfaces only=yes", "server services=ldap",
		"pid directory=" + dir + "/run", "ncalrpc dir=" + dir + "/run/ncalrpc", "log file=" + dir + "/log/samba.log",
		"tls certfile=" + dir + "/tls/dc.pem", "tls keyfile=" + dir + "/tls/dc.key", "tls cafile=" + dir + "/tls/ca.pem",
	} {
		arguments = append(arguments, "--option="+option)
	}
	for _, made := range []string{"run", "log"} {
		if err := os.Mkdir(filepath.Join(dir, made), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	run(tb, "", programs.tool, arguments...)
}

// load adds each LDIF in one transaction.
func load(tb testing.TB, programs programs, dir string, ldif []string) {
	tb.Helper()
	for _, text := range ldif {
		run(tb, text, programs.python, "-c", loader, filepath.Join(dir, "etc", "smb.conf"))
	}
}

// run runs a program to its end.
func run(tb testing.TB, input, program string, arguments ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	var output bytes.Buffer
	command := command(ctx, program, arguments...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &output, &output
	if err := command.Run(); err != nil {
		tb.Fatalf("%s: %v\n%s", filepath.Base(program), err, tail(output.String()))
	}
}

func command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // our own arguments
	command.Env = append(command.Environ(), "TDB_NO_FSYNC=1")  // the domain does not outlive the test
	return command
}

// tail keeps the end of what a program said, where the error is.
func tail(output string) string {
	const most = 4000
	if len(output) > most {
		return fmt.Sprintf("…%s", output[len(output)-most:])
	}
	return output
}
