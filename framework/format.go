package framework

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The formats of JSON Schema 2020-12 (validation vocabulary, section 7.3) that a string may have.
var (
	durationPattern = regexp.MustCompile(`^P([0-9]+W|([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$`)
	quotedPattern   = regexp.MustCompile(`^"[ !#-\[\]-~]*"$`)
)

// stringFormat returns the check of a format, or false for one that is not enforced.
func stringFormat(name string) (valid func([]byte) bool, known bool) {
	valid, known = map[string]func([]byte) bool{
		"date-time": isDateTime, "date": isDate, "duration": isDuration, "email": isEmail, "hostname": isHostname,
		"ipv4": isIPv4, "ipv6": isIPv6, "ip": func(s []byte) bool { return isIPv4(s) || isIPv6(s) },
		"uri": isURI, "uuid": isUUID,
	}[name]
	return valid, known
}

// isDate holds a day of RFC 3339 section 5.6 that there is.
func isDate(s []byte) bool {
	if !hasForm(s, "0000-00-00") {
		return false
	}
	year, month, day := number(s[:2])*100+number(s[2:4]), number(s[5:7]), number(s[8:10])
	return month >= 1 && month <= 12 && day >= 1 && day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// isDuration holds RFC 3339 appendix A, which is ISO 8601 without fractions.
func isDuration(s []byte) bool {
	return durationPattern.Match(s) && s[len(s)-1] != 'T' && len(s) > 1
}

// isEmail holds a mailbox of RFC 5321 section 4.1.2, without comments and folding.
func isEmail(s []byte) bool {
	at := bytes.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if !isDotAtom(local) && !quotedPattern.Match(local) {
		return false
	}
	if literal, ok := bytes.CutPrefix(domain, []byte("[")); ok && bytes.HasSuffix(literal, []byte("]")) {
		literal = literal[:len(literal)-1]
		if v6, ok := bytes.CutPrefix(literal, []byte("IPv6:")); ok {
			return isIPv6(v6)
		}
		return isIPv4(literal)
	}
	return isHostname(domain)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }

// isAtom knows the characters of an atom (RFC 5322 section 3.2.3).
func isAtom(c byte) bool { return isAlphanumeric(c) || isOneOf(c, atomLow, atomHigh) }

// Sets of punctuation: the bits of the characters below 64, and of those from 64 on.
const (
	atomLow  = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'/' | 1<<'=' | 1<<'?'
	atomHigh = 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('{'-64) | 1<<('|'-64) | 1<<('}'-64) | 1<<('~'-64)
	pathLow  = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' | 1<<'-' | 1<<'.' | 1<<'/' |
		1<<':' | 1<<';' | 1<<'=' | 1<<'?'
	pathHigh = 1<<('@'-64) | 1<<('_'-64) | 1<<('~'-64)
)

func isOneOf(c byte, low, high uint64) bool {
	return c < 64 && low>>c&1 != 0 || c >= 64 && c < 128 && high>>(c-64)&1 != 0
}

func isInLabel(c byte) bool { return isAlphanumeric(c) || c == '-' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isDotAtom(s []byte) bool {
	for more := true; more; {
		var atom []byte
		atom, s, more = bytes.Cut(s, []byte("."))
		if len(atom) == 0 || !areAll(atom, isAtom) {
			return false
		}
	}
	return true
}

func areAll(s []byte, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

// isHostname holds RFC 1123 section 2.1; the dot of the root may stand at the end.
func isHostname(s []byte) bool {
	s = bytes.TrimSuffix(s, []byte("."))
	if len(s) > 253 {
		return false
	}
	for more := true; more; {
		var label []byte
		label, s, more = bytes.Cut(s, []byte("."))
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || !areAll(label, isInLabel) {
			return false
		}
	}
	return true
}

// isUUID holds RFC 9562 section 4.
func isUUID(s []byte) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && s[i] != '-' || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isIPv4 holds RFC 2673 section 3.2, without zeros in front.
func isIPv4(s []byte) bool {
	parts := 0
	for more := true; more; parts++ {
		var part []byte
		part, s, more = bytes.Cut(s, []byte("."))
		if len(part) < 1 || len(part) > 3 || !areAll(part, isDigit) || part[0] == '0' && len(part) > 1 {
			return false
		}
		if len(part) == 3 && string(part) > "255" {
			return false
		}
	}
	return parts == 4
}

func isIPv6(s []byte) bool {
	address, err := netip.ParseAddr(string(s))
	return err == nil && address.Is6() && address.Zone() == ""
}

// isURI holds RFC 3986: absolute, and of its characters alone.
func isURI(s []byte) bool {
	scheme, rest, ok := bytes.Cut(s, []byte(":"))
	if !ok || len(scheme) == 0 || !isLetter(scheme[0]) || !areAll(scheme, isInScheme) {
		return false
	}
	if isPlain(rest) {
		return true
	}
	if !areAll(rest, isInURI) {
		return false
	}
	parsed, err := url.Parse(string(s))
	if err != nil || !parsed.IsAbs() {
		return false
	}
	host := parsed.Hostname()
	return !strings.Contains(host, ":") || isIPv6([]byte(host)) && strings.Contains(parsed.Host, "[")
}

func isInScheme(c byte) bool { return isAlphanumeric(c) || c == '+' || c == '.' || c == '-' }

func isInURI(c byte) bool { return isInPath(c) || c == '[' || c == ']' || c == '%' }

// isInPath knows the characters that stand for themselves behind the host.
func isInPath(c byte) bool { return isAlphanumeric(c) || isOneOf(c, pathLow, pathHigh) }

// isPlain knows most URIs without taking them apart: a host of letters, digits, dots and hyphens, and behind it nothing
// that is escaped.
func isPlain(rest []byte) bool {
	host, ok := bytes.CutPrefix(rest, []byte("//"))
	end := 0
	for end < len(host) && (isInLabel(host[end]) || host[end] == '.') {
		end++
	}
	return ok && end > 0 && (end == len(host) || host[end] == '/') && areAll(host[end:], isInPath)
}

func isBase64(s []byte) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(string(s))
	return err == nil && !bytes.ContainsAny(s, "\r\n")
}
