package activedirectory

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxText bounds the value of a fact, in runes: the longest attribute shown whole is a distinguished name.
const maxText = 300

// fileTime reads a FILETIME, the number of 100 ns since 1601-01-01 UTC ([MS-DTYP] 2.3.3). 0 and the greatest
// number both mean never ([MS-ADA1] 2.1); so does what lies after the year 9999. Seconds are used throughout:
// time.Duration ends after 292 years.
func fileTime(text string) (at time.Time, ok bool) {
	const (
		perSecond = 10_000_000
		toUnix    = 11_644_473_600  // seconds from 1601 to 1970
		year10000 = 253_402_300_800 // in Unix seconds
		never     = math.MaxInt64
	)
	ticks, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ticks <= 0 || ticks == never {
		return time.Time{}, false
	}
	seconds := ticks/perSecond - toUnix
	if seconds >= year10000 {
		return time.Time{}, false
	}
	return time.Unix(seconds, ticks%perSecond*100).UTC(), true
}

// generalizedTime reads what whenCreated holds: 20260102150405.0Z.
func generalizedTime(text string) (time.Time, bool) {
	at, err := time.Parse("20060102150405.0Z", text)
	return at, err == nil
}

// when writes a time in UTC with its age in days.
func when(at, now time.Time) string {
	text := at.UTC().Format("2006-01-02 15:04 UTC")
	// Unix seconds, because the ages of hostile times do not fit into a Duration.
	days := (now.Unix() - at.Unix()) / (24 * 60 * 60)
	switch {
	case at.After(now):
		return text
	case days == 0:
		return text + " (less than a day ago)"
	case days == 1:
		return text + " (1 day ago)"
	default:
		return fmt.Sprintf("%s (%d days ago)", text, days)
	}
}

// sid writes a binary objectSid as S-1-5-21-… ([MS-DTYP] 2.4.2.2): revision, count, six bytes of authority, the
// highest first, then count numbers of four bytes, the lowest first. An authority that needs more than four bytes is
// written in hex.
func sid(raw []byte) (string, bool) {
	if len(raw) < 8 || raw[0] != 1 || raw[1] < 1 || raw[1] > 15 || len(raw) != 8+4*int(raw[1]) {
		return "", false
	}
	authority := uint64(binary.BigEndian.Uint16(raw[2:]))<<32 | uint64(binary.BigEndian.Uint32(raw[4:]))
	text := fmt.Appendf(nil, "S-1-%d", authority)
	if authority > math.MaxUint32 {
		text = fmt.Appendf(nil, "S-1-0x%012X", authority)
	}
	for at := 8; at < len(raw); at += 4 {
		text = fmt.Appendf(text, "-%d", binary.LittleEndian.Uint32(raw[at:]))
	}
	return string(text), true
}

// firstName returns the value of a DN's first part, such as a group's CN, or the whole DN when it is malformed.
func firstName(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) == 0 {
		return dn
	}
	return parsed.RDNs[0].Attributes[0].Value
}

// dnsName spells the DC parts of a DN as a DNS name in lower case: DC=lab,DC=example is lab.example.
func dnsName(dn *ldap.DN) string {
	var labels []string
	for _, part := range dn.RDNs {
		if len(part.Attributes) == 1 && strings.EqualFold(part.Attributes[0].Type, "DC") {
			labels = append(labels, part.Attributes[0].Value)
		}
	}
	return strings.ToLower(strings.Join(labels, "."))
}

// domainOf returns the DC parts at the end of a DN, which name the domain, or "" when it is malformed.
func domainOf(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return ""
	}
	at := len(parsed.RDNs)
	for at > 0 && len(parsed.RDNs[at-1].Attributes) == 1 && strings.EqualFold(parsed.RDNs[at-1].Attributes[0].Type, "DC") {
		at--
	}
	return (&ldap.DN{RDNs: parsed.RDNs[at:]}).String()
}

// text returns an attribute's first value, fit for one line, or "".
func text(entry *ldap.Entry, attribute string) string {
	return framework.Line(entry.GetEqualFoldAttributeValue(attribute), maxText)
}

// fullName is "Jane Doe (jdoe)", or the account alone where there is no other name.
func fullName(entry *ldap.Entry) string {
	account, name := text(entry, "sAMAccountName"), text(entry, "displayName")
	switch {
	case account == "" && name == "":
		return framework.Line(firstName(entry.DN), maxText)
	case name == "" || name == account:
		return account
	case account == "":
		return name
	default:
		return name + " (" + account + ")"
	}
}
