package activedirectory

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// replies gives one answer after the other: entries, references and a result code.
type replies []struct {
	entries    [][]string // DN, then attributes and values in turn
	references []string
	code       byte
}

const opSearchReference = 0x73

func (r replies) say(d *dialogue) {
	d.bind()
	r.answer(d)
}

func (r replies) answer(d *dialogue) {
	for _, one := range r {
		id, ok := d.next()
		if !ok {
			return
		}
		for _, each := range one.entries {
			_, _ = d.Write(entryWith(id, each[0], each[1:]...))
		}
		for _, reference := range one.references {
			_, _ = d.Write(message(id, tlv(opSearchReference, tlv(0x04, []byte(reference)))))
		}
		d.result(id, opSearchDone, one.code, "")
	}
	d.rest()
}

// entryWith sends an entry with one value for each attribute.
func entryWith(id byte, dn string, attributes ...string) []byte {
	var list [][]byte
	for i := 0; i+1 < len(attributes); i += 2 {
		list = append(list, tlv(0x30, tlv(0x04, []byte(attributes[i])), tlv(0x31, tlv(0x04, []byte(attributes[i+1])))))
	}
	return message(id, tlv(opSearchEntry, tlv(0x04, []byte(dn)), tlv(0x30, list...)))
}

// scripted asks a script for a user.
func scripted(t *testing.T, user string, r replies) (framework.Finding, error) {
	t.Helper()
	return newEnricher(t, serve(t, false, r.say).configuration(false)).Enrich(t.Context(), framework.Indicator{Kind: framework.User, Value: user})
}

func TestANamedDomainIsNotGuessed(t *testing.T) {
	hidden := replies{{code: 50}, {entries: nil}}
	root := [][]string{{"", "configurationNamingContext", "CN=Configuration,DC=lab,DC=example"}}
	const cannot = " may be another domain or a machine: the account in bind_dn may not read the names of domains (CN=Partitions)."
	cases := []struct {
		name, user string
		replies    replies
		want       string
	}{
		{"a machine where domains are hidden", `WS-042\Administrator`, hidden, "Not looked up: WS-042" + cannot},
		{"a machine where the configuration is hidden", `WS-042\Administrator`, replies{{entries: root}, {code: 50}}, "Not looked up: WS-042" + cannot},
		{"a machine where no domain is seen", `WS-042\Administrator`, replies{{entries: root}, {}}, "Not looked up: WS-042" + cannot},
		{"this domain by the name that it is likely to have", `LAB\nobody`, hidden, "No such user in the directory."},
		{"this domain by its DNS name", `Lab.Example\nobody`, hidden, "No such user in the directory."},
		{"nothing before the backslash", `\Administrator`, hidden, "Not looked up: " + cannot},
		{"a line end", "LAB\r\nX\\Administrator", hidden, "Not looked up: LAB X" + cannot},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			finding, err := scripted(t, c.user, c.replies)
			if err != nil || strings.Join(strings.Fields(finding.Summary), " ") != strings.Join(strings.Fields(c.want), " ") {
				t.Errorf("got %q, %v; want %q", finding.Summary, err, c.want)
			}
		})
	}
}

// A global catalog holds all domains below its base: the same account name may be in several.
func TestOnlyTheNamedDomainCounts(t *testing.T) {
	const own, below = "CN=Jane,DC=lab,DC=example", "CN=Jane,OU=Staff,DC=child,DC=lab,DC=example"
	in := place{domain: "LAB", dns: "lab.example"}
	entries := func(dns ...string) []*ldap.Entry {
		var all []*ldap.Entry
		for _, dn := range dns {
			all = append(all, ldap.NewEntry(dn, nil))
		}
		return all
	}
	names := func(entries []*ldap.Entry) []string {
		var all []string
		for _, one := range entries {
			all = append(all, one.DN)
		}
		return all
	}
	if diff := cmp.Diff([]string{own}, names(in.own(entries(below, own, "nonsense", "")))); diff != "" {
		t.Errorf("named (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{below, own}, names(place{}.own(entries(below, own)))); diff != "" {
		t.Errorf("not named (-want +got):\n%s", diff)
	}
}

func TestAnAccountOfADomainBelowIsNotTakenForOneOfTheNamedDomain(t *testing.T) {
	root := [][]string{{"", "configurationNamingContext", "CN=Configuration,DC=lab,DC=example"}}
	partitions := [][]string{{"CN=LAB,CN=Partitions,CN=Configuration,DC=lab,DC=example", "nCName", "DC=lab,DC=example", "nETBIOSName", "LAB", "dnsRoot", "lab.example"}}
	below := []string{"CN=Jane,DC=child,DC=lab,DC=example", "sAMAccountName", "jdoe"}
	finding, err := scripted(t, `LAB\jdoe`, replies{{entries: root}, {entries: partitions}, {entries: [][]string{below}}})
	if err != nil || finding.Summary != "No such user in the directory." {
		t.Errorf("got %q, %v", finding.Summary, err)
	}
	finding, err = scripted(t, `LAB\jdoe`, replies{{entries: root}, {entries: partitions}, {entries: append(jane(), below)}, {entries: [][]string{{janeDN, "tokenGroups", rawSID(513)}}}})
	if err != nil || factOf(finding, "path") != janeDN {
		t.Errorf("got %q, %v", finding.Summary, err)
	}
}

func TestReferencesAreNotAnswersAndAreSaid(t *testing.T) {
	finding, err := scripted(t, "nobody", replies{{references: []string{
		"ldap://child.lab.example/DC=child,DC=lab,DC=example", "ldap://ForestDnsZones.lab.example/DC=ForestDnsZones,DC=lab,DC=example",
		"ldap://lab.example/CN=Configuration,DC=lab,DC=example", "ldap://child.lab.example/DC=CHILD,DC=lab,DC=example", "::", "ldap://x/nonsense", "ldap://x/DC=a%0aSERVICE,DC=b",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []framework.Fact{
		{Key: "searched", Label: "Searched", Value: "DC=lab,DC=example"},
		{Key: "not_searched", Label: "Not searched", Value: "other domains of the forest: child.lab.example, a service.b"},
	}
	if diff := cmp.Diff(want, finding.Facts); finding.Summary != "No such user in the directory." || diff != "" {
		t.Errorf("%q (-want +got):\n%s", finding.Summary, diff)
	}
}

// A referral in place of an answer is an error where the base is ours, and says so where a domain was named.
func TestAReferralIsNoAnswer(t *testing.T) {
	if finding, err := scripted(t, "jdoe", replies{{code: 10}}); err == nil || !strings.Contains(err.Error(), "base_dn belongs to another domain") {
		t.Errorf("got %q, %v", finding.Summary, err)
	}
}
