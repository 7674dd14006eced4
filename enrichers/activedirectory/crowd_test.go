package activedirectory

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// crowdSize is how many ordinary users there are beside those of the story.
const crowdSize = 300

// odd are users whose names are hard: what they are called, and their account.
func odd() [][2]string {
	return [][2]string{
		{`O'Brien "Bob", Pat (IT) <pat>`, "pobrien"},
		{`Back\Slash; Plus + Equals = Hash`, "bslash"},
		{`#Number Sign`, "numbersign"},
		{`*Star* & |Pipe| !Bang`, "star"},
		{`Ελένη Παπαδοπούλου`, "eleni"},
		{`Нина Иванова`, "nina"},
		{`נועה כהן`, "noa"},
		{`李小龍`, "lixiaolong"},
		{"{noformat}[~admin] !http://evil.example/x.png!", "wiki"},
		{"Line one\u2028line two", "lines"},
	}
}

// crowd is LDIF with hundreds of users; names that are hard; two who share a display name and a mail address, two with one
// first part in different units; and groups in groups, twelve deep, the last of them in Domain Admins.
func crowd() string {
	const base = "DC=lab,DC=example"
	var text strings.Builder
	add := func(dn string, lines ...string) {
		fmt.Fprintf(&text, "dn:: %s\n", base64.StdEncoding.EncodeToString([]byte(dn)))
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			fmt.Fprintf(&text, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
		}
		text.WriteString("\n")
	}
	person := func(unit, name, account string, lines ...string) string {
		dn := "CN=" + inHex(name) + ",OU=" + unit + "," + base
		add(dn, append([]string{"objectClass: user", "sAMAccountName: " + account, "userPrincipalName: " + account + "@lab.example", "displayName: " + name}, lines...)...)
		return dn
	}
	add("OU=Crowd,"+base, "objectClass: organizationalUnit")
	add("OU=Twins,"+base, "objectClass: organizationalUnit")
	var members []string
	for i := range crowdSize {
		// Enabled, disabled and never expiring, all without a password, which would take the controller long to set.
		members = append(members, "member: "+person("Crowd", fmt.Sprintf("User %03d", i), fmt.Sprintf("user%03d", i), fmt.Sprintf("mail: user%03d@lab.example", i), "userAccountControl: "+[]string{"544", "514", "66080"}[i%3]))
	}
	for _, one := range odd() {
		person("Crowd", one[0], one[1], "title: "+one[0], "department: "+one[0])
	}
	person("Crowd", "Kim Twin", "ktwin1", "mail: kim.twin@lab.example")
	person("Twins", "Kim Twin", "ktwin2", "mail: kim.twin@lab.example")
	for i := range 8 {
		person("Twins", fmt.Sprintf("Shared %d", i), fmt.Sprintf("shared%d", i), "mail: helpdesk@lab.example")
	}
	add("CN=Everybody,OU=Groups,"+base, append([]string{"objectClass: group", "sAMAccountName: Everybody"}, members...)...)
	deep := person("Crowd", "Deep Down", "deep")
	for i := range 12 {
		group := fmt.Sprintf("CN=Level %02d,OU=Groups,%s", i, base)
		add(group, "objectClass: group", fmt.Sprintf("sAMAccountName: Level %02d", i), "member: "+deep)
		deep = group
	}
	fmt.Fprintf(&text, "dn: CN=Domain Admins,CN=Users,%s\nchangetype: modify\nadd: member\nmember: %s\n\n", base, deep)
	many := person("Crowd", "Many Groups", "many")
	for i := range 60 {
		add(fmt.Sprintf("CN=List %02d,OU=Groups,%s", i, base), "objectClass: group", fmt.Sprintf("sAMAccountName: List %02d", i), "member: "+many)
	}
	text.WriteString(settingsLDIF(person))
	return text.String()
}

// inHex writes what is special in a DN as Samba's LDIF takes it.
func inHex(name string) string {
	var text strings.Builder
	for _, b := range []byte(name) {
		if strings.IndexByte(`,\#+<>;"=`, b) >= 0 {
			fmt.Fprintf(&text, `\%02X`, b)
			continue
		}
		text.WriteByte(b)
	}
	return text.String()
}

