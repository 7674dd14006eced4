package activedirectory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxGroups bounds how many groups are named.
const maxGroups = 10

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

// privileges names the privileged groups that an account is in, directly, through other groups or as its primary
// group: tokenGroups is computed by the server for one entry. Known is false where it may not be read.
func privileges(s *session, dn string) (names []string, known bool, err error) {
	entry, err := s.read(dn, "tokenGroups")
	if err != nil {
		return nil, false, unlessHidden(err)
	}
	tokens := entry.GetEqualFoldRawAttributeValues("tokenGroups")
	for _, raw := range tokens {
		if group, ok := sid(raw); ok && privileged(group) != "" {
			names = append(names, privileged(group))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), len(tokens) > 0, nil
}

// directGroups counts and names the groups that list the account as a member. Its primary group is not among
// them ([MS-ADTS] 3.1.1.4.5.18). A domain controller gives at most 1,500 values at once, as memberOf;range=0-1499.
func directGroups(entry *ldap.Entry) string {
	var groups []string
	least := false
	for _, attribute := range entry.Attributes {
		name, option, _ := strings.Cut(strings.ToLower(attribute.Name), ";range=")
		if name == "memberof" {
			groups = append(groups, attribute.Values...)
			least = least || option != "" && !strings.HasSuffix(option, "*")
		}
	}
	if len(groups) == 0 {
		return "none besides the primary group"
	}
	names := make([]string, len(groups))
	for i, group := range groups {
		names[i] = framework.Line(firstName(group), maxText)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	count := strconv.Itoa(len(names))
	if least {
		count = "at least " + count
	}
	if len(names) > maxGroups {
		names = append(names[:maxGroups], "…")
	}
	return fmt.Sprintf("%s: %s", count, strings.Join(names, ", "))
}
