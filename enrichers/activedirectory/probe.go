package activedirectory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

var _ framework.Prober = (*Enricher)(nil)

// soon is from when it is said that the password of the bind account, or the certificate of a controller, expires.
const soon = 14 * 24 * time.Hour

// Probe signs in at every domain controller, looks at their clocks, and on the first that works at the bind account and at what it
// may read. A refused password is tried at one of them only, so that the account is not locked.
func (e *Enricher) Probe(ctx context.Context) []framework.Probed {
	each := make([][]framework.Probed, len(e.servers))
	var group sync.WaitGroup
	for i, controller := range e.servers {
		group.Go(func() { each[i] = e.probeController(ctx, controller) })
	}
	group.Wait()
	var tried []framework.Probed
	works := false
	for _, one := range each {
		tried = append(tried, one...)
		works = works || one[0].OK
	}
	if !works {
		return tried
	}
	return append(tried,
		e.probeStep(ctx, "bind account", e.describeOwn),
		e.probeStep(ctx, "users", e.describeRights))
}

// probeController signs in at one, reads its clock, and looks how long its certificate is good.
func (e *Enricher) probeController(ctx context.Context, controller server) []framework.Probed {
	var clock framework.Probed
	var certificate time.Time // its end
	signIn := e.try("sign in at "+controller.address, func() (string, error) {
		return "as " + framework.Line(e.config.BindDN, maxText), e.askOne(ctx, "sign in", controller, func(s *session) error {
			if state, ok := s.conn.TLSConnectionState(); ok && len(state.PeerCertificates) > 0 {
				certificate = state.PeerCertificates[0].NotAfter
			}
			root, err := s.read("", "currentTime")
			if err != nil {
				return err
			}
			if at, ok := generalizedTime(root.GetEqualFoldAttributeValue("currentTime")); ok {
				clock = framework.ProbeClock(at, e.now())
				clock.Name = "clock of " + controller.address
			}
			return nil
		})
	})
	if signIn.OK && !certificate.IsZero() && certificate.Before(e.now().Add(soon)) {
		signIn.Advice = "its certificate is good until " + when(certificate, e.now()) + " only: have it renewed, else nobody can sign in"
	}
	if !signIn.OK || clock.Name == "" {
		return []framework.Probed{signIn}
	}
	return []framework.Probed{signIn, clock}
}

// try leaves the advice about certificates to the reason, which knows better: this part has authorities of its own.
func (e *Enricher) try(name string, step func() (string, error)) framework.Probed {
	var certificate *tls.CertificateVerificationError
	own := false
	tried := framework.Try(e.now, name, func() (string, error) {
		detail, err := step()
		own = errors.As(err, &certificate)
		return detail, err
	})
	if own {
		tried.Advice = ""
	}
	return tried
}

// probeStep runs one in a session of its own.
func (e *Enricher) probeStep(ctx context.Context, name string, step func(*session) (detail, advice string, err error)) framework.Probed {
	advice := ""
	tried := e.try(name, func() (detail string, err error) {
		err = e.ask(ctx, "look at "+name, func(s *session) error {
			var err error
			detail, advice, err = step(s)
			return err
		})
		return detail, err
	})
	if tried.OK {
		tried.Advice = advice
	}
	return tried
}

// describeOwn tells of the account that we sign in with what may end that.
func (e *Enricher) describeOwn(s *session) (detail, advice string, err error) {
	own, err := e.own(s)
	if err != nil || own == nil {
		return "not found below base_dn, so that it cannot be told when its password expires", "", err
	}
	groups, err := tokens(s, own.DN)
	if err != nil {
		return "", "", err
	}
	now := e.now()
	detail = fullName(own) + " is " + accountState(own, now).String()
	if expires, ok := fileTime(own.GetEqualFoldAttributeValue("msDS-UserPasswordExpiryTimeComputed")); ok {
		detail += "; its password expires " + when(expires, now)
		if expires.Before(now.Add(soon)) {
			advice = "set a new password before it expires, or use a managed account"
		}
	}
	if len(groups.powers) > 0 {
		detail += "; it is privileged: " + strings.Join(groups.names(), ", ")
		advice = "use an account without privileges: that of an ordinary user can read all that is needed"
	}
	return detail, advice, nil
}

// own returns the entry of the bind account, or nil where it cannot be found.
func (e *Enricher) own(s *session) (*ldap.Entry, error) {
	attributes := accountAttributes()
	if _, err := ldap.ParseDN(e.config.BindDN); err == nil {
		entry, err := s.read(e.config.BindDN, attributes...)
		return entry, unlessHidden(err)
	}
	_, name, found := strings.Cut(e.config.BindDN, `\`)
	if !found {
		name = e.config.BindDN
	}
	entries, _, err := s.search(e.config.BaseDN, e.userFilter(name), 2, attributes...)
	if err != nil || len(entries) != 1 {
		return nil, err
	}
	return entries[0], nil
}

// describeRights looks at some people whether what findings need may be read of them.
func (e *Enricher) describeRights(s *session) (detail, advice string, err error) {
	const sample = 20
	people, more, err := s.search(e.config.BaseDN, "(&(objectCategory=person)(objectClass=user))", sample, "sAMAccountName", "userAccountControl", "pwdLastSet")
	if err != nil {
		return "", "", err
	}
	if len(people) == 0 {
		return "nobody is found below base_dn", "name a base_dn that has users below it, which the bind account may list", nil
	}
	count := strconv.Itoa(len(people))
	if more {
		count = "more than " + count
	}
	for _, person := range people {
		if person.GetEqualFoldAttributeValue("userAccountControl") == "" {
			return fmt.Sprintf("%s users below %s, but not their state", count, framework.Line(e.config.BaseDN, maxText)),
				"let the bind account read userAccountControl; else findings say that the state is unknown", nil
		}
	}
	// Of oneself one may read more than of others: the sample is of others, too.
	for _, person := range people[max(0, len(people)-2):] {
		groups, err := tokens(s, person.DN)
		if err != nil {
			return "", "", err
		}
		if !groups.known {
			return count + " users and their state, but not tokenGroups",
				"let the bind account read tokenGroups (as members of Pre-Windows 2000 Compatible Access may); else findings say that privileges are unknown", nil
		}
	}
	return fmt.Sprintf("%s users below %s, with state and groups", count, framework.Line(e.config.BaseDN, maxText)), "", nil
}
