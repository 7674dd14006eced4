package activedirectory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	maxGroups = 10 // that are named
	// For chainTime a server may look along chains of members, in one lookup.
	chainTime = 3 * time.Second
)

// privileged names a group that gives power over a domain or its controllers, or returns "". It goes by the SID:
// the names are translated and can be changed ([MS-DTYP] 2.4.2.4, and "Appendix C: Protected Accounts and Groups
// in Active Directory").
func privileged(sid string) string {
	authority, last, _ := cutLast(sid, "-")
	switch {
	case authority == "S-1-5-32":
		switch last {
		case "544":
			return "Administrators"
		case "548":
			return "Account Operators"
		case "549":
			return "Server Operators"
		case "550":
			return "Print Operators"
		case "551":
			return "Backup Operators"
		}
	case strings.HasPrefix(authority, "S-1-5-21-"):
		switch last {
		case "512":
			return "Domain Admins"
		case "516":
			return "Domain Controllers"
		case "518":
			return "Schema Admins"
		case "519":
			return "Enterprise Admins"
		case "520":
			return "Group Policy Creator Owners"
		case "526":
			return "Key Admins"
		case "527":
			return "Enterprise Key Admins"
		}
	}
	return ""
}

// power is a privileged group that an account is in.
type power struct {
	name string
	sid  string
	how  string // "direct member", "primary group", "through Tier 0 Operators"
}

// groups are those of an account.
type groups struct {
	powers []power // by name
	total  int     // security groups, the primary one and nested ones included
	known  bool    // whether the above could be read
}

func (g groups) names() []string {
	var names []string
	for _, one := range g.powers {
		names = append(names, one.name)
	}
	return names
}

// tokens reads the security groups of an account: direct ones, those that these are in, and the primary group. The attribute is
// worked out by the server for one entry, and costs it far less than a search along the chain of members.
func tokens(s *session, dn string) (groups, error) {
	entry, err := s.read(dn, "tokenGroups")
	if err != nil {
		return groups{}, unlessHidden(err)
	}
	all := entry.GetEqualFoldRawAttributeValues("tokenGroups")
	found := groups{total: len(all), known: len(all) > 0}
	for _, raw := range all {
		if group, ok := sid(raw); ok && privileged(group) != "" {
			found.powers = append(found.powers, power{name: privileged(group), sid: group, how: "through other groups"})
		}
	}
	slices.SortFunc(found.powers, func(a, b power) int { return strings.Compare(a.name, b.name) })
	found.powers = slices.CompactFunc(found.powers, func(a, b power) bool { return a.name == b.name })
	return found, nil
}

// memberships reads the groups of an account, and of the privileged ones how it comes to be in them.
func memberships(s *session, entry *ldap.Entry) (groups, error) {
	found, err := tokens(s, entry.DN)
	if err != nil || len(found.powers) == 0 {
		return found, err
	}
	dns, err := s.bySID(domainOf(entry.DN), found.powers)
	if err := unlessHidden(err); err != nil && !tooSlow(err) {
		return groups{}, err // else it is known what it is in, and not how
	}
	direct, _ := values(entry, "memberOf")
	primary := primaryGroup(entry)
	until := s.now().Add(chainTime)
	for i := range found.powers {
		one := &found.powers[i]
		group := dns[one.sid]
		switch left := until.Sub(s.now()); {
		case one.sid == primary:
			one.how = "primary group"
		case group == "": // of another domain
		case slices.ContainsFunc(direct, func(dn string) bool { return strings.EqualFold(dn, group) }):
			one.how = "direct member"
		case left >= time.Second:
			through, err := s.between(entry.DN, primary, group, left)
			if tooSlow(err) {
				until = time.Time{} // the others would be, too
			} else if err := unlessHidden(err); err != nil {
				return groups{}, err
			}
			if through != "" {
				one.how = "through " + through
			}
		}
	}
	return found, nil
}

// bySID finds where groups are in the tree of their domain.
func (s *session) bySID(domain string, powers []power) (map[string]string, error) {
	var filter strings.Builder
	for _, one := range powers {
		filter.WriteString("(objectSid=" + ldap.EscapeFilter(one.sid) + ")")
	}
	entries, _, err := s.search(domain, "(|"+filter.String()+")", len(powers), "objectSid")
	if err != nil {
		return nil, err
	}
	dns := map[string]string{}
	for _, entry := range entries {
		if group, ok := sid(entry.GetEqualFoldRawAttributeValue("objectSid")); ok {
			dns[group] = entry.DN
		}
	}
	return dns, nil
}

// between names the groups that an account is in directly and that are in another, at any depth: those to take it out of. Such a
// search is slow in a large domain, so that it is for privileged groups alone, and bounded.
func (s *session) between(account, primary, group string, within time.Duration) (string, error) {
	const maxNamed = 3
	limited := *s
	limited.timeLimit = min(s.timeLimit, int(within/time.Second))
	entries, more, err := limited.search(domainOf(account), "(&(|(member="+ldap.EscapeFilter(account)+")(objectSid="+ldap.EscapeFilter(primary)+"))"+
		"(memberOf:1.2.840.113556.1.4.1941:="+ldap.EscapeFilter(group)+"))", maxNamed, "sAMAccountName")
	if err != nil {
		return "", err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, fullName(entry))
	}
	slices.Sort(names)
	if more {
		names = append(names, "…")
	}
	return strings.Join(names, ", "), nil
}

// tooSlow reports whether a server gave a search up.
func tooSlow(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultSizeLimitExceeded)
}

// primaryGroup is the SID of an account's primary group, which is of its own domain.
func primaryGroup(entry *ldap.Entry) string {
	own, _ := sid(entry.GetEqualFoldRawAttributeValue("objectSid"))
	domain, _, _ := cutLast(own, "-")
	return domain + "-" + entry.GetEqualFoldAttributeValue("primaryGroupID")
}

func (g groups) privilegeWords(entry *ldap.Entry) string {
	var words []string
	for _, one := range g.powers {
		words = append(words, one.name+" ("+one.how+")")
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case !g.known:
		return "unknown: the account in bind_dn may not read tokenGroups"
	case entry.GetEqualFoldAttributeValue("adminCount") == "1":
		return "no, but it is or was protected as an administrator (adminCount)"
	default:
		return "no"
	}
}

// countWords counts the groups that list the account as a member, and names some. Its primary group is not among them ([MS-ADTS]
// 3.1.1.4.5.18).
func (g groups) countWords(entry *ldap.Entry) string {
	direct, all := values(entry, "memberOf")
	words, with := "none besides the primary", "nested ones"
	if len(direct) > 0 {
		for i, group := range direct {
			direct[i] = firstName(group)
		}
		slices.SortFunc(direct, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		words, with = count(direct, all)+" direct: "+few(direct, maxGroups), "nested ones and the primary"
	}
	if g.total > 1 {
		words += fmt.Sprintf(" (%d security groups with %s)", g.total, with)
	}
	return words
}
