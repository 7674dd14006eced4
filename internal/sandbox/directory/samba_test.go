package directory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/sambatest"
)

const base = "DC=lab,DC=example"

// said is an answer in a form in which two servers' can be compared.
type said struct {
	Code       int
	Entries    map[string]map[string][]string // by DN and attribute
	References []string
	Paged      bool // there is more to come
}

func ask(t *testing.T, conn *ldap.Conn, query *ldap.SearchRequest) said {
	t.Helper()
	found, err := conn.Search(query)
	answer := said{Code: code(t, err), Entries: map[string]map[string][]string{}}
	if found == nil {
		return answer
	}
	for _, entry := range found.Entries {
		attributes := map[string][]string{}
		for _, one := range entry.Attributes {
			values := slices.Clone(one.Values)
			slices.Sort(values)
			attributes[one.Name] = values
		}
		answer.Entries[entry.DN] = attributes
	}
	answer.References = found.Referrals
	slices.Sort(answer.References)
	if paging, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
		answer.Paged = len(paging.Cookie) > 0
	}
	return answer
}

func TestItSaysWhatARealDomainControllerSays(t *testing.T) {
	domain := sambatest.Start(t)
	real, err := ldap.DialURL(domain.URL, ldap.DialWithTLSConfig(domain.TLS()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = real.Close() }()
	if err := real.Bind(domain.BindDN, domain.Password.Reveal()); err != nil {
		t.Fatal(err)
	}
	ours := login(t, start(t, directory.Options{Now: time.Now}))
	staff := "OU=Staff," + base
	for _, filter := range []string{
		"(sAMAccountName=jdoe)", "(samaccountname=JDOE)", "(&(objectCategory=person)(objectClass=user))", "(objectClass=user)",
		"(objectCategory=user)", "(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=lab,DC=example)", "(objectCategory=Computer)", "(objectCategory=nonsense)",
		"(!(title=Accountant))", "(nosuch=*)", "(&)", "(|)", "(title=*)", "(!(title=*))", "(cn=*Doe)", "(cn=J*n*Doe)", "(cn=*a*)",
		"(cn=J*)", "(mail=s.smith@lab.example)", "(userAccountControl:1.2.840.113556.1.4.803:=2)", "(userAccountControl:1.2.840.113556.1.4.804:=65538)",
		"(userAccountControl>=514)", "(userAccountControl<=512)",

		"(memberOf=CN=Finance,OU=Groups,DC=lab,DC=example)", "(memberOf=cn=finance, ou=groups,dc=LAB,dc=example)", "(memberOf=CN=All Staff,OU=Groups,DC=lab,DC=example)",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=All Staff,OU=Groups,DC=lab,DC=example)",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=Domain Admins,CN=Users,DC=lab,DC=example)",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=Administrators,CN=Builtin,DC=lab,DC=example)",
		"(memberOf:1.2.840.113556.1.4.1941:=nonsense)", "(memberOf=*Finance*)", "(title:1.2.840.113556.1.4.1941:=x)",
		"(manager:1.2.840.113556.1.4.1941:=CN=Mark Boss,OU=Staff,DC=lab,DC=example)", "(sAMAccountName:1.2.3.4:=jdoe)", "(sAMAccountName:=jdoe)", "(sAMAccountName:caseIgnoreMatch:=jdoe)",
		"(sAMAccountName:dn:=jdoe)", "(ou:dn:=Staff)",
		"(anr=jane)", "(anr=jane doe)", "(anr=doe jane)", "(anr=jdoe)", "(anr=s.smith)", "(anr=smith)", "(anr=Jane D)", "(sAMAccountName>=s)", "(sAMAccountName<=d)",
		"(cn=" + ldap.EscapeFilter("Müller, Žofie (Łódź) 山田") + ")", "(cn=" + ldap.EscapeFilter("müller, žofie (łódź) 山田") + ")", "(cn=muller*)", "(sn=" + ldap.EscapeFilter("MÜLLER") + ")",
		"(distinguishedName=" + ldap.EscapeFilter(`CN=Müller\, Žofie (Łódź) 山田,OU=Staff,DC=lab,DC=example`) + ")",
		"(servicePrincipalName=backup/*)", "(accountExpires=0)", "(accountExpires=9223372036854775807)", "(accountExpires>=9223372036854775807)", "(lockoutTime>=1)", "(adminCount=1)",
		"(groupType:1.2.840.113556.1.4.803:=2147483648)", "(groupType:1.2.840.113556.1.4.803:=-2147483648)", "(member=CN=Jane Doe,OU=Staff,DC=lab,DC=example)",
		"(member:1.2.840.113556.1.4.1941:=CN=Jane Doe,OU=Staff,DC=lab,DC=example)", "(sAMAccountName=WS-042$)", "(dNSHostName=ws-042.lab.example)", "(sAMAccountName= jdoe)", "(sAMAccountName=jdoe )", "(cn=Jane  Doe)",
		"(primaryGroupID=513)", "(sAMAccountType=805306368)", "(tokenGroups=*)", "(msDS-User-Account-Control-Computed=0)", "(msDS-User-Account-Control-Computed:1.2.840.113556.1.4.803:=16)", "(directReports=*)", "(managedObjects=*)",
		"(objectClass=top)", "(objectClass=computer)", "(objectClass=nonsense)", "(!(objectClass=nonsense))", "(jpegPhoto=*)", "(!(jpegPhoto=*))", "(displayName=\\00)", "(displayName=*\\2a*)", "(displayName=\\ff)", "(whenCreated>=20200101000000.0Z)", "(name=jane doe)",
	} {
		for _, in := range []string{staff, "OU=Groups," + base, "OU=Workstations," + base, "OU=Service Accounts," + base} {
			q := request(in, filter, "sAMAccountName")
			a, b := ask(t, real, q), ask(t, ours, q)
			if d := cmp.Diff(a, b); d != "" {
				t.Errorf("%s in %s: Samba -, stand-in +\n%s", filter, in, d)
			}
		}
	}
}
