package directory

import (
	"time"

	"funnelweb/framework"
)

// The bits of User.Control ([MS-ADTS] 2.2.16).
const (
	Disabled             = 0x2
	NormalAccount        = 0x200
	WorkstationAccount   = 0x1000
	PasswordNeverExpires = 0x10000
	NoPreauthentication  = 0x400000
)

// User is an account of a person, a service or a computer. Empty fields are attributes that it does not have.
type User struct {
	Name     string           // the common name; unique among those in the same organizational unit
	Account  string           // sAMAccountName; that of a computer ends in $
	Unit     string           // organizational unit below the base: Staff, or Workstations for a computer, when empty
	Password framework.Secret // without one nobody can bind as the user

	GivenName, Surname, DisplayName string
	Mail, Phone                     string
	Title, Department, Company      string
	Manager                         string   // Account of another user
	ManagedBy                       string   // Account of another user
	Groups                          []string // by name; they are made where they are not there yet
	ServiceNames                    []string // servicePrincipalName

	Control     uint32    // userAccountControl; NormalAccount or WorkstationAccount when 0
	AdminCount  bool      // is or was protected as an administrator
	Created     time.Time // Now when zero
	PasswordSet time.Time // zero: the password must be changed at the next logon
	LastLogon   time.Time
	Expires     time.Time // zero: never, written as the greatest number
	LockedAt    time.Time

	DNSName, System, SystemVersion string // of a computer
}

// Group is a group in OU=Groups, or a change to one that is always there: Domain Admins, Domain Users, Domain Computers,
// Administrators or Users.
type Group struct {
	Name   string
	Groups []string // the groups that it is a member of
}

// Story is the cast of the sandbox. Nobody in it has a password, so nobody in it can bind.
func Story(now time.Time) ([]User, []Group) {
	days := func(days int) time.Time { return now.AddDate(0, 0, days) }
	person := func(given, surname, account string) User {
		return User{
			Name: given + " " + surname, Account: account, Mail: account + "@lab.example",
			GivenName: given, Surname: surname, DisplayName: given + " " + surname,
			Created: days(-400), PasswordSet: days(-12),
		}
	}
	jane := person("Jane", "Doe", "jdoe")
	jane.Title, jane.Department, jane.Company, jane.Phone = "Accountant", "Finance", "Lab Example", "+49 30 901820-42"
	jane.Manager, jane.Groups, jane.LastLogon = "mboss", []string{"Finance", "VPN Users"}, days(-3)

	mark := person("Mark", "Boss", "mboss")
	mark.Mail, mark.Groups = "mark.boss@lab.example", []string{"Finance"}
	mark.Title, mark.Department, mark.Company = "Head of Finance", "Finance", "Lab Example"

	dora := person("Dora", "Disabled", "ddisabled")
	dora.Control = NormalAccount | Disabled
	luke := person("Luke", "Locked", "llocked")
	luke.LockedAt = days(-1)
	emma := person("Emma", "Expired", "eexpired")
	emma.Expires = days(-20)
	nora := person("Nora", "Never", "nnever")
	nora.Control, nora.PasswordSet = NormalAccount|PasswordNeverExpires, days(-395)
	nora.Expires = time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC) // written as 0, which also means never
	mia := person("Mia", "Change", "mchange")
	mia.PasswordSet = time.Time{}
	zofie := person("Žofie", "Müller", "zmueller")
	zofie.Name, zofie.DisplayName = "Müller, Žofie (Łódź) 山田", "Müller, Žofie (Łódź) 山田"
	zofie.Mail = "zofie.mueller@lab.example"
	sam, samantha := person("Sam", "Smith", "ssmith"), person("Samantha", "Smith", "ssmith2")
	sam.Mail, samantha.Mail = "s.smith@lab.example", "s.smith@lab.example" // whose is it?
	anna := person("Anna", "Admin", "aadmin")
	anna.Groups, anna.AdminCount = []string{"Tier 0 Operators"}, true

	backup := User{
		Name: "svc-backup", Account: "svc-backup", Unit: "Service Accounts", DisplayName: "Backup Service",
		ServiceNames: []string{"backup/files.lab.example", "backup/files"}, Created: days(-900), PasswordSet: days(-900),
		Control: NormalAccount | PasswordNeverExpires | NoPreauthentication,
	}
	computer := User{
		Name: "WS-042", Account: "WS-042$", DNSName: "WS-042.lab.example", ManagedBy: "jdoe",
		System: "Windows 11 Enterprise", SystemVersion: "10.0 (26100)",
		Created: days(-210), PasswordSet: days(-9), LastLogon: days(-2),
	}
	users := []User{mark, jane, dora, luke, emma, nora, mia, zofie, sam, samantha, anna, backup, computer}
	groups := []Group{
		{Name: "Finance", Groups: []string{"All Staff"}},
		{Name: "Tier 0 Operators", Groups: []string{"Domain Admins"}},
	}
	return users, groups
}
