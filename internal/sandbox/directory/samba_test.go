package directory_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/sambatest"
)

const base = "DC=lab,DC=example"

// said is an answer in a form in which that of two servers can be compared.
type said struct {
	Code       int
	Entries    map[string]map[string][]string // by DN and attribute
	References []string
	Paged      bool // there is more to come
}

func ask(t *testing.T, conn *ldap.Conn, query *ldap.SearchRequest) said {
	t.Helper()
	asked := *query // go-ldap changes the controls
	found, err := conn.Search(&asked)
	answer := said{Code: code(err), Entries: map[string]map[string][]string{}}
	if found == nil {
		return answer
	}
	for _, entry := range found.Entries {
		attributes := map[string][]string{}
		for _, one := range entry.Attributes {
			attributes[one.Name] = slices.Sorted(slices.Values(one.Values))
		}
		answer.Entries[entry.DN] = attributes
	}
	for _, reference := range found.Referrals {
		if !strings.Contains(reference, "DnsZones") { // this Samba is without DNS
			answer.References = append(answer.References, reference)
		}
	}
	if paging, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
		answer.Paged = len(paging.Cookie) > 0
	}
	return answer
}

// TestItSaysWhatARealDomainControllerSays gives both the same domain and asks both the same.
func TestItSaysWhatARealDomainControllerSays(t *testing.T) {
	domain := sambatest.Start(t)
	server := start(t, directory.Options{Now: time.Now, BindPassword: domain.Password})
	config := trust(server)
	config.Time = nil
	both := pair{
		dial: map[string]func(t *testing.T) *ldap.Conn{
			"Samba":    func(t *testing.T) *ldap.Conn { t.Helper(); return plain(t, domain.StartTLSURL) },
			"stand-in": func(t *testing.T) *ldap.Conn { t.Helper(); return plain(t, server.StartTLSURL()) },
		},
	}
	both.encrypt = func(t *testing.T, who string, conn *ldap.Conn) {
		t.Helper()
		with := config
		if who == "Samba" {
			with = domain.TLS()
		}
		if err := conn.StartTLS(with); err != nil {
			t.Fatal(err)
		}
	}
	both.bind = func(t *testing.T, conn *ldap.Conn) {
		t.Helper()
		if err := conn.Bind(domain.BindDN, domain.Password.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("filters", both.filters)
	t.Run("searches", both.searches)
	t.Run("attributes", both.attributes)
	t.Run("binds", both.binds)
	t.Run("before a bind", both.beforeABind)
	t.Run("wrong passwords lock an account", both.lockout)
}

// pair is the two servers.
type pair struct {
	dial    map[string]func(t *testing.T) *ldap.Conn
	encrypt func(t *testing.T, who string, conn *ldap.Conn)
	bind    func(t *testing.T, conn *ldap.Conn)
}

func plain(t *testing.T, url string) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetTimeout(20 * time.Second)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p pair) login(t *testing.T, who string) *ldap.Conn {
	t.Helper()
	conn := p.dial[who](t)
	p.encrypt(t, who, conn)
	p.bind(t, conn)
	return conn
}

// same fails the test unless both give the same answer.
func same(t *testing.T, what string, samba, standIn any) {
	t.Helper()
	if diff := cmp.Diff(samba, standIn); diff != "" {
		t.Errorf("%s (-Samba +stand-in):\n%s", what, diff)
	}
}

// filters compares what filters find. Left out are those on which Samba differs from what Microsoft documents: it has
// no third truth value, so that (!(nosuch=x)) matches everything; it takes numbers for text where they are compared in
// size; and it refuses ~= and malformed bit masks.
func (p pair) filters(t *testing.T) {
	samba, standIn := p.login(t, "Samba"), p.login(t, "stand-in")
	for _, filter := range []string{
		"(sAMAccountName=jdoe)", "(samaccountname=JDOE)", "(sAMAccountName= jdoe )", "(cn=Jane  Doe)", "(name=jane doe)", "(displayName=)",
		"(&(objectCategory=person)(objectClass=user))", "(objectClass=user)", "(objectClass=USER)", "(objectClass=top)", "(objectClass=computer)",
		"(objectClass=nonsense)", "(!(objectClass=nonsense))", "(objectClass=*)",
		"(objectCategory=user)", "(objectCategory=Computer)", "(objectCategory=organizationalUnit)", "(objectCategory=nonsense)",
		"(objectCategory=CN=Person,CN=Schema,CN=Configuration," + base + ")",
		"(&)", "(|)", "(!(|))", "(&(cn=*)(|(title=Accountant)(adminCount=1)))", "(!(!(cn=Jane Doe)))",
		"(title=*)", "(!(title=*))", "(!(title=Accountant))", "(nosuch=*)", "(nosuch=x)", "(jpegPhoto=*)", "(!(jpegPhoto=*))",
		"(cn=*Doe)", "(cn=J*n*Doe)", "(cn=*a*)", "(cn=J*)", "(cn=*)", "(cn=Jane*Jane)", "(cn=*n*n*)", "(memberOf=*Finance*)",
		"(mail=s.smith@lab.example)", "(servicePrincipalName=backup/*)", "(dNSHostName=ws-042.lab.example)", "(sAMAccountName=WS-042$)",
		"(userAccountControl=512)", "(userAccountControl>=514)", "(userAccountControl<=512)",
		"(userAccountControl:1.2.840.113556.1.4.803:=2)", "(userAccountControl:1.2.840.113556.1.4.804:=65538)",
		"(groupType:1.2.840.113556.1.4.803:=2147483648)", "(groupType:1.2.840.113556.1.4.803:=-2147483648)",
		"(memberOf=CN=Finance,OU=Groups," + base + ")", "(memberOf=cn=finance, ou=groups,dc=LAB,dc=example)", "(memberOf=CN=All Staff,OU=Groups," + base + ")",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=All Staff,OU=Groups," + base + ")",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=Domain Admins,CN=Users," + base + ")",
		"(memberOf:1.2.840.113556.1.4.1941:=CN=Administrators,CN=Builtin," + base + ")",
		"(memberOf:1.2.840.113556.1.4.1941:=nonsense)", "(title:1.2.840.113556.1.4.1941:=x)",
		"(member=CN=Jane Doe,OU=Staff," + base + ")", "(member:1.2.840.113556.1.4.1941:=CN=Jane Doe,OU=Staff," + base + ")",
		"(manager:1.2.840.113556.1.4.1941:=CN=Mark Boss,OU=Staff," + base + ")", "(directReports=*)", "(managedObjects=*)",
		"(sAMAccountName:1.2.3.4:=jdoe)", "(sAMAccountName:=jdoe)", "(sAMAccountName:caseIgnoreMatch:=jdoe)", "(sAMAccountName:dn:=jdoe)", "(ou:dn:=Staff)",
		"(anr=jane)", "(anr=jane doe)", "(anr=doe jane)", "(anr=jdoe)", "(anr=s.smith)", "(anr=smith)", "(anr=Jane D)",
		"(sAMAccountName>=s)", "(sAMAccountName<=d)", "(whenCreated>=20200101000000.0Z)",
		"(cn=" + ldap.EscapeFilter("Müller, Žofie (Łódź) 山田") + ")", "(cn=" + ldap.EscapeFilter("müller, žofie (łódź) 山田") + ")",
		"(cn=muller*)", "(sn=" + ldap.EscapeFilter("MÜLLER") + ")", "(cn=" + ldap.EscapeFilter("*)(cn=*") + ")",
		"(distinguishedName=" + ldap.EscapeFilter(`CN=Müller\, Žofie (Łódź) 山田,OU=Staff,`+base) + ")",
		`(displayName=\00)`, `(displayName=*\2a*)`, `(displayName=\ff)`, `(displayName=\e2\82)`,
		"(accountExpires=0)", "(accountExpires=9223372036854775807)", "(accountExpires>=9223372036854775807)", "(lockoutTime>=1)", "(adminCount=1)",
		"(primaryGroupID=513)", "(sAMAccountType=805306368)", "(tokenGroups=*)", "(msDS-User-Account-Control-Computed=0)",
		"(objectSid=S-1-5-32-544)", "(objectSid=nonsense)", "(nETBIOSName=LAB)",
	} {
		for _, unit := range []string{"Staff", "Groups", "Workstations", "Service Accounts"} {
			query := request("OU="+unit+","+base, filter, "sAMAccountName")
			same(t, filter+" in "+unit, ask(t, samba, query), ask(t, standIn, query))
		}
	}
}

