package directory_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/internal/sandbox/directory"
)

// TestFiltersFindWhatTheyMean holds what Samba cannot confirm: there Microsoft's documents count.
func TestFiltersFindWhatTheyMean(t *testing.T) {
	conn := login(t, start(t, directory.Options{Users: []directory.User{
		{Name: "Ann", Account: "ann", Title: "Analyst", DisplayName: "a (b) * \\ c", Groups: []string{"Ring A"}},
		{Name: "Bob", Account: "bob", Control: directory.NormalAccount | directory.Disabled, Manager: "ann"},
		{Name: "PC", Account: "PC$"},
	}, Groups: []directory.Group{{Name: "Ring A", Groups: []string{"Ring B"}}, {Name: "Ring B", Groups: []string{"Ring A"}}}}))
	everybody := []string{"ann", "bob", "PC$"}
	for name, one := range map[string]struct {
		filter string
		want   []string
	}{
		"an unknown attribute matches nothing":                   {"(nosuch=x)", nil},
		"its contrary neither":                                   {"(!(nosuch=x))", nil},
		"unknown or true is true":                                {"(|(nosuch=x)(cn=Ann))", []string{"ann"}},
		"unknown and false is false, whose contrary is true":     {"(!(&(nosuch=x)(cn=nobody)))", everybody},
		"unknown and true stays unknown":                         {"(!(&(nosuch=x)(cn=*)))", nil},
		"what a person lacks is false, not unknown":              {"(!(title=Analyst))", []string{"bob", "PC$"}},
		"a number that is none is unknown":                       {"(!(userAccountControl=x))", nil},
		"numbers are compared by value":                          {"(userAccountControl=0512)", []string{"ann"}},
		"a number too great for 64 bits is unknown":              {"(!(userAccountControl=99999999999999999999))", nil},
		"a bit mask that is none is unknown":                     {"(!(userAccountControl:1.2.840.113556.1.4.803:=x))", nil},
		"a bit mask of text is unknown":                          {"(!(title:1.2.840.113556.1.4.803:=1))", nil},
		"all bits":                                               {"(userAccountControl:1.2.840.113556.1.4.803:=514)", []string{"bob"}},
		"any bit":                                                {"(userAccountControl:1.2.840.113556.1.4.804:=4098)", []string{"bob", "PC$"}},
		"no bits are set in everything":                          {"(userAccountControl:1.2.840.113556.1.4.803:=0)", everybody},
		"about equal is equal":                                   {"(title~=analyst)", []string{"ann"}},
		"a DN that is none is unknown":                           {"(!(memberOf=nonsense))", nil},
		"parts of a DN are unknown":                              {"(!(memberOf=*Ring*))", nil},
		"groups in a circle":                                     {"(memberOf:1.2.840.113556.1.4.1941:=CN=Ring B,OU=Groups,DC=lab,DC=example)", []string{"ann"}},
		"a chain that leads nowhere in a circle":                 {"(memberOf:1.2.840.113556.1.4.1941:=CN=Ring C,OU=Groups,DC=lab,DC=example)", nil},
		"a rule that nobody knows":                               {"(!(title:1.2.3:=Analyst))", nil},
		"a rule without an attribute":                            {"(!(:caseIgnoreMatch:=Analyst))", nil},
		"computed attributes cannot be searched for":             {"(!(tokenGroups=*))", nil},
		"special letters, escaped":                               {"(displayName=" + ldap.EscapeFilter(`a (b) * \ c`) + ")", []string{"ann"}},
		"a value that tries to be a filter":                      {"(cn=" + ldap.EscapeFilter("x)(|(cn=*)") + ")", nil},
		"an escaped star is a star":                              {`(displayName=*\2a*)`, []string{"ann"}},
		"a zero byte":                                            {`(cn=Ann\00)`, nil},
		"bytes that are no text":                                 {`(cn=\ff\fe)`, nil},
		"many stars":                                             {"(displayName=*" + strings.Repeat("a*", 5000) + ")", nil},
		"a very long value":                                      {"(cn=" + strings.Repeat("x", 500_000) + ")", nil},
		"ten thousand alternatives":                              {"(|" + strings.Repeat("(cn=x)", 10_000) + "(cn=Bob))", []string{"bob"}},
		"ninety-nine times not":                                  {strings.Repeat("(!", 99) + "(cn=Ann)" + strings.Repeat(")", 99), []string{"bob", "PC$"}},
		"a SID written out":                                      {"(objectSid=S-1-5-21-3623811015-3361044348-30300820-1103)", []string{"ann"}},
		"a SID with too many numbers":                            {"(objectSid=S-1-5" + strings.Repeat("-1", 16) + ")", nil},
		"a first name and half a surname do not meet a computer": {"(anr=)", nil},
	} {
		t.Run(name, func(t *testing.T) {
			people := "(&(objectClass=user)(!(cn=svc-funnelweb))" + one.filter + ")"
			found, err := conn.Search(request(base, people, "sAMAccountName"))
			if err != nil {
				t.Fatal(err)
			}
			var accounts []string
			for _, entry := range found.Entries {
				accounts = append(accounts, entry.GetAttributeValue("sAMAccountName"))
			}
			if diff := cmp.Diff(one.want, accounts); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a hundred and one times not is refused", func(t *testing.T) {
		_, err := conn.Search(request(base, strings.Repeat("(!", 101)+"(cn=Ann)"+strings.Repeat(")", 101)))
		if code(err) != ldap.LDAPResultProtocolError {
			t.Errorf("%v", err)
		}
	})
}
