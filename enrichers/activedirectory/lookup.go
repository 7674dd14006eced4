package activedirectory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxCandidates bounds how many accounts an ambiguous answer names.
const maxCandidates = 5

// sidPattern is a security identifier as Windows events write it ([MS-DTYP] 2.4.2.1).
var sidPattern = regexp.MustCompile(`^[Ss]-1-([0-9]{1,10}|0x[0-9A-Fa-f]{12})(-[0-9]{1,10}){1,15}$`)

// describe looks an indicator up and puts the answer into words.
func (e *Enricher) describe(s *session, indicator framework.Indicator) (string, []framework.Fact, error) {
	name, in := indicator.Value, place{base: e.config.BaseDN}
	if domain, account, found := strings.Cut(name, `\`); found && indicator.Kind == framework.User {
		var err error
		if in, err = e.place(s, domain); err != nil || in.not != "" {
			return in.not, nil, err
		}
		name = account
	}
	what, filter := "user", e.userFilter(name)
	if indicator.Kind == framework.Host {
		what, filter = "computer", e.hostFilter(name)
	}
	if strings.ContainsRune(name, 0) { // no name has it, and Samba takes it for the end of one
		return nobodyFound(s, what, in)
	}
	entries, more, err := s.search(in.base, filter, maxCandidates, accountAttributes()...)
	if in.base != e.config.BaseDN && ldap.IsErrorAnyOf(err, ldap.LDAPResultReferral, ldap.LDAPResultNoSuchObject) {
		return notLookedUp(in.domain, "is another domain of the forest, which this domain controller does not hold"), nil, nil
	}
	entries = in.own(entries)
	switch {
	case err != nil:
		return "", nil, err
	case len(entries) == 0:
		return nobodyFound(s, what, in)
	case len(entries) > 1:
		return ambiguous(what, entries, more, e.now())
	}
	return e.account(s, entries[0])
}

// nobodyFound says where nobody was found, and where nobody looked: in domains that the controller only refers to.
func nobodyFound(s *session, what string, in place) (string, []framework.Fact, error) {
	list := facts{{Key: "searched", Label: "Searched", Value: framework.Line(in.base, maxText)}}
	if len(s.elsewhere) > 0 {
		list.add("not_searched", "Not searched", "other domains of the forest: "+few(s.elsewhere, maxCandidates))
	}
	return "No such " + what + " in the directory.", list, nil
}

// ambiguous names the accounts that a name could mean, with what tells them apart.
func ambiguous(what string, entries []*ldap.Entry, more bool, now time.Time) (string, []framework.Fact, error) {
	count := fmt.Sprint(len(entries))
	if more {
		count = "more than " + count
	}
	slices.SortFunc(entries, func(a, b *ldap.Entry) int { return strings.Compare(a.DN, b.DN) })
	facts := make([]framework.Fact, 0, len(entries))
	for i, entry := range entries {
		facts = append(facts, framework.Fact{
			Key: fmt.Sprintf("candidate_%d", i+1), Label: fmt.Sprintf("Candidate %d", i+1),
			Value: framework.Line(fullName(entry)+", "+accountState(entry, now).headline+", "+entry.DN, maxText),
		})
	}
	return fmt.Sprintf("Ambiguous: %s accounts match, and which %s is meant is not guessed.", count, what), facts, nil
}

// userFilter finds a user by account name, user@domain, mail address or SID. Every value goes through EscapeFilter.
func (e *Enricher) userFilter(name string) string {
	escaped := ldap.EscapeFilter(name)
	account, domain, isAddress := cutLast(name, "@")
	switch {
	case sidPattern.MatchString(name):
		return "(&(objectClass=user)(objectSid=" + escaped + "))"
	case strings.HasSuffix(name, "$"): // a machine or a managed service account acts as a user, too
		return "(&(objectClass=user)(sAMAccountName=" + escaped + "))"
	case !isAddress:
		return "(&(objectCategory=person)(objectClass=user)(sAMAccountName=" + escaped + "))"
	}
	// Every account can be addressed as account@domain, whatever its userPrincipalName is ([MS-ADTS] 5.1.1.1.1).
	implicit := ""
	if strings.EqualFold(domain, e.domain) {
		implicit = "(sAMAccountName=" + ldap.EscapeFilter(account) + ")"
	}
	return "(&(objectCategory=person)(objectClass=user)(|(userPrincipalName=" + escaped + ")(mail=" + escaped +
		")(proxyAddresses=smtp:" + escaped + ")" + implicit + "))"
}

// hostFilter finds a computer by its short name, NAME$ or DNS name. A DNS name of another domain does not
// match a computer that only shares the first label.
func (e *Enricher) hostFilter(name string) string {
	name = strings.TrimSuffix(name, "$")
	short, domain, isDNSName := strings.Cut(name, ".")
	dns := name
	if !isDNSName {
		dns = name + "." + e.domain
	}
	account := ""
	if !isDNSName || strings.EqualFold(domain, e.domain) {
		account = "(sAMAccountName=" + ldap.EscapeFilter(short) + "$)"
	}
	return "(&(objectCategory=computer)(|(dNSHostName=" + ldap.EscapeFilter(dns) + ")" + account + "))"
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}