// searches compares everything but the filter. Left out is what Samba takes no notice of, against RFC 4511: controls
// that are critical and unknown, and the wish for names without values. It does not tell the part of a DN that is there.
func (p pair) searches(t *testing.T) {
	samba, standIn := p.login(t, "Samba"), p.login(t, "stand-in")
	staff, jane := "OU=Staff,"+base, "CN=Jane Doe,OU=Staff,"+base
	partitions := "CN=Partitions,CN=Configuration," + base
	search := func(base string, scope int, filter string, controls ...ldap.Control) *ldap.SearchRequest {
		return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 10, false, filter, []string{"cn", "nETBIOSName", "nCName", "dnsRoot"}, controls)
	}
	domainScope := ldap.NewControlString(ldap.ControlTypeMicrosoftDomainScope, true, "")
	for name, query := range map[string]*ldap.SearchRequest{
		"the base alone": search(staff, ldap.ScopeBaseObject, "(ou=*)"),
		"the base alone when the filter is another": search(staff, ldap.ScopeBaseObject, "(cn=*)"),
		"one level":                                      search(staff, ldap.ScopeSingleLevel, "(objectClass=*)"),
		"one level does not go deeper":                   search(base, ldap.ScopeSingleLevel, "(cn=Jane Doe)"),
		"a subtree of one":                               search(jane, ldap.ScopeWholeSubtree, "(objectClass=*)"),
		"a base in other letters":                        search("cn=JANE doe, ou=staff,dc=lab,DC=EXAMPLE", ldap.ScopeBaseObject, "(objectClass=*)"),
		"a base that is escaped in hex":                  search(`CN=\4aane Doe,OU=Staff,`+base, ldap.ScopeBaseObject, "(objectClass=*)"),
		"the whole domain refers elsewhere":              search(base, ldap.ScopeWholeSubtree, "(sAMAccountName=jdoe)"),
		"the whole domain without references":            search(base, ldap.ScopeWholeSubtree, "(sAMAccountName=jdoe)", domainScope),
		"a base that is not there":                       search("CN=Nobody,OU=Staff,"+base, ldap.ScopeBaseObject, "(objectClass=*)"),
		"a base below one that is not there":             search("CN=Nobody,OU=Nowhere,"+base, ldap.ScopeBaseObject, "(objectClass=*)"),
		"a base that is no name":                         search("nonsense", ldap.ScopeBaseObject, "(objectClass=*)"),
		"the names of the domain":                        search(partitions, ldap.ScopeSingleLevel, "(nETBIOSName=*)"),
		"the domain's subtree ends at the configuration": search(base, ldap.ScopeWholeSubtree, "(nETBIOSName=*)", domainScope),
		"a control that nobody knows":                    search(jane, ldap.ScopeBaseObject, "(cn=*)", ldap.NewControlString("1.2.3.4.5", false, "")),
		"the first page":                                 search(staff, ldap.ScopeSingleLevel, "(cn=Jane Doe)", ldap.NewControlPaging(2)),
		"a page that is large enough":                    search(staff, ldap.ScopeSingleLevel, "(cn=*)", ldap.NewControlPaging(500)),
	} {
		t.Run(name, func(t *testing.T) { same(t, query.BaseDN, ask(t, samba, query), ask(t, standIn, query)) })
	}
	t.Run("pages", func(t *testing.T) {
		pages := func(conn *ldap.Conn) []string {
			found, err := conn.SearchWithPaging(search(staff, ldap.ScopeSingleLevel, "(objectClass=user)"), 3)
			if err != nil {
				t.Fatal(err)
			}
			return names(found)
		}
		same(t, "what three at a time come to", pages(samba), pages(standIn))
	})
}

