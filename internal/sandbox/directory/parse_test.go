package directory

import (
	"errors"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

func testDomain(tb testing.TB) *domain {
	tb.Helper()
	now := func() time.Time { return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC) }
	made, err := newDomain("DC=lab,DC=example", now)
	if err != nil {
		tb.Fatal(err)
	}
	if err := made.populate(Story(now())); err != nil {
		tb.Fatal(err)
	}
	return made
}

// TestFiltersThatNoClientSendsAreRefused gives filters that go-ldap does not make.
func TestFiltersThatNoClientSendsAreRefused(t *testing.T) {
	context := func(tag ber.Tag, children ...*ber.Packet) *ber.Packet {
		packet := ber.Encode(ber.ClassContext, ber.TypeConstructed, tag, nil, "")
		for _, child := range children {
			packet.AppendChild(child)
		}
		return packet
	}
	part := func(tag ber.Tag, value string) *ber.Packet {
		return ber.NewString(ber.ClassContext, ber.TypePrimitive, tag, value, "")
	}
	parts := func(children ...*ber.Packet) *ber.Packet {
		list := ber.NewSequence("")
		for _, child := range children {
			list.AppendChild(child)
		}
		return context(ldap.FilterSubstrings, octetString("cn"), list)
	}
	for name, filter := range map[string]*ber.Packet{
		"a tag that is none":                context(42),
		"a filter of another class":         ber.NewSequence(""),
		"not of nothing":                    context(ldap.FilterNot),
		"not of two":                        context(ldap.FilterNot, part(ldap.FilterPresent, "cn"), part(ldap.FilterPresent, "cn")),
		"not of nonsense":                   context(ldap.FilterNot, context(42)),
		"and of nonsense":                   context(ldap.FilterAnd, octetString("x")),
		"an equality of one":                context(ldap.FilterEqualityMatch, octetString("cn")),
		"an equality of numbers":            context(ldap.FilterEqualityMatch, octetString("cn"), ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(1), "")),
		"substrings without a list":         context(ldap.FilterSubstrings, octetString("cn")),
		"substrings of an empty list":       parts(),
		"an empty substring":                parts(part(ldap.FilterSubstringsAny, "")),
		"a beginning that is not the first": parts(part(ldap.FilterSubstringsAny, "a"), part(ldap.FilterSubstringsInitial, "b")),
		"an end that is not the last":       parts(part(ldap.FilterSubstringsFinal, "a"), part(ldap.FilterSubstringsAny, "b")),
		"a substring of an unknown kind":    parts(part(7, "a")),
		"a rule with an unknown part":       context(ldap.FilterExtensibleMatch, part(9, "x")),
		"a rule of another class":           context(ldap.FilterExtensibleMatch, octetString("x")),
	} {
		t.Run(name, func(t *testing.T) {
			// Decoded again, it is as it comes over the wire.
			sent, err := ber.DecodePacketErr(filter.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if parsed, err := parseFilter(sent, 0); !errors.Is(err, errFilter) {
				t.Errorf("%#v, %v", parsed, err)
			}
		})
	}
}

func TestTimesAreWrittenAsWindowsCountsThem(t *testing.T) {
	for want, at := range map[string]time.Time{
		"0":                  time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC),
		"116444736000000000": time.Unix(0, 0),
		"134083872000000001": time.Date(2025, time.November, 23, 16, 0, 0, 100, time.UTC),
	} {
		got := fileTime(at)
		if got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
		if back, ok := fromFileTime(got); ok && !back.Equal(at) {
			t.Errorf("%s: %v, want %v", got, back, at)
		}
	}
}
