package activedirectory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxCandidates bounds how many accounts an ambiguous answer names.
const maxCandidates = 5

// sidPattern is a security identifier as Windows events write it ([MS-DTYP] 2.4.2.1).
var sidPattern = regexp.MustCompile(`^[Ss]-1-([0-9]{1,10}|0x[0-9A-Fa-f]{12})(-[0-9]{1,10}){1,15}$`)

// describe looks an indicator up and puts the answer into words.
func (e *Enricher) describe(s *session, indicator framework.Indicator) (string, []framework.Fact, error) {
	name, domain := indicator.Value, ""
	if before, after, found := strings.Cut(name, `\`); found && indicator.Kind == framework.User {
		domain, name = before, after
		own, known, err := e.isOwnDomain(s, domain)
		if err != nil {
			return "", nil, err
		}
		if known && !own {
			return fmt.Sprintf("Not looked up: %s is no domain of this directory; the account may be local to a machine or built into Windows.",
				framework.Line(domain, maxText)), nil, nil
		}
	}
	what, filter := "user", e.userFilter(name)
	if indicator.Kind == framework.Host {
		what, filter = "computer", e.hostFilter(name)
	}
	if strings.ContainsRune(name, 0) { // no name has it, and Samba takes it for the end of one
		summary, facts := e.nobody(what)
		return summary, facts, nil
	}
	entries, more, err := s.search(e.config.BaseDN, filter, maxCandidates, accountAttributes()...)
	switch {
	case err != nil:
		return "", nil, err
	case len(entries) == 0:
		summary, facts := e.nobody(what)
		return summary, facts, nil
	case len(entries) > 1:
		return ambiguous(what, entries, more)
	}
	return e.account(s, entries[0])
}

func (e *Enricher) nobody(what string) (string, []framework.Fact) {
	return "No such " + what + " in the directory.", []framework.Fact{
		{Key: "searched", Label: "Searched", Value: framework.Line(e.config.BaseDN, maxText)},
	}
}

func ambiguous(what string, entries []*ldap.Entry, more bool) (string, []framework.Fact, error) {
	count := fmt.Sprint(len(entries))
	if more {
		count = "More than " + count
	}
	slices.SortFunc(entries, func(a, b *ldap.Entry) int { return strings.Compare(a.DN, b.DN) })
	facts := make([]framework.Fact, 0, len(entries))
	for i, entry := range entries {
		facts = append(facts, framework.Fact{
			Key: fmt.Sprintf("candidate_%d", i+1), Label: fmt.Sprintf("Candidate %d", i+1),
			Value: framework.Line(fullName(entry)+", "+entry.DN, maxText),
		})
	}
	return fmt.Sprintf("%s accounts match; none of them is taken for the %s.", count, what), facts, nil
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

// isOwnDomain reports whether a NetBIOS or DNS domain name belongs to the base of the search. Without this,
// "WS-042\Administrator", an account local to a workstation, would be taken for the domain's administrator.
func (e *Enricher) isOwnDomain(s *session, name string) (own, known bool, err error) {
	root, err := s.read("", "configurationNamingContext")
	if err != nil {
		return false, false, unlessHidden(err)
	}
	partitions := root.GetEqualFoldAttributeValue("configurationNamingContext")
	if partitions == "" {
		return false, false, nil
	}
	const maxDomains = 200
	domains, _, err := s.search("CN=Partitions,"+partitions, "(&(objectClass=crossRef)(nETBIOSName=*))", maxDomains,
		"nCName", "nETBIOSName", "dnsRoot")
	if err != nil {
		return false, false, unlessHidden(err)
	}
	for _, domain := range domains {
		context, err := ldap.ParseDN(domain.GetEqualFoldAttributeValue("nCName"))
		if err != nil {
			continue
		}
		known = true
		named := strings.EqualFold(name, domain.GetEqualFoldAttributeValue("nETBIOSName")) ||
			strings.EqualFold(name, domain.GetEqualFoldAttributeValue("dnsRoot"))
		if named && (context.EqualFold(e.base) || context.AncestorOfFold(e.base) || e.base.AncestorOfFold(context)) {
			return true, true, nil
		}
	}
	return false, known, nil
}

func unlessHidden(err error) error {
	if hidden(err) {
		return nil
	}
	return err
}