// attributes compares the entries. What each server chooses for itself is looked at for its form only.
func (p pair) attributes(t *testing.T) {
	samba, standIn := p.login(t, "Samba"), p.login(t, "stand-in")
	chosen := []string{
		"objectClass", "cn", "sn", "givenName", "displayName", "mail", "title", "department", "company", "telephoneNumber", "manager",
		"managedBy", "memberOf", "directReports", "managedObjects", "distinguishedName", "name", "sAMAccountName", "sAMAccountType",
		"userPrincipalName", "userAccountControl", "primaryGroupID", "objectCategory", "instanceType", "servicePrincipalName", "adminCount",
		"dNSHostName", "operatingSystem", "operatingSystemVersion", "groupType", "member", "ou", "badPwdCount", "codePage", "countryCode",
		"nosuch", "unicodePwd", "userPassword",
	}
	for _, unit := range []string{"Staff", "Groups", "Workstations", "Service Accounts"} {
		query := request("OU="+unit+","+base, "(&(objectClass=*)(!(cn=svc-funnelweb))(!(objectClass=computer)))", chosen...)
		same(t, unit, ask(t, samba, query), ask(t, standIn, query))
	}
	// Samba gives the bits of every object, of those that are no accounts, too.
	states := request("OU=Staff,"+base, "(objectClass=user)", "msDS-User-Account-Control-Computed")
	same(t, "states", ask(t, samba, states), ask(t, standIn, states))
	expiries := request("OU=Staff,"+base, "(objectClass=user)", "msDS-UserPasswordExpiryTimeComputed")
	when := regexp.MustCompile(`\b1[0-9]{17}\b`) // a time of this age, which differs with that at which the domain was made
	same(t, "expiries", when.ReplaceAllString(fmt.Sprint(ask(t, samba, expiries)), "<time>"), when.ReplaceAllString(fmt.Sprint(ask(t, standIn, expiries)), "<time>"))
	for name, wanted := range map[string][]string{
		"names in other letters":      {"SAMACCOUNTNAME", "mAIl"},
		"a name twice":                {"mail", "mail", "MAIL"},
		"no attributes":               {"1.1"},
		"a name besides 1.1":          {"1.1", "mail"},
		"a range of a single value":   {"mail;range=0-*"},
		"an option that nobody knows": {"mail;x-nonsense"},
		"an attribute for one entry":  {"tokenGroups"},
	} {
		t.Run(name, func(t *testing.T) {
			query := request("OU=Staff,"+base, "(sAMAccountName=jdoe)", wanted...)
			same(t, strings.Join(wanted, " "), ask(t, samba, query), ask(t, standIn, query))
		})
	}
	t.Run("the groups of a token", func(t *testing.T) {
		for _, account := range []string{"Jane Doe", "Anna Admin", "Mark Boss"} {
			same(t, account, tokens(t, samba, account), tokens(t, standIn, account))
		}
	})
	t.Run("what is stored", func(t *testing.T) { same(t, "attributes of jdoe", stored(t, samba), stored(t, standIn)) })
	t.Run("forms", func(t *testing.T) { same(t, "forms of values", forms(t, samba), forms(t, standIn)) })
}

