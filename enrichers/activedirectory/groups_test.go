package activedirectory

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// rawSID is a SID of the form S-1-5-21-1-2-3-rid, as the directory writes it.
func rawSID(rid uint32) string {
	raw := []byte{1, 5, 0, 0, 0, 0, 0, 5}
	for _, number := range []uint32{21, 1, 2, 3, rid} {
		raw = binary.LittleEndian.AppendUint32(raw, number)
	}
	return string(raw)
}

const (
	janeDN   = "CN=Jane,OU=Staff,DC=lab,DC=example"
	adminsDN = "CN=Domain Admins,CN=Users,DC=lab,DC=example"
)

func jane(more ...string) [][]string {
	return [][]string{append([]string{
		janeDN, "sAMAccountName", "jdoe", "objectClass", "user", "userAccountControl", "512", "accountExpires", "0",
		"objectSid", rawSID(1104), "primaryGroupID", "513",
	}, more...)}
}

func factOf(finding framework.Finding, key string) string {
	for _, fact := range finding.Facts {
		if fact.Key == key {
			return fact.Value
		}
	}
	return ""
}

func TestHowAnAccountIsPrivileged(t *testing.T) {
	token := [][]string{{janeDN, "tokenGroups", rawSID(512)}}
	group := [][]string{{adminsDN, "objectSid", rawSID(512)}}
	through := [][]string{{"CN=Tier 0,DC=lab,DC=example", "sAMAccountName", "Tier 0"}}
	cases := []struct {
		name    string
		replies replies
		want    string
	}{
		{"directly", replies{{entries: jane("memberOf", strings.ToUpper(adminsDN))}, {entries: token}, {entries: group}}, "Domain Admins (direct member)"},
		{"as the primary group", replies{{entries: [][]string{{janeDN, "sAMAccountName", "jdoe", "userAccountControl", "512", "accountExpires", "0", "objectSid", rawSID(1104), "primaryGroupID", "512"}}}, {entries: token}, {entries: group}}, "Domain Admins (primary group)"},
		{"through a group", replies{{entries: jane()}, {entries: token}, {entries: group}, {entries: through}}, "Domain Admins (through Tier 0)"},
		{"through more groups than are named", replies{{entries: jane()}, {entries: token}, {entries: group}, {entries: append(through, through[0], through[0]), code: 4}}, "Domain Admins (through Tier 0, Tier 0, Tier 0, …)"},
		{"through what the server does not find in time", replies{{entries: jane()}, {entries: token}, {entries: group}, {code: 3}}, "Domain Admins (through other groups)"},
		{"through what may not be read", replies{{entries: jane()}, {entries: token}, {entries: group}, {code: 50}}, "Domain Admins (through other groups)"},
		{"in another domain", replies{{entries: jane()}, {entries: token}, {}}, "Domain Admins (through other groups)"},
		{"where groups may not be searched", replies{{entries: jane()}, {entries: token}, {code: 50}}, "Domain Admins (through other groups)"},
		{"where searching groups takes too long", replies{{entries: jane()}, {entries: token}, {code: 3}}, "Domain Admins (through other groups)"},
		{"not at all", replies{{entries: jane()}, {entries: [][]string{{janeDN, "tokenGroups", rawSID(513)}}}}, "no"},
		{"not now", replies{{entries: jane("adminCount", "1")}, {entries: [][]string{{janeDN, "tokenGroups", rawSID(513)}}}}, "no, but it is or was protected as an administrator (adminCount)"},
		{"unknown, because it may not be read", replies{{entries: jane("adminCount", "1")}, {code: 50}}, "unknown: the account in bind_dn may not read tokenGroups"},
		{"unknown, because it is not given", replies{{entries: jane()}, {entries: [][]string{{janeDN}}}}, "unknown: the account in bind_dn may not read tokenGroups"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			finding, err := scripted(t, "jdoe", c.replies)
			if diff := cmp.Diff(c.want, factOf(finding, "privileged")); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if strings.HasPrefix(c.want, "Domain Admins") != strings.HasSuffix(finding.Summary, "is enabled and privileged: Domain Admins.") {
				t.Errorf("got %q", finding.Summary)
			}
		})
	}
}

