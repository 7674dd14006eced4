package directory

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// The settings of the domain.
const (
	maxPasswordAge   = 42 * 24 * time.Hour // Windows' default
	lockoutThreshold = 5                   // wrong passwords; Windows' own default is never, its security baseline 3 to 10
	firstUSN         = 12_000
	firstRID         = 1103 // what Windows gives to the first accounts of a new domain
)

// builtin is in its numbers what Windows calls BUILTIN.
const builtin = 32

// domain is the directory of one domain.
type domain struct {
	*tree
	base      *entry
	dnsName   string // lab.example
	shortName string // LAB
	host      string // dc1.lab.example
	now       func() time.Time

	accounts map[string]*entry // by sAMAccountName in lower case

	created time.Time // of the domain
	nextRID uint32
}

// newDomain makes the objects that every domain has.
func newDomain(baseDN string, now func() time.Time) (*domain, error) {
	parsed, err := ldap.ParseDN(baseDN)
	if err != nil || len(parsed.RDNs) == 0 {
		return nil, fmt.Errorf("base DN %q is no distinguished name", baseDN)
	}
	var labels []string
	for _, rdn := range parsed.RDNs {
		if !strings.EqualFold(rdn.Attributes[0].Type, "DC") {
			return nil, fmt.Errorf("base DN %q is not made of DC parts", baseDN)
		}
		labels = append(labels, rdn.Attributes[0].Value)
	}
	d := &domain{
		tree:    &tree{schema: newSchema(), entries: map[string]*entry{}},
		dnsName: strings.ToLower(strings.Join(labels, ".")), shortName: strings.ToUpper(labels[0]),
		accounts: map[string]*entry{}, now: now, created: now().AddDate(-3, 0, 0), nextRID: firstRID,
	}
	d.host = "dc1." + d.dnsName
	if d.base, err = d.object(baseDN, "domainDNS", true); err != nil {
		return nil, err
	}
	d.base.set("objectSid", d.sid())
	d.base.set("maxPwdAge", strconv.FormatInt(int64(-maxPasswordAge/100), 10))
	d.base.set("lockoutThreshold", strconv.Itoa(lockoutThreshold))
	d.base.set("lockoutDuration", "-9223372036854775808") // until somebody unlocks it
	return d, errors.Join(d.containers(), d.partitions(), d.wellKnown())
}

func (d *domain) containers() error {
	for _, one := range []struct{ rdn, class string }{
		{"CN=Users", "container"}, {"CN=Computers", "container"}, {"CN=Builtin", "builtinDomain"}, {"OU=Groups", "organizationalUnit"},
	} {
		if _, err := d.object(one.rdn+","+d.base.dn, one.class, false); err != nil {
			return err
		}
	}
	return nil
}

// partitions makes the part of the configuration that tells which domain has which names.
func (d *domain) partitions() error {
	configuration := "CN=Configuration," + d.base.dn
	if _, err := d.object(configuration, "configuration", true); err != nil {
		return err
	}
	if _, err := d.object("CN=Partitions,"+configuration, "container", false); err != nil {
		return err
	}
	own, err := d.object("CN="+ldap.EscapeDN(d.shortName)+",CN=Partitions,"+configuration, "crossRef", false)
	if err != nil {
		return err
	}
	own.set("nCName", d.base.dn)
	own.set("nETBIOSName", d.shortName)
	own.set("dnsRoot", d.dnsName)
	own.set("systemFlags", "3")
	return nil
}

