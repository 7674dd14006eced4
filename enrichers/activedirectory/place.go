package activedirectory

import (
	"net/url"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// place is where an account is looked for.
type place struct {
	base   string // of the search
	domain string // as the indicator names it; empty when it names none
	dns    string // of that domain, in lower case
	not    string // why it is not looked for, else empty
}

// own keeps the entries that are of the domain which was named: a subtree may reach into domains below, as it does in a global
// catalog.
func (p place) own(entries []*ldap.Entry) []*ldap.Entry {
	if p.domain == "" {
		return entries
	}
	return slices.DeleteFunc(entries, func(entry *ldap.Entry) bool {
		dn, err := ldap.ParseDN(entry.DN)
		return err != nil || dnsName(dn) != p.dns
	})
}

func notLookedUp(domain, why string) string {
	return "Not looked up: " + framework.Line(domain, maxText) + " " + why + "."
}

// place finds the domain that a NetBIOS or DNS name means. Without this "WS-042\Administrator", an account local to a workstation,
// and "CHILD\jdoe" would be taken for accounts of this domain.
func (e *Enricher) place(s *session, name string) (place, error) {
	found := place{base: e.config.BaseDN, domain: name, dns: e.domain}
	domains, err := s.domains()
	if err != nil {
		return place{}, err
	}
	if domains == nil {
		// Whoever may sign in may read them, as a rule. The first label is what a domain is called mostly.
		label, _, _ := strings.Cut(e.domain, ".")
		if !strings.EqualFold(name, e.domain) && !strings.EqualFold(name, label) {
			found.not = notLookedUp(name, "may be another domain or a machine: the account in bind_dn may not read the names of domains (CN=Partitions)")
		}
		return found, nil
	}
	for _, domain := range domains {
		context, err := ldap.ParseDN(domain.GetEqualFoldAttributeValue("nCName"))
		if err != nil || !strings.EqualFold(name, domain.GetEqualFoldAttributeValue("nETBIOSName")) &&
			!strings.EqualFold(name, domain.GetEqualFoldAttributeValue("dnsRoot")) {
			continue
		}
		found.dns = dnsName(context)
		switch {
		case context.EqualFold(e.base), context.AncestorOfFold(e.base):
		case e.base.AncestorOfFold(context):
			found.base = domain.GetEqualFoldAttributeValue("nCName")
		default:
			found.not = notLookedUp(name, "is another domain of the forest, outside base_dn")
		}
		return found, nil
	}
	found.not = notLookedUp(name, "is no domain of this directory; the account may be local to a machine or built into Windows")
	return found, nil
}

// domains are those of the forest, or nil when they may not be read.
func (s *session) domains() ([]*ldap.Entry, error) {
	root, err := s.read("", "configurationNamingContext")
	if err != nil {
		return nil, unlessHidden(err)
	}
	partitions := root.GetEqualFoldAttributeValue("configurationNamingContext")
	if partitions == "" {
		return nil, nil
	}
	const maxDomains = 200
	found, _, err := s.search("CN=Partitions,"+partitions, "(&(objectClass=crossRef)(nETBIOSName=*))", maxDomains, "nCName", "nETBIOSName", "dnsRoot")
	if err != nil || len(found) == 0 {
		return nil, unlessHidden(err)
	}
	return found, nil
}

// otherDomains are the DNS names of domains in the references that come with a search (RFC 4516). The configuration, the schema
// and DNS zones hold no accounts.
func otherDomains(references []string) []string {
	var names []string
	for _, reference := range references {
		parsed, err := url.Parse(reference)
		if err != nil {
			continue
		}
		dn, err := ldap.ParseDN(strings.TrimPrefix(parsed.Path, "/"))
		if err != nil || len(dn.RDNs) == 0 || len(dn.RDNs[0].Attributes) == 0 {
			continue
		}
		first := dn.RDNs[0].Attributes[0]
		zones := strings.EqualFold(first.Value, "DomainDnsZones") || strings.EqualFold(first.Value, "ForestDnsZones")
		if name := dnsName(dn); strings.EqualFold(first.Type, "DC") && !zones && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func unlessHidden(err error) error {
	if hidden(err) {
		return nil
	}
	return err
}
