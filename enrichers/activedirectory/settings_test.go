package activedirectory

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"funnelweb/internal/sandbox/sambatest"
)

// controls are accounts that differ from ordinary ones in one thing: account, userAccountControl and further lines. 0x20 is with
// them because they have no password, which would take the controller long to set.
func controls() [][]string {
	return [][]string{
		{"scard", "262688"},         // smart card: 0x40000
		{"nopreauth", "4194848"},    // 0x400000
		{"desonly", "2097696"},      // 0x200000
		{"reversible", "672"},       // 0x80
		{"sensitive", "1049120"},    // may not be delegated: 0x100000
		{"unconstrained", "524832"}, // 0x80000
		{"constrained", "544", "msDS-AllowedToDelegateTo: cifs/files.lab.example", "msDS-AllowedToDelegateTo: http/web.lab.example"},
		{"transition", "16777760", "msDS-AllowedToDelegateTo: ldap/dc1.lab.example"}, // 0x1000000
		{"halftransition", "16777760"},
		{"wasadmin", "544", "adminCount: 1"},
		{"backupop", "544"},
		{"primary", "544"},
		{"kerberoast", "544", "servicePrincipalName: sql/db1.lab.example"},
	}
}

// settingsLDIF is LDIF for accounts with each setting that findings tell of, on a real controller.
func settingsLDIF(person func(unit, name, account string, lines ...string) string) string {
	const base = "DC=lab,DC=example"
	var text strings.Builder
	modify := func(dn, change string) { fmt.Fprintf(&text, "dn: %s\nchangetype: modify\n%s\n\n", dn, change) }
	dns := map[string]string{}
	for _, one := range controls() {
		dns[one[0]] = person("Crowd", "Setting "+one[0], one[0], append([]string{"userAccountControl: " + one[1]}, one[2:]...)...)
	}
	modify("CN=Backup Operators,CN=Builtin,"+base, "add: member\nmember: "+dns["backupop"])
	// A primary group is not in memberOf: who hides an administrator, hides him there.
	modify("CN=Domain Admins,CN=Users,"+base, "add: member\nmember: "+dns["primary"])
	modify(dns["primary"], "replace: primaryGroupID\nprimaryGroupID: 512")
	// The passwords of the domain are good for 42 days.
	old := person("Crowd", "Olga Old", "oold", "userAccountControl: 512", "unicodePwd: "+quoted(sambatest.UserPassword))
	modify(old, fmt.Sprintf("replace: pwdLastSet\npwdLastSet: %s", ticks(time.Now().AddDate(0, 0, -100))))
	fmt.Fprintf(&text, "dn: CN=SRV-7,OU=Workstations,%s\nobjectClass: computer\nsAMAccountName: SRV-7$\nuserAccountControl: 4096\nmsDS-AllowedToActOnBehalfOfOtherIdentity:: %s\n\n",
		base, base64.StdEncoding.EncodeToString(descriptor()))
	fmt.Fprintf(&text, "dn: CN=SRV-8,OU=Workstations,%s\nobjectClass: computer\nsAMAccountName: SRV-8$\nuserAccountControl: 528384\n\n", base)
	// Another domain of the forest, which this controller knows of and does not hold.
	fmt.Fprintf(&text, "dn: CN=CHILD,CN=Partitions,CN=Configuration,%s\nobjectClass: crossRef\nnCName: DC=child,%s\nnETBIOSName: CHILD\ndnsRoot: child.lab.example\nsystemFlags: 3\n\n", base, base)
	return text.String()
}

// quoted is the value of unicodePwd: in quotes, in UTF-16LE.
func quoted(password string) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return string(raw)
}

// descriptor is a security descriptor that is owned by Administrators and grants nothing ([MS-DTYP] 2.4.6).
func descriptor() []byte {
	owner := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}
	header := []byte{1, 0, 0x04, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0}
	return append(append(header, owner...), 4, 0, 8, 0, 0, 0, 0, 0)
}

// settingsNames are asked for once they are set.
func settingsNames() []string {
	names := []string{`user CHILD\jdoe`, `user child.lab.example\jdoe`, "user nobody", "user oold", "host srv-7", "host srv-8", "host dc1"}
	for _, one := range controls() {
		names = append(names, "user "+one[0])
	}
	return names
}