// wellKnown makes the groups with fixed numbers ([MS-DTYP] 2.4.2.4).
func (d *domain) wellKnown() error {
	const global, domainLocal, local = "-2147483646", "-2147483644", "-2147483643"
	for _, one := range []struct{ name, in, groupType, sid string }{
		{"Administrators", "CN=Builtin", local, sidOf(builtin, 544)},
		{"Users", "CN=Builtin", local, sidOf(builtin, 545)},
		{"Domain Admins", "CN=Users", global, d.sid(512)},
		{"Domain Users", "CN=Users", global, d.sid(513)},
		{"Domain Computers", "CN=Users", global, d.sid(515)},
		{"Denied RODC Password Replication Group", "CN=Users", domainLocal, d.sid(572)},
	} {
		if _, err := d.group(one.name, one.in, one.groupType, one.sid); err != nil {
			return err
		}
	}
	return errors.Join(
		d.join("Administrators", "CN=Domain Admins,CN=Users,"+d.base.dn),
		d.join("Denied RODC Password Replication Group", "CN=Domain Admins,CN=Users,"+d.base.dn),
		d.join("Users", "CN=Domain Users,CN=Users,"+d.base.dn),
	)
}

// sid numbers an object of the domain; without a number it is that of the domain.
func (d *domain) sid(rid ...uint32) string {
	return sidOf(append([]uint32{21, 3623811015, 3361044348, 30300820}, rid...)...)
}

// object makes an entry with the attributes that every object has.
func (d *domain) object(name, className string, root bool) (*entry, error) {
	made, err := d.put(name, root)
	if err != nil {
		return nil, err
	}
	kind, known := classOf(className)
	if !known {
		return nil, fmt.Errorf("there is no class %s", className)
	}
	made.set("objectClass", append(slices.Clone(kind.above), className)...)
	parsed, err := ldap.ParseDN(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	naming := parsed.RDNs[0].Attributes[0]
	made.set(naming.Type, naming.Value)
	made.set("distinguishedName", name)
	made.set("instanceType", "4")
	made.set("whenCreated", generalizedTime(d.created))
	made.set("whenChanged", generalizedTime(d.created))
	made.set("uSNCreated", strconv.Itoa(firstUSN+len(d.order)))
	made.set("uSNChanged", strconv.Itoa(firstUSN+len(d.order)))
	made.set("name", naming.Value)
	made.set("objectGUID", guidOf(made.id))
	made.set("objectCategory", d.categoryDN(kind))
	return made, nil
}

func (d *domain) categoryDN(kind class) string {
	if d.base != nil {
		return "CN=" + kind.category + ",CN=Schema,CN=Configuration," + d.base.dn
	}
	return "CN=" + kind.category + ",CN=Schema,CN=Configuration," + d.order[0].dn // of the base itself
}

// unit makes sure that an organizational unit is there.
func (d *domain) unit(name string) (string, error) {
	full := "OU=" + ldap.EscapeDN(name) + "," + d.base.dn
	if _, there := d.find(full); there {
		return full, nil
	}
	_, err := d.object(full, "organizationalUnit", false)
	return full, err
}

func (d *domain) rid() uint32 {
	d.nextRID++
	return d.nextRID - 1
}

func (d *domain) group(name, in, groupType, sid string) (*entry, error) {
	made, err := d.object("CN="+ldap.EscapeDN(name)+","+in+","+d.base.dn, "group", false)
	if err != nil {
		return nil, err
	}
	d.call(made, name)
	made.set("sAMAccountType", "268435456") // SAM_GROUP_OBJECT
	made.set("groupType", groupType)
	made.set("objectSid", sid)
	return made, nil
}

// join makes an entry a member of the group, which is made where it is not there yet.
func (d *domain) join(group, member string) error {
	found, there := d.account(group)
	if !there {
		var err error
		if found, err = d.group(group, "OU=Groups", "-2147483646", d.sid(d.rid())); err != nil {
			return err
		}
	}
	return d.link(found, "member", member)
}

// call gives an entry its account name.
func (d *domain) call(e *entry, account string) {
	e.set("sAMAccountName", account)
	d.accounts[strings.ToLower(account)] = e
}

// account finds an entry by its account name.
func (d *domain) account(name string) (*entry, bool) {
	found, there := d.accounts[strings.ToLower(name)]
	return found, there
}
