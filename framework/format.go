package framework

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The formats of JSON Schema 2020-12 (validation vocabulary, section 7.3) that a string may have.
var (
	uuidPattern     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	dateTimePattern = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$`)
	durationPattern = regexp.MustCompile(`^P([0-9]+W|([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$`)
	labelPattern    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	atomPattern     = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	quotedPattern   = regexp.MustCompile(`^"[ !#-\[\]-~]*"$`)
	uriPattern      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*$`)
)

// stringFormat returns the check of a format, or false for one that is not enforced.
func stringFormat(name string) (valid func(string) bool, known bool) {
	valid, known = map[string]func(string) bool{
		"date-time": isDateTime, "date": isDate, "duration": isDuration, "email": isEmail, "hostname": isHostname,
		"ipv4": isIPv4, "ipv6": isIPv6, "ip": func(s string) bool { return isIPv4(s) || isIPv6(s) },
		"uri": isURI, "uuid": uuidPattern.MatchString,
	}[name]
	return valid, known
}

// isDateTime holds RFC 3339 section 5.6. A leap second is the last of a day of UTC.
func isDateTime(s string) bool {
	parts := dateTimePattern.FindStringSubmatch(s)
	if parts == nil || !isDate(parts[1]) {
		return false
	}
	hour, minute, second := number(parts[2]), number(parts[3]), number(parts[4])
	offset := 0
	if zone := parts[6]; len(zone) == 6 {
		hours, minutes := number(zone[1:3]), number(zone[4:6])
		if hours > 23 || minutes > 59 {
			return false
		}
		if offset = hours*60 + minutes; zone[0] == '-' {
			offset = -offset
		}
	}
	if hour > 23 || minute > 59 || second > 60 {
		return false
	}
	const day = 24 * 60
	return second < 60 || (hour*60+minute-offset+day)%day == day-1
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // a pattern has seen to it that these are digits
	return n
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// isDuration holds RFC 3339 appendix A, which is ISO 8601 without fractions.
func isDuration(s string) bool {
	return durationPattern.MatchString(s) && !strings.HasSuffix(s, "T") && s != "P"
}

// isEmail holds a mailbox of RFC 5321 section 4.1.2, without comments and folding.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if !atomPattern.MatchString(local) && !quotedPattern.MatchString(local) {
		return false
	}
	if literal, ok := strings.CutPrefix(domain, "["); ok && strings.HasSuffix(literal, "]") {
		literal = strings.TrimSuffix(literal, "]")
		if v6, ok := strings.CutPrefix(literal, "IPv6:"); ok {
			return isIPv6(v6)
		}
		return isIPv4(literal)
	}
	return isHostname(domain)
}

// isHostname holds RFC 1123 section 2.1; the dot of the root may stand at the end.
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	return len(s) <= 253 && !slices.ContainsFunc(strings.Split(s, "."), func(label string) bool { return !labelPattern.MatchString(label) })
}

func isIPv4(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is4()
}

func isIPv6(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is6() && address.Zone() == ""
}

// isURI holds RFC 3986: absolute, and of its characters alone.
func isURI(s string) bool {
	if !uriPattern.MatchString(s) {
		return false
	}
	parsed, err := url.Parse(s)
	if err != nil || !parsed.IsAbs() {
		return false
	}
	host := parsed.Hostname()
	return !strings.Contains(host, ":") || isIPv6(host) && strings.Contains(parsed.Host, "[")
}

func isBase64(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && !strings.ContainsAny(s, "\r\n")
}
