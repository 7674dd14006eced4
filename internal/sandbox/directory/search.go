package directory

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const (
	maxPage  = 1000 // entries in one answer: MaxPageSize of Active Directory
	maxPages = 10   // paged searches under way on a connection: MaxResultSetsPerConn of Active Directory
)

// page is what is left of a paged search.
type page struct{ left []*entry }

func (s *session) search(ctx context.Context, r request) bool {
	asked, err := parseQuery(r.op)
	if err != nil {
		malformed := result{code: ldap.LDAPResultProtocolError, message: err.Error()}
		s.note(ctx, "search", "", malformed.code)
		return s.send(malformed.encode(r.id, ldap.ApplicationSearchResultDone))
	}
	met := s.meet(ctx, "search "+asked.base, r)
	if met == answered || met == gone {
		return met == answered
	}
	found := s.find(asked, r.controls)
	s.note(ctx, "search", asked.base, found.result.code)
	var packets []*ber.Packet
	for _, one := range found.entries {
		packets = append(packets, encodeEntry(r.id, one.dn, one.attributes))
	}
	if met == cutAfter {
		s.send(packets[:min(1, len(packets))]...)
		return false
	}
	for _, url := range found.references {
		packets = append(packets, encodeReference(r.id, url))
	}
	return s.send(append(packets, found.result.encode(r.id, ldap.ApplicationSearchResultDone, found.controls...))...)
}

// answer is what a search comes to.
type answer struct {
	entries    []shown
	references []string
	result     result
	controls   []control
}

// shown is an entry with what is told of it.
type shown struct {
	dn         string
	attributes []attribute
}

func (s *session) find(q query, controls []control) answer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q.base == "" && q.scope == ldap.ScopeBaseObject {
		root := s.domain.rootDSE()
		return answer{entries: s.show([]*entry{root}, q)}
	}
	if s.bound == nil {
		return answer{result: notBound()}
	}
	if refused := q.use(controls); refused.code != 0 {
		return answer{result: refused}
	}
	base, failed := s.domain.resolve(q.base)
	if failed.code != 0 {
		return answer{result: failed}
	}
	if q.scope != ldap.ScopeBaseObject && q.wants("tokenGroups") {
		return answer{result: result{code: ldap.LDAPResultOperationsError, message: "tokenGroups is computed for one entry at a time"}}
	}
	if q.paged {
		return s.nextPage(q, base)
	}
	limit := maxPage
	if q.sizeLimit > 0 {
		limit = min(limit, q.sizeLimit)
	}
	matches := s.domain.matches(q, base)
	found := answer{references: s.domain.references(q, base)}
	if len(matches) > limit {
		found.result.code, matches = ldap.LDAPResultSizeLimitExceeded, matches[:limit]
	}
	found.entries = s.show(matches, q)
	return found
}

func (d *domain) matches(q query, base *entry) []*entry {
	var matches []*entry
	for _, e := range d.order {
		if d.inside(e, base, q.scope) && q.filter.match(d.tree, e) == yes {
			matches = append(matches, e)
		}
	}
	return matches
}

// nextPage begins a paged search or goes on with it.
func (s *session) nextPage(q query, base *entry) answer {
	current, known := s.pages[q.cookie]
	switch {
	case q.cookie == "":
		current.left = s.domain.matches(q, base)
	case !known:
		return answer{result: result{
			code:    ldap.LDAPResultUnwillingToPerform,
			message: "00002040: SvcErr: DSID-031401E7, problem 5010 (UNAVAIL_EXTENSION), data 0\n",
		}}
	}
	delete(s.pages, q.cookie)
	if q.pageSize == 0 { // given up (RFC 2696 section 3)
		return answer{controls: []control{pagingControl("")}}
	}
	size := min(q.pageSize, len(current.left))
	found := answer{entries: s.show(current.left[:size], q)}
	cookie := ""
	if left := current.left[size:]; len(left) > 0 {
		if len(s.pages) == maxPages {
			return answer{result: result{code: ldap.LDAPResultAdminLimitExceeded, message: "too many paged searches at a time"}}
		}
		cookie = rand.Text()
		s.pages[cookie] = page{left}
	} else {
		found.references = s.domain.references(q, base)
	}
	found.controls = []control{pagingControl(cookie)}
	return found
}