// tokens names the groups in an account's token. That Samba's Domain Admins may not be replicated to read-only
// controllers is left out.
func tokens(t *testing.T, conn *ldap.Conn, account string) []string {
	t.Helper()
	dn := "CN=" + account + ",OU=Staff," + base
	found, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 10, false, "(objectClass=*)", []string{"tokenGroups"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%s: %v", dn, err)
	}
	var groups []string
	for _, raw := range found.Entries[0].GetRawAttributeValues("tokenGroups") {
		var escaped strings.Builder
		for _, b := range raw {
			fmt.Fprintf(&escaped, `\%02x`, b)
		}
		group, err := conn.Search(request(base, "(objectSid="+escaped.String()+")", "cn"))
		if err != nil || len(group.Entries) != 1 {
			t.Fatalf("group %x: %v", raw, err)
		}
		if name := group.Entries[0].GetAttributeValue("cn"); name != "Denied RODC Password Replication Group" {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return groups
}

// stored are the names of all attributes that are given when none is asked for.
func stored(t *testing.T, conn *ldap.Conn) []string {
	t.Helper()
	found := ask(t, conn, request("OU=Staff,"+base, "(sAMAccountName=jdoe)"))
	return slices.Sorted(maps.Keys(found.Entries["CN=Jane Doe,OU=Staff,"+base]))
}

// forms are the values that each server chooses for itself, with digits for digits and lengths for bytes.
func forms(t *testing.T, conn *ldap.Conn) map[string]string {
	t.Helper()
	found, err := conn.Search(request("OU=Staff,"+base, "(sAMAccountName=jdoe)", "whenCreated", "pwdLastSet", "lastLogonTimestamp", "objectSid", "objectGUID"))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	seen := map[string]string{}
	for _, one := range found.Entries[0].Attributes {
		value := regexp.MustCompile(`[0-9]`).ReplaceAllString(one.Values[0], "9")
		if strings.HasPrefix(one.Name, "object") {
			value = strings.Repeat("x", len(one.ByteValues[0]))
		}
		seen[one.Name] = value
	}
	return seen
}

// bindAnswer is the code and the Windows error in the words.
func bindAnswer(err error) [2]any {
	words := ""
	if err != nil {
		words = regexp.MustCompile(`data [0-9a-f]+`).FindString(err.Error())
	}
	return [2]any{code(err), words}
}

// binds compares who may log in. Of an account that is not there Samba says 52e, as of a wrong password, where Windows
// may say 525; there it is only compared that the bind is refused.
func (p pair) binds(t *testing.T) {
	for name, who := range map[string]struct {
		name, password string
		unknown        bool
	}{
		"by DN":                                  {name: "CN=Jane Doe,OU=Staff," + base, password: userPassword},
		"by DN in other letters":                 {name: "cn=jane doe,ou=staff,dc=lab,dc=EXAMPLE", password: userPassword},
		"by principal name":                      {name: "jdoe@lab.example", password: userPassword},
		"by principal name in capitals":          {name: "JDOE@LAB.EXAMPLE", password: userPassword},
		"by domain and account":                  {name: `LAB\jdoe`, password: userPassword},
		"by domain and account in other letters": {name: `lab\JDoe`, password: userPassword},
		"by a DN with special letters":           {name: `CN=Müller\, Žofie (Łódź) 山田,OU=Staff,` + base, password: userPassword},
		"a wrong password":                       {name: "jdoe@lab.example", password: "wrong"},
		"a password in other letters":            {name: "jdoe@lab.example", password: strings.ToUpper(userPassword)},
		"a disabled account":                     {name: "ddisabled@lab.example", password: userPassword},
		"a disabled account, wrongly":            {name: "ddisabled@lab.example", password: "wrong"},
		"a locked account":                       {name: "llocked@lab.example", password: userPassword},
		"a locked account, wrongly":              {name: "llocked@lab.example", password: "wrong"},
		"an expired account":                     {name: "eexpired@lab.example", password: userPassword},
		"an account that never expires":          {name: "nnever@lab.example", password: userPassword},
		"a password that must be changed":        {name: "mchange@lab.example", password: userPassword},
		"anonymous":                              {},
		"another domain":                         {name: `OTHER\jdoe`, password: userPassword, unknown: true},
		"a group":                                {name: "CN=Finance,OU=Groups," + base, password: userPassword, unknown: true},
		"a DN that is not there":                 {name: "CN=Nobody,OU=Staff," + base, password: userPassword, unknown: true},
		"a principal that is not there":          {name: "nobody@lab.example", password: userPassword, unknown: true},
		"an account that is not there":           {name: `LAB\nobody`, password: userPassword, unknown: true},
		"an account without its domain":          {name: "jdoe", password: userPassword, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string][2]any{}
			for server, dial := range p.dial {
				conn := dial(t)
				p.encrypt(t, server, conn)
				bind := func() error { return conn.Bind(who.name, who.password) }
				if who.password == "" {
					bind = func() error { return conn.UnauthenticatedBind(who.name) }
				}
				answer := bindAnswer(bind())
				if who.unknown {
					answer[1] = ""
				}
				answers[server] = answer
			}
			same(t, who.name, answers["Samba"], answers["stand-in"])
		})
	}
}