// Whatever is asked besides the account, an outage is not taken for an answer.
func TestAnOutageWhileGroupsAreReadFailsTheWhole(t *testing.T) {
	token := [][]string{{janeDN, "tokenGroups", rawSID(512)}}
	group := [][]string{{adminsDN, "objectSid", rawSID(512)}}
	for name, r := range map[string]replies{
		"the groups":            {{entries: jane()}, {code: 51}},
		"where these are":       {{entries: jane()}, {entries: token}, {code: 51}},
		"how they are come by":  {{entries: jane()}, {entries: token}, {entries: group}, {code: 51}},
		"the manager":           {{entries: jane("manager", "CN=Boss,DC=lab")}, {code: 51}},
		"the owner of a server": {{entries: jane("managedBy", "CN=Boss,DC=lab")}, {code: 51}},
	} {
		t.Run(name, func(t *testing.T) {
			finding, err := scripted(t, "jdoe", r)
			if err == nil || !strings.Contains(err.Error(), "busy") {
				t.Errorf("got %q, %v", finding.Summary, err)
			}
		})
	}
}

func TestAManagerIsNamedAsWellAsMayBe(t *testing.T) {
	const boss = `CN=Boss\, Mark,OU=Board,DC=other,DC=example`
	token := [][]string{{janeDN, "tokenGroups", rawSID(513)}}
	for name, c := range map[string]struct {
		code  byte
		entry [][]string
		want  string
	}{
		"by name and account":  {entry: [][]string{{boss, "displayName", "Mark Boss", "sAMAccountName", "mboss"}}, want: "Mark Boss (mboss)"},
		"gone":                 {code: 32, want: "Boss, Mark"},
		"of another domain":    {code: 10, want: "Boss, Mark"},
		"not for our eyes":     {code: 50, want: "Boss, Mark"},
		"without any names":    {entry: [][]string{{boss}}, want: "Boss, Mark"},
		"no entry, no refusal": {want: "Boss, Mark"},
	} {
		t.Run(name, func(t *testing.T) {
			finding, err := scripted(t, "jdoe", replies{{entries: jane("manager", boss)}, {code: c.code, entries: c.entry}, {entries: token}})
			if got := factOf(finding, "manager"); err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// The server is given a few seconds for a chain of members, whatever a lookup may take.
func TestChainsAreBounded(t *testing.T) {
	asked := make(chan byte, 10)
	server := serve(t, false, func(d *dialogue) {
		d.heard = func(body []byte) { asked <- timeLimit(body) }
		replies{{entries: jane()}, {entries: [][]string{{janeDN, "tokenGroups", rawSID(512)}}}, {entries: [][]string{{adminsDN, "objectSid", rawSID(512)}}}, {}}.say(d)
	})
	config := server.configuration(false)
	config.Timeout = 30 * time.Second
	enricher := newEnricher(t, config)
	if _, err := enricher.Enrich(t.Context(), jdoe()); err != nil {
		t.Fatal(err)
	}
	enricher.CloseIdleConnections()
	var limits []byte
	for range 5 {
		limits = append(limits, <-asked)
	}
	if diff := cmp.Diff([]byte{0, 30, 30, 30, byte(chainTime / time.Second)}, limits); diff != "" { // the first is a bind
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Several chains together take no longer than one may: a lookup that is of use without them must not fail for them.
func TestManyChainsAreBoundedTogether(t *testing.T) {
	tokens := message(3, tlv(opSearchEntry, tlv(0x04, []byte(janeDN)), tlv(0x30, tlv(0x30, tlv(0x04, []byte("tokenGroups")),
		tlv(0x31, tlv(0x04, []byte(rawSID(512))), tlv(0x04, []byte(rawSID(518))), tlv(0x04, []byte(rawSID(519))))))))
	groups := [][]string{
		{adminsDN, "objectSid", rawSID(512)}, {"CN=Schema Admins,DC=lab,DC=example", "objectSid", rawSID(518)}, {"CN=Enterprise Admins,DC=lab,DC=example", "objectSid", rawSID(519)},
	}
	through := [][]string{{"CN=Tier 0,DC=lab,DC=example", "sAMAccountName", "Tier 0"}}
	for name, c := range map[string]struct {
		chain replies
		step  time.Duration // by which the clock goes on whenever it is read
		want  string
	}{
		"after one that was given up": {replies{{code: 3}}, 0, "Domain Admins (through other groups), Enterprise Admins (through other groups), Schema Admins (through other groups)"},
		"after slow ones":             {replies{{entries: through}}, 2 * time.Second, "Domain Admins (through Tier 0), Enterprise Admins (through other groups), Schema Admins (through other groups)"},
		"fast ones":                   {replies{{entries: through}, {entries: through}, {}}, 0, "Domain Admins (through Tier 0), Enterprise Admins (through Tier 0), Schema Admins (through other groups)"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, false, func(d *dialogue) {
				d.bind()
				id, _ := d.next()
				_, _ = d.Write(entryWith(id, jane()[0][0], jane()[0][1:]...))
				d.result(id, opSearchDone, 0, "")
				id, _ = d.next()
				_, _ = d.Write(tokens)
				d.result(id, opSearchDone, 0, "")
				append(replies{{entries: groups}}, c.chain...).answer(d)
			})
			deps := frameworktest.Deps(t)
			var read atomic.Int64
			deps.Now = func() time.Time { return frameworktest.Start().Add(time.Duration(read.Add(1)) * c.step) }
			finding, err := newWith(t, server.configuration(false), deps).lookUp(t.Context(), jdoe())
			if diff := cmp.Diff(c.want, factOf(finding, "privileged")); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// timeLimit is the fifth part of a search request (RFC 4511 4.5.1), or 0 of another one.
func timeLimit(body []byte) byte {
	skip := func(at int) int { // past a value with a length of one byte, or of as many as the first says
		if body[at+1] < 0x80 {
			return at + 2 + int(body[at+1])
		}
		return at + 2 + int(body[at+1]&0x7f) + int(body[at+2])
	}
	at := skip(0) // the message id
	if body[at] != 0x63 {
		return 0
	}
	at += 2 + int(body[at+1]&0x80>>7)*int(body[at+1]&0x7f)
	for range 4 {
		at = skip(at)
	}
	return body[at+2]
}

func TestValuesInRanges(t *testing.T) {
	entry := ldap.NewEntry("CN=x", map[string][]string{"objectClass": {"user"}, "ServicePrincipalName;range=0-1499": {"a", "b"}})
	if got := services(entry); !strings.HasPrefix(got, "2 ") {
		t.Errorf("service names in a range are %q", got)
	}
	if found, all := values(entry, "servicePrincipalName"); len(found) != 2 || all {
		t.Errorf("got %q, all %t", found, all)
	}
	if found, all := values(entry, "servicePrincipal"); found != nil || !all {
		t.Errorf("a shorter name got %q, all %t", found, all)
	}
}

func TestDelegation(t *testing.T) {
	cases := []struct {
		name, control string
		services      []string
		others        string
		want          string
	}{
		{name: "none", control: "512", want: ""},
		{name: "unconstrained", control: "524800", want: "unconstrained: may act as whoever signs in to it, at any service"},
		{name: "a domain controller", control: "532480", want: "unconstrained: may act as whoever signs in to it, at any service (as every domain controller may)"},
		{name: "constrained", control: "512", services: []string{"a/b"}, want: "constrained: may act as whoever signs in to it, at a/b (services: 1)"},
		{name: "with transition", control: "16777728", services: strings.Split("a b c d e f", " "), want: "constrained: may act as anybody, without their sign-in, at a, b, c, d, e, … (services: 6)"},
		{name: "transition without services", control: "16777728", want: ""},
		{name: "resource-based", control: "4096", others: "x", want: "resource-based: accounts that it names may act as anybody towards it"},
		{name: "sensitive", control: "1049088", want: "nobody may act as this account (sensitive)"},
		{name: "an unreadable state, and services", control: "", services: []string{"a"}, want: "constrained: may act as whoever signs in to it, at a (services: 1)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			attributes := map[string][]string{"userAccountControl": {c.control}, "msDS-AllowedToDelegateTo": c.services}
			if c.others != "" {
				attributes["msDS-AllowedToActOnBehalfOfOtherIdentity"] = []string{c.others}
			}
			if diff := cmp.Diff(c.want, delegation(ldap.NewEntry("CN=x", attributes))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDomainOf(t *testing.T) {
	for dn, want := range map[string]string{
		janeDN: "dc=lab,dc=example", "DC=lab,DC=example": "dc=lab,dc=example", `CN=a\,DC=x,DC=b`: "dc=b", "CN=a": "", "nonsense": "", "": "",
		"DC=zone,CN=x,DC=lab": "dc=lab", `CN=x,DC=l\2cab`: `dc=l\,ab`,
	} {
		if got := domainOf(dn); got != want {
			t.Errorf("%q: got %q, want %q", dn, got, want)
		}
	}
}
