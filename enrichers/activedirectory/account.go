package activedirectory

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// accountAttributes are all that is asked for. Free text such as description and info is left out: people keep
// passwords there.
func accountAttributes() []string {
	return []string{
		"objectClass", "displayName", "sAMAccountName", "userPrincipalName", "mail", "title", "department", "company",
		"telephoneNumber", "manager", "managedBy", "dNSHostName", "operatingSystem", "operatingSystemVersion", "userAccountControl",
		"msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed", "accountExpires", "lockoutTime", "pwdLastSet",
		"lastLogonTimestamp", "whenCreated", "memberOf", "primaryGroupID", "adminCount", "servicePrincipalName", "objectSid",
		"msDS-AllowedToDelegateTo", "msDS-AllowedToActOnBehalfOfOtherIdentity",
	}
}

// facts collects what is known, leaving out what is not.
type facts []framework.Fact

func (f *facts) add(key, label, value string) {
	if value != "" {
		*f = append(*f, framework.Fact{Key: key, Label: label, Value: value})
	}
}

// account describes one account.
func (e *Enricher) account(s *session, entry *ldap.Entry) (string, []framework.Fact, error) {
	manager, err := person(s, entry.GetEqualFoldAttributeValue("manager"))
	if err != nil {
		return "", nil, err
	}
	owner, err := person(s, entry.GetEqualFoldAttributeValue("managedBy"))
	if err != nil {
		return "", nil, err
	}
	groups, err := memberships(s, entry)
	if err != nil {
		return "", nil, err
	}
	now := e.now()
	found := accountState(entry, now)
	var list facts
	list.add("state", "State", found.String())
	list.add("privileged", "Privileged", groups.privilegeWords(entry))
	list.add("delegation", "Delegation", delegation(entry))
	list.add("services", "Service names", services(entry))
	addTimes(&list, entry, now)
	list.add("name", "Name", text(entry, "displayName"))
	list.add("account", "Account", accountNames(entry))
	list.add("title", "Title", text(entry, "title"))
	list.add("department", "Department", text(entry, "department"))
	list.add("company", "Company", text(entry, "company"))
	list.add("manager", "Manager", manager)
	list.add("email", "Mail", text(entry, "mail"))
	list.add("phone", "Phone", text(entry, "telephoneNumber"))
	list.add("dns_name", "DNS name", text(entry, "dNSHostName"))
	list.add("system", "System", system(entry))
	list.add("managed_by", "Managed by", owner)
	list.add("groups", "Groups", groups.countWords(entry))
	list.add("path", "DN", framework.Line(entry.DN, maxText))
	if id, ok := sid(entry.GetEqualFoldRawAttributeValue("objectSid")); ok {
		list.add("sid", "SID", id)
	}
	return summary(entry, found, groups.names()), list, nil
}

func summary(entry *ldap.Entry, found state, powers []string) string {
	text := fullName(entry) + " is " + found.headline
	if role := role(entry); role != "" {
		text = fullName(entry) + ", " + role + ", is " + found.headline
	}
	if len(powers) > 0 {
		text += " and privileged: " + strings.Join(powers, ", ")
	}
	return text + "." + risks(entry)
}

// risks are what makes an account worth taking over, beside its privileges.
func risks(entry *ldap.Entry) string {
	control, _ := strconv.ParseInt(entry.GetEqualFoldAttributeValue("userAccountControl"), 10, 64) // 0 when it may not be read: the state says so
	text := ""
	if control&flagNoPreauth != 0 || services(entry) != "" {
		text += " Its password can be attacked offline."
	}
	constrained, _ := values(entry, "msDS-AllowedToDelegateTo")
	if control&flagDelegation != 0 && control&flagController == 0 || len(constrained) > 0 {
		text += " It may act as other people (delegation)."
	}
	return text
}

// role is "Analyst in Finance" or "Windows 11 Enterprise 10.0 (26100)", or the part of it that is known.
func role(entry *ldap.Entry) string {
	if isComputer(entry) {
		return system(entry)
	}
	title, department := text(entry, "title"), text(entry, "department")
	if title != "" && department != "" {
		return title + " in " + department
	}
	return title + department
}

func system(entry *ldap.Entry) string {
	return strings.TrimSpace(text(entry, "operatingSystem") + " " + text(entry, "operatingSystemVersion"))
}

func accountNames(entry *ldap.Entry) string {
	account, principal := text(entry, "sAMAccountName"), text(entry, "userPrincipalName")
	if account != "" && principal != "" {
		return account + ", " + principal
	}
	return account + principal
}

// services says that a user has service names: anyone may then ask for a ticket and attack the password offline
// (Kerberoasting). Computers have them as a rule and long random passwords.
func services(entry *ldap.Entry) string {
	names, _ := values(entry, "servicePrincipalName")
	if len(names) == 0 || isComputer(entry) {
		return ""
	}
	return fmt.Sprintf("%d (anyone may ask for a ticket for them and attack the password offline)", len(names))
}

func isComputer(entry *ldap.Entry) bool {
	for _, class := range entry.GetEqualFoldAttributeValues("objectClass") {
		if strings.EqualFold(class, "computer") {
			return true
		}
	}
	return false
}

func addTimes(list *facts, entry *ldap.Entry, now time.Time) {
	if at, ok := fileTime(entry.GetEqualFoldAttributeValue("lastLogonTimestamp")); ok {
		list.add("last_logon", "Last logon", "not before "+when(at, now)+"; later logons show only after 9 to 14 days")
	} else {
		list.add("last_logon", "Last logon", "none recorded")
	}
	if at, ok := fileTime(entry.GetEqualFoldAttributeValue("pwdLastSet")); ok {
		list.add("password_set", "Password set", when(at, now))
	}
	if at, ok := generalizedTime(entry.GetEqualFoldAttributeValue("whenCreated")); ok {
		list.add("created", "Created", when(at, now))
	}
}

// person names the account behind a DN: by its own entry where that can be read, else by the DN.
func person(s *session, dn string) (string, error) {
	if dn == "" {
		return "", nil
	}
	entry, err := s.read(dn, "displayName", "sAMAccountName")
	switch {
	case err == nil:
		return fullName(entry), nil
	case hidden(err):
		return framework.Line(firstName(dn), maxText), nil
	default:
		return "", err
	}
}
