package activedirectory

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

// ticks writes a time as FILETIME.
func ticks(at time.Time) string { return strconv.FormatInt((at.Unix()+11_644_473_600)*10_000_000, 10) }

func TestAccountState(t *testing.T) {
	now := frameworktest.Start()
	const never = "9223372036854775807"
	yesterday, tomorrow := ticks(now.Add(-24*time.Hour)), ticks(now.Add(24*time.Hour))
	cases := []struct {
		name            string
		control         int
		computed        string // absent when empty
		others          map[string]string
		headline, words string
	}{
		{name: "an ordinary account", control: 0x200, computed: "0", headline: "enabled", words: "enabled"},
		{name: "a disabled one", control: 0x202, computed: "0", headline: "disabled", words: "disabled"},
		{
			name: "a locked one", control: 0x200, computed: "16", others: map[string]string{"lockoutTime": yesterday},
			headline: "locked out", words: "enabled; locked out since 2026-11-19 12:00 UTC (1 day ago)",
		},
		{
			name: "a lock that has run out", control: 0x200, computed: "0", others: map[string]string{"lockoutTime": yesterday},
			headline: "enabled", words: "enabled",
		},
		{
			name: "a lock of which it is not known whether it has run out", control: 0x200, others: map[string]string{"lockoutTime": yesterday},
			headline: "possibly locked out", words: "enabled; locked out 2026-11-19 12:00 UTC (1 day ago), unless the lock has run out since",
		},
		{name: "a lock without a time", control: 0x200, computed: "16", headline: "locked out", words: "enabled; locked out"},
		{name: "lockoutTime 0 is no lock", control: 0x200, others: map[string]string{"lockoutTime": "0"}, headline: "enabled", words: "enabled"},
		{
			name: "an expired one", control: 0x200, computed: "0", others: map[string]string{"accountExpires": yesterday},
			headline: "expired", words: "enabled; expired 2026-11-19 12:00 UTC (1 day ago)",
		},
		{
			name: "one that will expire", control: 0x200, computed: "0", others: map[string]string{"accountExpires": tomorrow},
			headline: "enabled", words: "enabled; expires 2026-11-21 12:00 UTC",
		},
		{name: "expiry 0 is never", control: 0x200, others: map[string]string{"accountExpires": "0"}, headline: "enabled", words: "enabled"},
		{name: "the greatest expiry is never", control: 0x200, others: map[string]string{"accountExpires": never}, headline: "enabled", words: "enabled"},
		{
			name: "one that must change its password", control: 0x200, computed: strconv.Itoa(0x800000), others: map[string]string{"pwdLastSet": "0"},
			headline: "enabled", words: "enabled; must change the password at the next logon",
		},
		{
			name: "an expired password", control: 0x200, computed: strconv.Itoa(0x800000), others: map[string]string{"pwdLastSet": yesterday},
			headline: "enabled, with an expired password", words: "enabled; password expired",
		},
		{
			name: "an expired password, of which it is known since when", control: 0x200, computed: strconv.Itoa(0x800000),
			others:   map[string]string{"pwdLastSet": yesterday, "msDS-UserPasswordExpiryTimeComputed": yesterday},
			headline: "enabled, with an expired password", words: "enabled; password expired 2026-11-19 12:00 UTC (1 day ago)",
		},
		{
			name: "an expired password that a smart card stands in for", control: 0x40200, computed: strconv.Itoa(0x800000), others: map[string]string{"pwdLastSet": "0"},
			headline: "enabled", words: "enabled; smart card required",
		},
		{
			name: "a locked account with an expired password", control: 0x200, computed: strconv.Itoa(0x800010), others: map[string]string{"lockoutTime": yesterday},
			headline: "locked out", words: "enabled; locked out since 2026-11-19 12:00 UTC (1 day ago); password expired",
		},
		{name: "an expiry that may not be read", control: 0x200, computed: "0", others: map[string]string{"accountExpires": ""}, headline: "enabled", words: "enabled; whether it expires cannot be read"},
		{name: "a machine sets its own", control: 0x1000, others: map[string]string{"pwdLastSet": "0", "objectClass": "computer"}, headline: "enabled", words: "enabled"},
		{
			name: "everything that weakens an account", control: 0x200 | 0x10000 | 0x20 | 0x80 | 0x400000 | 0x200000 | 0x80000 | 0x1000000, headline: "enabled",
			words: "enabled; password never expires; may have an empty password; password stored with reversible encryption; " +
				"no Kerberos pre-authentication (its password can be attacked offline); DES encryption only",
		},
		{name: "a smart card", control: 0x40200, headline: "enabled", words: "enabled; smart card required"},
		{name: "a negative number, as AD writes the highest bit", control: -0x7ffffdfe, headline: "disabled", words: "disabled"},
		{
			name: "disabled, locked and expired", control: 0x202, computed: "16", others: map[string]string{"accountExpires": yesterday},
			headline: "disabled", words: "disabled; expired 2026-11-19 12:00 UTC (1 day ago); locked out",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			attributes := map[string][]string{"userAccountControl": {strconv.Itoa(c.control)}, "accountExpires": {never}}
			if c.computed != "" {
				attributes["msDS-User-Account-Control-Computed"] = []string{c.computed}
			}
			for name, value := range c.others {
				attributes[name] = []string{value}
			}
			got := accountState(ldap.NewEntry("CN=x", attributes), now)
			if diff := cmp.Diff([]string{c.headline, c.words}, []string{got.headline, got.String()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnUnreadableStateIsNotEnabled(t *testing.T) {
	for _, value := range []string{"", "many", "99999999999999999999"} {
		got := accountState(ldap.NewEntry("CN=x", map[string][]string{"userAccountControl": {value}}), frameworktest.Start())
		if got.headline != "in an unknown state" {
			t.Errorf("userAccountControl %q is %q", value, got.headline)
		}
	}
}

func TestGroupsAreCounted(t *testing.T) {
	many := make([]string, 1500)
	for i := range many {
		many[i] = fmt.Sprintf("CN=Group %04d,DC=lab", i)
	}
	cases := []struct {
		name, attribute string
		values          []string
		want            string
	}{
		{"none", "memberOf", nil, "none besides the primary"},
		{"names in order", "memberOf", []string{"CN=vpn,DC=lab", `CN=Doe\, Jane's,DC=lab`, "CN=Admins,DC=lab"}, "3 direct: Admins, Doe, Jane's, vpn"},
		{"many are cut", "memberOf", many[:11], "11 direct: Group 0000, Group 0001, Group 0002, Group 0003, Group 0004, Group 0005, Group 0006, Group 0007, Group 0008, Group 0009, …"},
		{"a first range is said to be one", "memberOf;range=0-1499", many, "at least 1500 direct: Group 0000, Group 0001, Group 0002, Group 0003, Group 0004, Group 0005, Group 0006, Group 0007, Group 0008, Group 0009, …"},
		{"a last range is all", "memberOf;range=0-*", many[:1], "1 direct: Group 0000"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			entry := ldap.NewEntry("CN=x", map[string][]string{c.attribute: c.values})
			if got := (groups{}).countWords(entry); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPrivilegedGoesByTheSID(t *testing.T) {
	got := map[string]string{}
	for _, group := range []string{"S-1-5-32-544", "S-1-5-32-545", "S-1-5-21-1-2-3-512", "S-1-5-21-1-2-3-519", "S-1-5-21-1-2-3-513", "S-1-5-21-512", "S-1-1-0", "S-1-5-512", ""} {
		got[group] = privileged(group)
	}
	want := map[string]string{
		"S-1-5-32-544": "Administrators", "S-1-5-21-1-2-3-512": "Domain Admins", "S-1-5-21-1-2-3-519": "Enterprise Admins",
		"S-1-5-32-545": "", "S-1-5-21-1-2-3-513": "", "S-1-5-21-512": "", "S-1-1-0": "", "S-1-5-512": "", "": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
