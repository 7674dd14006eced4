package activedirectory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxDiagnostic bounds what is kept of a server's own words, in runes.
const maxDiagnostic = 300

// dataPattern finds the Windows error in Active Directory's words for a failed bind: "… error, data 52e, v1db1".
var dataPattern = regexp.MustCompile(`\bdata ([0-9a-f]{1,8})\b`)

// failure turns an error of a session into words. What is mended in the configuration is not permanent: after
// the restart the waiting jobs go through.
func (e *Enricher) failure(op, address string, err error) error {
	failed := &framework.ServiceError{Service: service, Op: op, Err: err}
	answer, answered := errors.AsType[*ldap.Error](err)
	_, already := errors.AsType[*framework.ServiceError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		failed.Reason = fmt.Sprintf("no answer from %s within %s", orDirectory(address), e.config.Timeout)
	case errors.Is(err, context.Canceled):
		failed.Reason = "the lookup was cancelled"
	case errors.Is(err, errTooMuch):
		failed.Reason = address + " sent more than 1 MiB for one lookup; the answer was cut off"
	case already:
		return err
	case answered && answer.ResultCode < ldap.ErrorNetwork:
		e.explain(failed, answer)
	default:
		failed.Reason = transport(address, err)
	}
	return failed
}

func orDirectory(address string) string {
	if address == "" {
		return "the directory"
	}
	return address
}

// explain gives the reason for a result code (RFC 4511 appendix A).
func (e *Enricher) explain(failed *framework.ServiceError, answer *ldap.Error) {
	failed.Status = int(answer.ResultCode)
	// A server may repeat what it was sent: its words go to the log only, and without the password.
	words := ""
	if answer.Err != nil {
		words = strings.ReplaceAll(answer.Err.Error(), e.config.Password.Reveal(), "[secret]")
	}
	failed.Err = fmt.Errorf("LDAP result %d: %s", answer.ResultCode, framework.Line(words, maxDiagnostic))
	switch answer.ResultCode {
	case ldap.LDAPResultInvalidCredentials:
		failed.Reason, failed.RetryAfter = refused(words), retryRefused
	case ldap.LDAPResultStrongAuthRequired:
		failed.Reason = "the server wants an encrypted connection: use ldaps://, or set start_tls: true"
	case ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultAuthMethodNotSupported:
		failed.Reason = "the server does not allow simple binds for the account in bind_dn"
	case ldap.LDAPResultNoSuchObject:
		failed.Reason = "base_dn does not exist in this directory, or the account in bind_dn may not see it"
	case ldap.LDAPResultInvalidDNSyntax:
		failed.Reason = "the server takes bind_dn or base_dn for no distinguished name"
	case ldap.LDAPResultInsufficientAccessRights:
		failed.Reason = "the account in bind_dn may not read here"
	case ldap.LDAPResultOperationsError:
		failed.Reason = "the server refused the operation; Active Directory says so when the bind did not count or base_dn is not its own"
	case ldap.LDAPResultReferral:
		failed.Reason = "base_dn belongs to another domain: name a domain controller of that domain in url"
	case ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		failed.Reason = "the search took longer than the server allows; a narrower base_dn helps"
	case ldap.LDAPResultSizeLimitExceeded:
		failed.Reason = "the server gave up before the first entry because of its size limit"
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		failed.Reason = "the server is busy or shutting down"
	case ldap.LDAPResultUnwillingToPerform:
		failed.Reason = "the server is not willing to do this"
	default:
		failed.Reason = "the server refused"
	}
}

// refused says what is wrong with the bind account. The codes are Windows errors in hexadecimal (winerror.h).
func refused(words string) string {
	code := ""
	if found := dataPattern.FindStringSubmatch(words); found != nil {
		code = found[1]
	}
	switch code {
	case "525":
		return "the account in bind_dn does not exist: correct bind_dn"
	case "52e":
		return "bind_dn or password is wrong: correct them"
	case "530":
		return "the account in bind_dn may not log on at this time: change its logon hours"
	case "531":
		return "the account in bind_dn may not log on from this machine: change its list of workstations"
	case "532":
		return "the password of the account in bind_dn has expired: set a new one"
	case "533":
		return "the account in bind_dn is disabled: enable it"
	case "701":
		return "the account in bind_dn has expired: extend it"
	case "773":
		return "the account in bind_dn must change its password: set one that need not be changed"
	case "775":
		return "the account in bind_dn is locked out: unlock it, and look for what tries wrong passwords"
	default:
		return "bind_dn or password was refused"
	}
}

// transport gives the reason for a failure before or below LDAP. The words are looked at, too: of a failed
// StartTLS go-ldap keeps the cause as text only.
func transport(address string, err error) string {
	text := err.Error()
	says := func(part string) bool { return strings.Contains(text, part) }
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown), says("signed by unknown authority"):
		return "the certificate of " + address + " is not from a trusted authority: set ca_file to the one of your domain"
	case errors.As(err, &name), says("x509: certificate is valid for"), says("x509: certificate is not valid for any names"), says("any IP SANs"):
		return "the certificate of " + address + " is for another name: correct url, or set server_name"
	case errors.As(err, &invalid), says("x509: certificate has expired"):
		return "the certificate of " + address + " is not valid now: it has expired or the clock is wrong"
	case says("first record does not look like a TLS handshake"):
		return address + " does not speak TLS: ldaps:// usually goes to port 636"
	case errors.As(err, &dns):
		return "the name of " + address + " cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return address + " refuses connections"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), says("EOF"), says("connection reset"), says("connection closed"), says("channel closed"):
		return address + " closed the connection before it had answered"
	default:
		return address + " cannot be reached or does not answer in LDAP"
	}
}

// mayAnswerElsewhere reports whether another domain controller may do better: not when this one has judged the
// request, such as the password.
func mayAnswerElsewhere(err error) bool {
	failed, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		return false
	}
	switch failed.Status {
	case 0, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultServerDown, ldap.LDAPResultTimeLimitExceeded:
		return true
	default:
		return false
	}
}
