package directory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// The Windows errors that a domain controller names when it refuses a bind (winerror.h).
const (
	noSuchUser      = "525"
	wrongPassword   = "52e"
	passwordExpired = "532"
	disabled        = "533"
	accountExpired  = "701"
	mustChange      = "773"
	lockedOut       = "775"
)

// service makes the account that a service binds with, or gives the password to the user who has that DN.
func (d *domain) service(name string, password framework.Secret) error {
	if found, there := d.find(name); there {
		found.password = password
		return nil
	}
	parsed, err := ldap.ParseDN(name)
	base, _ := ldap.ParseDN(d.base.dn)
	if err != nil || len(parsed.RDNs) != len(base.RDNs)+2 || !base.AncestorOfFold(parsed) ||
		!strings.EqualFold(parsed.RDNs[0].Attributes[0].Type, "CN") || !strings.EqualFold(parsed.RDNs[1].Attributes[0].Type, "OU") {
		return fmt.Errorf("bind DN %q is not of the form CN=…,OU=…,%s", name, d.base.dn)
	}
	account := parsed.RDNs[0].Attributes[0].Value
	return d.populate([]User{{
		Name: account, Account: account, Unit: parsed.RDNs[1].Attributes[0].Value, DisplayName: account,
		Password: password, Control: NormalAccount | PasswordNeverExpires, PasswordSet: d.created,
	}}, nil)
}

// bind is a simple bind (RFC 4511 section 4.2). Whatever becomes of it, the connection loses its former login.
func (s *session) bind(ctx context.Context, r request) bool {
	if len(r.op.Children) != 3 {
		return false
	}
	version, _ := r.op.Children[0].Value.(int64)
	name, credentials := r.op.Children[1].Data.String(), r.op.Children[2]
	met := s.meet(ctx, "bind "+name, r)
	if met == answered || met == gone {
		return met == answered
	}
	s.bound = nil
	var answer result
	switch {
	case version != 3:
		answer = result{code: ldap.LDAPResultProtocolError, message: "the version must be 3"}
	case credentials.ClassType != ber.ClassContext || credentials.Tag != 0:
		answer = result{code: ldap.LDAPResultAuthMethodNotSupported, message: "the sandbox knows simple binds only"}
	default:
		s.bound, answer = s.authenticate(name, credentials.Data.String(), s.encrypted)
	}
	s.note(ctx, "bind", name, answer.code)
	return met != cutAfter && s.send(answer.encode(r.id, ldap.ApplicationBindResponse))
}

// authenticate returns who logged in: nobody, with success, for an anonymous bind.
func (s *Server) authenticate(name, password string, encrypted bool) (*entry, result) {
	switch {
	case name == "" || password == "":
		return nil, result{} // anonymous, as a name without a password is (RFC 4513 section 5.1.2)
	case !encrypted:
		return nil, result{
			code: ldap.LDAPResultStrongAuthRequired,
			message: `00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking ` +
				`if SSL\TLS are not already active on the connection, data 0, v4563`,
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, there := s.domain.principal(name)
	if !there {
		return nil, denied(noSuchUser)
	}
	if reason := s.domain.login(found, password); reason != "" {
		return nil, denied(reason)
	}
	return found, result{}
}

func denied(reason string) result {
	return result{
		code:    ldap.LDAPResultInvalidCredentials,
		message: "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + reason + ", v4563\x00",
	}
}

// principal finds the account that a bind names by its DN, as user@domain or as DOMAIN\user ([MS-ADTS] 5.1.1.1.1).
func (d *domain) principal(name string) (*entry, bool) {
	if prefix, account, ok := strings.Cut(name, `\`); ok && !strings.Contains(name, "=") {
		if !strings.EqualFold(prefix, d.shortName) && !strings.EqualFold(prefix, d.dnsName) {
			return nil, false
		}
		return d.account(account)
	}
	if found, there := d.find(name); there {
		return found, found.is("user")
	}
	at := slices.IndexFunc(d.order, func(e *entry) bool { return strings.EqualFold(e.first("userPrincipalName"), name) })
	if at >= 0 {
		return d.order[at], true
	}
	if account, suffix, ok := strings.Cut(name, "@"); ok && strings.EqualFold(suffix, d.dnsName) {
		return d.account(account)
	}
	return nil, false
}

// login checks a password and counts the wrong ones. It returns why the account may not log in, or "".
func (d *domain) login(e *entry, password string) string {
	switch {
	case d.locked(e):
		return lockedOut
	case !e.password.Equal(password):
		d.miss(e)
		return wrongPassword
	case d.control(e)&Disabled != 0:
		return disabled
	case d.expired(e):
		return accountExpired
	case e.first("pwdLastSet") == "0" && !d.exempt(e):
		return mustChange
	case d.passwordExpired(e):
		return passwordExpired
	}
	e.set("badPwdCount", "0")
	e.set("lastLogon", fileTime(d.now()))
	return ""
}

// miss counts a wrong password and locks the account after too many.
func (d *domain) miss(e *entry) {
	count, _ := strconv.Atoi(e.first("badPwdCount")) // always a number
	e.set("badPwdCount", strconv.Itoa(count+1))
	e.set("badPasswordTime", fileTime(d.now()))
	if count+1 >= lockoutThreshold {
		e.set("lockoutTime", fileTime(d.now()))
	}
}
