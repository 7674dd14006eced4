package directory

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// populate adds groups and users. Users come first, then what refers to them.
func (d *domain) populate(users []User, groups []Group) error {
	var errs []error
	for _, one := range users {
		errs = append(errs, d.user(one))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, one := range groups {
		if _, there := d.account(one.Name); !there {
			_, err := d.group(one.Name, "OU=Groups", "-2147483646", d.sid(d.rid()))
			errs = append(errs, err)
		}
	}
	for _, one := range users {
		errs = append(errs, d.relate(one))
	}
	for _, one := range groups {
		for _, group := range one.Groups {
			errs = append(errs, d.join(group, d.dnOf(one.Name)))
		}
	}
	return errors.Join(errs...)
}

func (d *domain) dnOf(account string) string {
	found, there := d.account(account)
	if !there {
		return account // which find then does not find
	}
	return found.dn
}

// user makes the entry of a user or a computer.
func (d *domain) user(u User) error {
	if u.Account == "" || u.Name == "" {
		return fmt.Errorf("user %q has no account or no name", u.Name+u.Account)
	}
	if _, taken := d.account(u.Account); taken {
		return fmt.Errorf("account %s is there twice", u.Account)
	}
	computer := strings.HasSuffix(u.Account, "$")
	unit, className := u.Unit, "user"
	if computer {
		className = "computer"
	}
	switch {
	case unit == "" && computer:
		unit = "Workstations"
	case unit == "":
		unit = "Staff"
	}
	in, err := d.unit(unit)
	if err != nil {
		return err
	}
	made, err := d.object("CN="+ldap.EscapeDN(u.Name)+","+in, className, false)
	if err != nil {
		return err
	}
	d.describe(made, u)
	d.state(made, u, computer)
	return nil
}

func (d *domain) describe(made *entry, u User) {
	made.password = u.Password
	d.call(made, u.Account)
	if !made.is("computer") {
		made.set("userPrincipalName", u.Account+"@"+d.dnsName)
	}
	for name, value := range map[string]string{
		"givenName": u.GivenName, "sn": u.Surname, "displayName": u.DisplayName, "mail": u.Mail, "telephoneNumber": u.Phone,
		"title": u.Title, "department": u.Department, "company": u.Company,
		"dNSHostName": u.DNSName, "operatingSystem": u.System, "operatingSystemVersion": u.SystemVersion,
	} {
		made.set(name, value)
	}
	slices.Sort(made.order) // the map has no order
	made.set("servicePrincipalName", u.ServiceNames...)
	if !u.Created.IsZero() {
		made.set("whenCreated", generalizedTime(u.Created))
		made.set("whenChanged", generalizedTime(u.Created))
	}
	if u.AdminCount {
		made.set("adminCount", "1")
	}
}

func (d *domain) state(made *entry, u User, computer bool) {
	control, group, kind := u.Control, "513", "805306368" // Domain Users, SAM_USER_OBJECT
	if computer {
		group, kind = "515", "805306369" // Domain Computers, SAM_MACHINE_ACCOUNT
	}
	switch {
	case control == 0 && computer:
		control = WorkstationAccount
	case control == 0:
		control = NormalAccount
	}
	made.set("userAccountControl", strconv.FormatUint(uint64(control), 10))
	made.set("primaryGroupID", group)
	made.set("sAMAccountType", kind)
	made.set("objectSid", d.sid(d.rid()))
	for _, zero := range []string{"badPwdCount", "codePage", "countryCode", "badPasswordTime", "lastLogoff", "lastLogon", "logonCount", "pwdLastSet"} {
		made.set(zero, "0")
	}
	made.set("accountExpires", neverExpires)
	if !u.Expires.IsZero() {
		made.set("accountExpires", fileTime(u.Expires))
	}
	if !u.PasswordSet.IsZero() {
		made.set("pwdLastSet", fileTime(u.PasswordSet))
	}
	if !u.LastLogon.IsZero() {
		made.set("lastLogonTimestamp", fileTime(u.LastLogon))
	}
	if !u.LockedAt.IsZero() {
		made.set("lockoutTime", fileTime(u.LockedAt))
	}
}

// relate sets what refers to other entries.
func (d *domain) relate(u User) error {
	made, there := d.account(u.Account)
	if !there {
		return fmt.Errorf("account %s is not there", u.Account)
	}
	var errs []error
	for attribute, account := range map[string]string{"manager": u.Manager, "managedBy": u.ManagedBy} {
		if account != "" {
			errs = append(errs, d.link(made, attribute, d.dnOf(account)))
		}
	}
	for _, group := range u.Groups {
		errs = append(errs, d.join(group, made.dn))
	}
	return errors.Join(errs...)
}
