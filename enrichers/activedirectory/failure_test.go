package activedirectory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestFailureSaysWhatToDo(t *testing.T) {
	badCredentials := func(data string) error {
		return ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data "+data+", v3839\x00"))
	}
	answer := func(code uint16) error { return ldap.NewError(code, errors.New("words")) }
	network := func(text string) error { return ldap.NewError(ldap.ErrorNetwork, errors.New(text)) }
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"no such account", badCredentials("525"), "the account in bind_dn does not exist: correct bind_dn (status 49)"},
		{"a wrong password", badCredentials("52e"), "bind_dn or password is wrong: correct them (status 49)"},
		{"logon hours", badCredentials("530"), "the account in bind_dn may not log on at this time: change its logon hours (status 49)"},
		{"workstations", badCredentials("531"), "the account in bind_dn may not log on from this machine: change its list of workstations (status 49)"},
		{"an expired password", badCredentials("532"), "the password of the account in bind_dn has expired: set a new one (status 49)"},
		{"a disabled account", badCredentials("533"), "the account in bind_dn is disabled: enable it (status 49)"},
		{"an expired account", badCredentials("701"), "the account in bind_dn has expired: extend it (status 49)"},
		{"a password to be changed", badCredentials("773"), "the account in bind_dn must change its password: set one that need not be changed (status 49)"},
		{"a locked account", badCredentials("775"), "the account in bind_dn is locked out: unlock it, and look for what tries wrong passwords (status 49)"},
		{"a code of its own", badCredentials("abc"), "bind_dn or password was refused (status 49)"},
		{"no words", answer(49), "bind_dn or password was refused (status 49)"},
		{"strong authentication", answer(8), "the server wants an encrypted connection: use ldaps://, or set start_tls: true (status 8)"},
		{"a wrong base", answer(32), "base_dn does not exist in this directory, or the account in bind_dn may not see it (status 32)"},
		{"another domain's base", answer(10), "base_dn belongs to another domain: name a domain controller of that domain in url (status 10)"},
		{"a time limit", answer(3), "the search took longer than the server allows; a narrower base_dn helps (status 3)"},
		{"a size limit", answer(4), "the server gave up before the first entry because of its size limit (status 4)"},
		{"a busy server", answer(51), "the server is busy or shutting down (status 51)"},
		{"a code that is not foreseen", answer(80), "the server refused (status 80)"},
		{"an unknown authority", x509.UnknownAuthorityError{}, "the certificate of dc1:636 is not from a trusted authority: set ca_file to the one of your domain"},
		{"the same within StartTLS", network("TLS handshake failed (tls: failed to verify certificate: x509: certificate signed by unknown authority)"), "the certificate of dc1:636 is not from a trusted authority: set ca_file to the one of your domain"},
		{"another name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "dc1"}, "the certificate of dc1:636 is for another name: correct url, or set server_name"},
		{"another name within StartTLS", network("x509: certificate is valid for dc2, not dc1"), "the certificate of dc1:636 is for another name: correct url, or set server_name"},
		{"an expired certificate", x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{}}, "the certificate of dc1:636 is not valid now: it has expired or the clock is wrong"},
		{"no TLS", errors.New("tls: first record does not look like a TLS handshake"), "dc1:636 does not speak TLS: ldaps:// usually goes to port 636"},
		{"no such name", &net.DNSError{Err: "no such host", Name: "dc1"}, "the name of dc1:636 cannot be resolved"},
		{"nobody listens", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "dc1:636 refuses connections"},
		{"a cut connection", fmt.Errorf("read: %w", io.EOF), "dc1:636 closed the connection before it had answered"},
		{"a closed connection", network("ldap: connection closed"), "dc1:636 closed the connection before it had answered"},
		{"something else", errors.New("odd"), "dc1:636 cannot be reached or does not answer in LDAP"},
		{"a time limit of ours", context.DeadlineExceeded, "no answer from dc1:636 within 10s"},
		{"a caller that goes", context.Canceled, "the lookup was cancelled"},
		{"a flood", errTooMuch, "dc1:636 sent more than 1 MiB for one lookup; the answer was cut off"},
	}
	enricher := newEnricher(t, validConfig())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := enricher.failure("look up user", "dc1:636", c.err)
			if diff := cmp.Diff("activedirectory: look up user: "+c.want, framework.Reason(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if framework.IsPermanent(err) || framework.MayHaveHappened(err) {
				t.Error("a lookup may always be tried again")
			}
			if strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("more than one line: %q", err.Error())
			}
		})
	}
}

func TestOnlyOtherServersThatMayDoBetterAreAsked(t *testing.T) {
	enricher := newEnricher(t, validConfig())
	got := map[string]bool{}
	for name, err := range map[string]error{
		"refused": ldap.NewError(49, errors.New("")), "busy": ldap.NewError(51, errors.New("")), "base": ldap.NewError(32, errors.New("")),
		"time": context.DeadlineExceeded, "network": io.EOF,
	} {
		got[name] = mayAnswerElsewhere(enricher.failure("look up user", "dc1:636", err))
	}
	got["foreign"] = mayAnswerElsewhere(errors.New("not ours"))
	want := map[string]bool{"refused": false, "busy": true, "base": false, "time": true, "network": true, "foreign": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEchoedPasswordIsNotPassedOn(t *testing.T) {
	enricher := newEnricher(t, validConfig())
	err := enricher.failure("bind", "dc1:636", ldap.NewError(49, errors.New("no: "+canary+" is wrong, data 52e,")))
	frameworktest.LeaksNoSecret(t, canary, err.Error(), framework.Reason(err), fmt.Sprintf("%+v", err))
}

func TestCredentialsAreNotTriedAgainAndAgain(t *testing.T) {
	clock := new(frameworktest.Clock)
	enricher := newEnricher(t, validConfig())
	tries := 0
	refuse := func() error {
		tries++
		return enricher.failure("bind", "dc1:636", ldap.NewError(49, errors.New("data 52e,")))
	}
	credentials := enricher.credentials
	var last error
	for range 5 {
		last = credentials.try(t.Context(), clock.Now, refuse)
	}
	if tries != 1 || framework.RetryAfter(last) != retryRefused {
		t.Errorf("%d tries, the last to be repeated after %s", tries, framework.RetryAfter(last))
	}
	clock.Advance(4 * time.Minute)
	if after := framework.RetryAfter(credentials.refused(clock.Now())); after != 6*time.Minute {
		t.Errorf("to be repeated after %s, want 6m", after)
	}
	clock.Advance(6 * time.Minute)
	if err := credentials.try(t.Context(), clock.Now, func() error { return nil }); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if err := credentials.refused(clock.Now()); err != nil {
		t.Errorf("after a success: %v", err)
	}
	network := func() error { return enricher.failure("bind", "dc1:636", io.EOF) }
	if err := credentials.try(t.Context(), clock.Now, network); err == nil || credentials.refused(clock.Now()) != nil {
		t.Error("a cut connection says nothing about the credentials")
	}
}
