package activedirectory

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

func TestFileTime(t *testing.T) {
	cases := []struct {
		name, in string
		want     time.Time
		ok       bool
	}{
		{"the vendor's own example", "132223104000000000", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"fractions are kept", "132223104000000005", time.Date(2020, 1, 1, 0, 0, 0, 500, time.UTC), true},
		{"the first tick", "1", time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC), true},
		{"before 1970", "94354848000000000", time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"300 years are more than a Duration holds", "94670208000000000", time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"zero is never", "0", time.Time{}, false},
		{"the greatest number is never", strconv.FormatInt(math.MaxInt64, 10), time.Time{}, false},
		{"after the year 9999 is never", strconv.FormatInt(math.MaxInt64-1, 10), time.Time{}, false},
		{"a negative number is no time", "-1", time.Time{}, false},
		{"text is no time", "soon", time.Time{}, false},
		{"nothing is no time", "", time.Time{}, false},
		{"more than 64 bits is no time", "92233720368547758080", time.Time{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := fileTime(c.in)
			if ok != c.ok || !got.Equal(c.want) {
				t.Errorf("got %s, %t, want %s, %t", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzFileTime(f *testing.F) {
	for _, seed := range []string{"0", "1", "132223104000000000", "9223372036854775807", "-5", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := fileTime(text)
		if !ok {
			return
		}
		if at.Year() < 1601 || at.Year() > 9999 {
			t.Fatalf("%q gave %s", text, at)
		}
		ticks, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("%q is no number, yet a time", text)
		}
		if back := (at.Unix()+11_644_473_600)*10_000_000 + int64(at.Nanosecond())/100; back != ticks {
			t.Errorf("%q came back as %d", text, back)
		}
	})
}

func TestWhen(t *testing.T) {
	now := frameworktest.Start()
	cases := []struct {
		name string
		at   time.Time
		want string
	}{
		{"hours ago", now.Add(-23 * time.Hour), "2026-11-19 13:00 UTC (less than a day ago)"},
		{"a day ago", now.Add(-24 * time.Hour), "2026-11-19 12:00 UTC (1 day ago)"},
		{"days ago", now.Add(-17 * 24 * time.Hour), "2026-11-03 12:00 UTC (17 days ago)"},
		{"centuries ago", time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), "1601-01-01 00:00 UTC (155551 days ago)"},
		{"still to come", now.Add(time.Minute), "2026-11-20 12:01 UTC"},
		{"another zone", now.In(time.FixedZone("", 3600)), "2026-11-20 12:00 UTC (less than a day ago)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := when(c.at, now); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestGeneralizedTime(t *testing.T) {
	got, ok := generalizedTime("20260102150405.0Z")
	if want := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC); !ok || !got.Equal(want) {
		t.Errorf("got %s, %t", got, ok)
	}
	for _, text := range []string{"", "20260102150405Z0", "20261302150405.0Z", "yesterday"} {
		if _, ok := generalizedTime(text); ok {
			t.Errorf("%q was taken for a time", text)
		}
	}
}

func TestSID(t *testing.T) {
	cases := []struct {
		name string
		in   []byte
		want string
		ok   bool
	}{
		{"a domain's administrator", []byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xa0, 0x65, 0xcf, 0x7e, 0x78, 0x4b, 0x9b, 0x5f, 0xe7, 0x7c, 0x87, 0x70, 0xf4, 1, 0, 0}, "S-1-5-21-2127521184-1604012920-1887927527-500", true},
		{"a built-in group", []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0}, "S-1-5-32-544", true},
		{"an authority of six bytes", []byte{1, 1, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0}, "S-1-0x010203040506-7", true},
		{"cut off", []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0}, "", false},
		{"too long", []byte{1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0}, "", false},
		{"more parts than there can be", append([]byte{1, 16, 0, 0, 0, 0, 0, 5}, make([]byte, 64)...), "", false},
		{"no part at all", []byte{1, 0, 0, 0, 0, 0, 0, 5}, "", false},
		{"another revision", []byte{2, 0, 0, 0, 0, 0, 0, 5}, "", false},
		{"nothing", nil, "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := sid(c.in); got != c.want || ok != c.ok {
				t.Errorf("got %q, %t, want %q, %t", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzSID(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0})
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, ok := sid(raw)
		if ok && !sidPattern.MatchString(text) {
			t.Errorf("%x gave %q, which is not taken for a SID", raw, text)
		}
		if ok && strings.Count(text, "-") != 2+int(raw[1]) {
			t.Errorf("%x gave %q", raw, text)
		}
	})
}

func TestFirstName(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"a group", "CN=Domain Admins,CN=Users,DC=lab,DC=example", "Domain Admins"},
		{"an escaped comma", `CN=Doe\, Jane,OU=Staff,DC=lab,DC=example`, "Doe, Jane"},
		{"an escaped quote and a plus", `CN=J\"D\+x,DC=lab`, `J"D+x`},
		{"another script in hex", `CN=\e5\b1\b1,DC=lab`, "山"},
		{"two values in one part", "CN=Jane+UID=7,DC=lab", "Jane"},
		{"malformed text stays whole", "no name at all", "no name at all"},
		{"nothing", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := firstName(c.in); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzFirstName(f *testing.F) {
	for _, seed := range []string{`CN=Doe\, Jane,DC=lab`, "CN=#0403616263", "CN=", "=", `\`, "CN=a+b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		entry := ldap.NewEntry(dn, nil)
		if got := fullName(entry); !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Errorf("%q gave %q", dn, got)
		}
	})
}

func TestDNSName(t *testing.T) {
	got := map[string]string{}
	for _, text := range []string{"DC=Lab,DC=example", "OU=Staff,dc=lab,dc=example", "O=lab"} {
		dn, err := ldap.ParseDN(text)
		if err != nil {
			t.Fatal(err)
		}
		got[text] = dnsName(dn)
	}
	want := map[string]string{"DC=Lab,DC=example": "lab.example", "OU=Staff,dc=lab,dc=example": "lab.example", "O=lab": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFullName(t *testing.T) {
	cases := []struct {
		name       string
		attributes map[string][]string
		want       string
	}{
		{"a name and an account", map[string][]string{"displayName": {"Jane Doe"}, "sAMAccountName": {"jdoe"}}, "Jane Doe (jdoe)"},
		{"an account alone", map[string][]string{"sAMAccountName": {"svc"}}, "svc"},
		{"a name alone", map[string][]string{"displayName": {"Jane Doe"}}, "Jane Doe"},
		{"the same twice", map[string][]string{"displayName": {"svc"}, "sAMAccountName": {"svc"}}, "svc"},
		{"neither", nil, "Somebody"},
		{"attribute names in another case", map[string][]string{"DISPLAYNAME": {"Jane"}, "samaccountname": {"j"}}, "Jane (j)"},
		{"line breaks", map[string][]string{"displayName": {"Jane\r\nDoe\u202e"}}, "Jane Doe\ufffd"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fullName(ldap.NewEntry("CN=Somebody,DC=lab", c.attributes)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
