package activedirectory

import (
	"fmt"
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
		"manager", "managedBy", "dNSHostName", "operatingSystem", "operatingSystemVersion", "userAccountControl",
		"msDS-User-Account-Control-Computed", "accountExpires", "lockoutTime", "pwdLastSet", "lastLogonTimestamp",
		"whenCreated", "memberOf", "servicePrincipalName", "objectSid",
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
	powers, known, err := privileges(s, entry.DN)
	if err != nil {
		return "", nil, err
	}
	now := e.now()
	found := accountState(entry, now)
	var list facts
	list.add("name", "Name", text(entry, "displayName"))
	list.add("account", "Account", accountNames(entry))
	list.add("email", "Mail", text(entry, "mail"))
	list.add("title", "Title", text(entry, "title"))
	list.add("department", "Department", text(entry, "department"))
	list.add("company", "Company", text(entry, "company"))
	list.add("manager", "Manager", manager)
	list.add("dns_name", "DNS name", text(entry, "dNSHostName"))
	list.add("system", "System", system(entry))
	list.add("managed_by", "Managed by", owner)
	list.add("state", "State", found.String())
	list.add("privileged", "Privileged", privilegeWords(powers, known))
	list.add("groups", "Direct groups", directGroups(entry))
	list.add("services", "Service names", services(entry))
	addTimes(&list, entry, now)
	list.add("path", "Path", framework.Line(entry.DN, maxText))
	if id, ok := sid(entry.GetEqualFoldRawAttributeValue("objectSid")); ok {
		list.add("sid", "SID", id)
	}
	return summary(entry, found, powers), list, nil
}

func summary(entry *ldap.Entry, found state, powers []string) string {
	text := fullName(entry) + " is " + found.headline
	if role := role(entry); role != "" {
		text = fullName(entry) + ", " + role + ", is " + found.headline
	}
	if len(powers) > 0 {
		text += " and privileged: " + strings.Join(powers, ", ")
	}
	return text + "."
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

func privilegeWords(powers []string, known bool) string {
	switch {
	case len(powers) > 0:
		return strings.Join(powers, ", ") + " (directly or through other groups)"
	case known:
		return "no"
	default:
		return "unknown: the account in bind_dn may not read tokenGroups"
	}
}

// services says that a user has service names: anyone may then ask for a ticket and attack the password offline
// (Kerberoasting). Computers have them as a rule and long random passwords.
func services(entry *ldap.Entry) string {
	count := len(entry.GetEqualFoldAttributeValues("servicePrincipalName"))
	if count == 0 || isComputer(entry) {
		return ""
	}
	return fmt.Sprintf("%d (tickets for them let anyone attack the password offline)", count)
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
		list.add("last_logon", "Last logon", "not before "+when(at, now)+"; replicated every 9 to 14 days, so it may have been later")
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