func (p pair) beforeABind(t *testing.T) {
	for name, try := range map[string]func(conn *ldap.Conn) error{
		"a search": func(conn *ldap.Conn) error {
			_, err := conn.Search(request(base, "(objectClass=*)"))
			return err
		},
		"a password without TLS": func(conn *ldap.Conn) error { return conn.Bind("jdoe@lab.example", userPassword) },
		"a look at the server": func(conn *ldap.Conn) error {
			_, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 10, false, "(objectClass=*)", []string{"defaultNamingContext"}, nil))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]int{}
			for server, dial := range p.dial {
				answers[server] = code(try(dial(t)))
			}
			same(t, name, answers["Samba"], answers["stand-in"])
		})
	}
}

// lockout runs last: it locks an account for good.
func (p pair) lockout(t *testing.T) {
	answers := map[string][][2]any{}
	for server, dial := range p.dial {
		conn := dial(t)
		p.encrypt(t, server, conn)
		for range 6 {
			answers[server] = append(answers[server], bindAnswer(conn.Bind("mboss@lab.example", "wrong")))
		}
		answers[server] = append(answers[server], bindAnswer(conn.Bind("mboss@lab.example", userPassword)))
		p.bind(t, conn)
		found := ask(t, conn, request("OU=Staff,"+base, "(sAMAccountName=mboss)", "badPwdCount", "msDS-User-Account-Control-Computed"))
		answers[server] = append(answers[server], [2]any{found.Code, found.Entries})
	}
	same(t, "six wrong passwords and the right one", answers["Samba"], answers["stand-in"])
}