// resolve finds the base of a search.
func (d *domain) resolve(name string) (*entry, result) {
	parsed, err := ldap.ParseDN(name)
	if err != nil {
		return nil, result{
			code:    ldap.LDAPResultInvalidDNSyntax,
			message: "0000208F: NameErr: DSID-0310023C, problem 2006 (BAD_NAME), data 8350, best match of:\n\t'" + name + "'\n",
		}
	}
	if found, there := d.entries[idOf(parsed)]; there {
		return found, result{}
	}
	best := ""
	for i := range parsed.RDNs {
		if above, there := d.entries[idOf(&ldap.DN{RDNs: parsed.RDNs[i:]})]; there {
			best = above.dn
			break
		}
	}
	if best == "" && len(parsed.RDNs) > 0 {
		return nil, d.elsewhere(parsed)
	}
	return nil, result{
		code: ldap.LDAPResultNoSuchObject, matchedDN: best,
		message: "0000208D: NameErr: DSID-0310028D, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'" + best + "'\n",
	}
}

// elsewhere refers to the domain that a DN seems to be of.
func (d *domain) elsewhere(parsed *ldap.DN) result {
	var labels []string
	for _, rdn := range parsed.RDNs {
		if strings.EqualFold(rdn.Attributes[0].Type, "DC") {
			labels = append(labels, rdn.Attributes[0].Value)
		}
	}
	host := strings.Join(labels, ".")
	return result{
		code:     ldap.LDAPResultReferral,
		message:  "0000202B: RefErr: DSID-0310078A, data 0, 1 access points\n\tref 1: '" + host + "'\n",
		referral: "ldap://" + host + "/" + parsed.String(),
	}
}

// references are the naming contexts below the base, which the search does not enter.
func (d *domain) references(q query, base *entry) []string {
	if q.here || base != d.base || q.scope == ldap.ScopeBaseObject {
		return nil
	}
	scope := ""
	if q.scope == ldap.ScopeSingleLevel { // of which the root of the other one is all
		scope = "??base"
	}
	return []string{
		"ldap://ForestDnsZones." + d.dnsName + "/DC=ForestDnsZones," + d.base.dn + scope,
		"ldap://DomainDnsZones." + d.dnsName + "/DC=DomainDnsZones," + d.base.dn + scope,
		"ldap://" + d.dnsName + "/CN=Configuration," + d.base.dn + scope,
	}
}

// rootDSE describes the server itself (RFC 4512 section 5.1).
func (d *domain) rootDSE() *entry {
	configuration := "CN=Configuration," + d.base.dn
	root := &entry{attributes: map[string][]string{}}
	root.set("currentTime", generalizedTime(d.now()))
	root.set("dNSHostName", d.host)
	root.set("defaultNamingContext", d.base.dn)
	root.set("rootDomainNamingContext", d.base.dn)
	root.set("configurationNamingContext", configuration)
	root.set("schemaNamingContext", "CN=Schema,"+configuration)
	root.set("namingContexts", d.base.dn, configuration)
	root.set("supportedLDAPVersion", "3")
	root.set("supportedControl", slices.Sorted(slices.Values([]string{
		ldap.ControlTypePaging, ldap.ControlTypeMicrosoftDomainScope, ldap.ControlTypeMicrosoftSDFlags,
	}))...)
	root.set("supportedExtension", "1.3.6.1.4.1.1466.20037", ldap.ControlTypeWhoAmI)
	root.set("supportedCapabilities", "1.2.840.113556.1.4.800") // this is Active Directory
	return root
}