// crowdNames are asked for in the ways in which alerts name people.
func crowdNames() []string {
	names := []string{"user user000", "user user299", "email user150@lab.example", `user LAB\user151`, "user user300", "user user00", "user user", "email kim.twin@lab.example", "email helpdesk@lab.example", "user deep", "user many"}
	for _, one := range odd() {
		names = append(names, "user "+one[1])
	}
	return names
}

// hostile are values that would find somebody, or break the question, if one of them reached a filter or a DN as it is.
func hostile() []string {
	return []string{
		"*", "**", "j*", "*doe", "jdoe*", "(", ")", `\`, `\2a`, `\00`, "&", "|", "!", "=",
		"*)(objectClass=*", "jdoe)(|(cn=*", "jdoe))(|(objectClass=*)", "*))%00", "jdoe)(&(objectClass=user", "x)(|(userPassword=*)", `jdoe\29\28cn=\2a`,
		"admin*)((|userPassword=*)", "*(|(mail=*))", "*)(sAMAccountName=*))(|(sAMAccountName=*",
		"CN=Jane Doe,OU=Staff,DC=lab,DC=example", "jdoe,DC=lab", "#", " ", "'", `"`, ";", "<GUID=0>", "<SID=S-1-5-32-544>", "S-1-5-32-544", "S-1-5-*",
		"jdoe\u0000", "jdoe\r\nmember: x", "jdoe ", " jdoe*", "ｊｄｏｅ*", "j\u200bdoe", "%2a", "&#42;",
	}
}

// nothingIsInjected asks for each of them as every kind and in every part of a name. None finds anybody, and none is an error
// of the directory.
func nothingIsInjected(t *testing.T, config Config) {
	t.Helper()
	enricher := newEnricher(t, config)
	var asked int
	for _, value := range hostile() {
		for _, in := range []struct {
			kind   framework.Kind
			before string
			after  string
		}{
			{framework.User, "", ""},
			{framework.User, `LAB\`, ""},
			{framework.User, "", `\jdoe`},
			{framework.User, "", "@lab.example"},
			{framework.User, "nobody@", ""},
			{framework.User, "", "$"},
			{framework.Email, "", "@lab.example"},
			{framework.Host, "", ""},
			{framework.Host, "", ".lab.example"},
			{framework.Host, "ws-0", "$"},
		} {
			// Straight to the lookup, past the form that an indicator must have.
			indicator := framework.Indicator{Kind: in.kind, Value: in.before + value + in.after}
			finding, err := enricher.lookUp(t.Context(), indicator)
			asked++
			if err != nil {
				t.Errorf("%s %q: %v", indicator.Kind, indicator.Value, err)
				continue
			}
			none := strings.HasPrefix(finding.Summary, "No such ") || strings.HasPrefix(finding.Summary, "Not looked up: ")
			if !none && !meansSomebody(indicator.Value) {
				t.Errorf("%s %q found: %s", indicator.Kind, indicator.Value, finding.Summary)
			}
		}
	}
	if asked < 400 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// meansSomebody reports whether a value names somebody by right: the directory does not tell blanks around a name apart.
func meansSomebody(value string) bool {
	value = strings.TrimPrefix(value, `LAB\`)
	account, _, _ := strings.Cut(value, "@")
	return strings.TrimSpace(account) == "jdoe"
}

// manyAtOnce looks 64 people up at the same time: nobody gets another's answer, and no more than maxConnections are open.
func manyAtOnce(t *testing.T, config Config) {
	t.Helper()
	deps := frameworktest.Deps(t)
	enricher := newWith(t, config, deps)
	errs := make([]error, 64)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			account := fmt.Sprintf("user%03d", i)
			finding, err := enricher.lookUp(t.Context(), framework.Indicator{Kind: framework.User, Value: account})
			if want := fmt.Sprintf("User %03d (%s) is", i, account); err == nil && !strings.HasPrefix(finding.Summary, want) {
				err = fmt.Errorf("asked for %s: %s", account, finding.Summary)
			}
			errs[i] = err
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}
