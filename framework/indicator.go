package framework

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Kind says what an Indicator is.
type Kind string

// The kinds of indicator.
const (
	IP     Kind = "ip"
	Domain Kind = "domain"
	URL    Kind = "url"
	Email  Kind = "email"
	MD5    Kind = "md5"
	SHA1   Kind = "sha1"
	SHA256 Kind = "sha256"
	User   Kind = "user"
	Host   Kind = "host"
)

// Kinds returns every kind, in the order in which people are shown them.
func Kinds() []Kind {
	return []Kind{IP, Domain, URL, Email, MD5, SHA1, SHA256, User, Host}
}

// maxIndicator bounds a value in bytes: the longest kind is a URL, and browsers stop near 2,000.
const maxIndicator = 2048

var (
	// A DNS name as RFC 1123 section 2.1 writes it, with at least two labels; underscores occur in practice.
	domainPattern = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)
	hostPattern   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?\$?$`)
	hexPattern    = regexp.MustCompile(`^[0-9a-f]+$`)
	// What stands before the @ of an address, unquoted: a dot-atom (RFC 5322 section 3.2.3, RFC 6532 for what is not
	// ASCII), of at most 64 bytes (RFC 5321 section 4.5.3.1.1).
	mailboxPattern = regexp.MustCompile("^[^\\s\"(),.:;<>@\\[\\]\\\\]+(\\.[^\\s\"(),.:;<>@\\[\\]\\\\]+)*$")
)

// ErrIndicator is wrapped by every error of ParseIndicator.
var ErrIndicator = errors.New("not an indicator of this kind")

// Indicator is something an outside source can be asked about: a kind and a value in normal form.
type Indicator struct {
	Kind  Kind   `json:"kind" doc:"What the value is" enum:"ip,domain,url,email,md5,sha1,sha256,user,host"`
	Value string `json:"value" doc:"The value in normal form" maxLength:"2048"`
}

// String writes the indicator as kind:value.
func (i Indicator) String() string { return string(i.Kind) + ":" + i.Value }

// ParseIndicator normalises a value of a kind: case, spaces and trailing dots that carry no meaning
// go, and what is not of that kind is refused with ErrIndicator. The error does not quote the value.
func ParseIndicator(kind Kind, value string) (Indicator, error) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > maxIndicator || strings.ContainsFunc(value, isControl) {
		return Indicator{}, fmt.Errorf("%s: %w: empty, too long or with control characters", kind, ErrIndicator)
	}
	normal, ok := normalise(kind, value)
	if !ok {
		return Indicator{}, fmt.Errorf("%s: %w", kind, ErrIndicator)
	}
	return Indicator{Kind: kind, Value: normal}, nil
}

// isControl also knows format characters, such as those that turn the direction of a text, and broken UTF-8: none of
// them is part of an indicator, and each can make it look like another.
func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

func normalise(kind Kind, value string) (string, bool) {
	switch kind {
	case IP:
		address, err := netip.ParseAddr(value)
		return address.Unmap().WithZone("").String(), err == nil
	case Domain:
		return normaliseDomain(value)
	case URL:
		return normaliseURL(value)
	case Email:
		at := strings.LastIndexByte(value, '@')
		if at < 1 || at > 64 || !mailboxPattern.MatchString(value[:at]) {
			return "", false
		}
		domain, ok := normaliseDomain(value[at+1:])
		return value[:at+1] + domain, ok
	case MD5, SHA1, SHA256:
		value = strings.ToLower(value)
		return value, len(value) == hashLength(kind) && hexPattern.MatchString(value)
	case User:
		return value, len(value) <= 256
	case Host:
		value = strings.TrimSuffix(value, ".")
		return strings.ToLower(value), hostPattern.MatchString(value)
	default:
		return "", false
	}
}

func hashLength(kind Kind) int {
	switch kind {
	case MD5:
		return 32
	case SHA1:
		return 40
	default:
		return 64
	}
}

func normaliseDomain(value string) (string, bool) {
	if strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", false // lower case turns some letters into ASCII
	}
	value = strings.ToLower(strings.TrimSuffix(value, "."))
	return value, len(value) <= 253 && domainPattern.MatchString(value)
}

func normaliseURL(value string) (string, bool) {
	parsed, err := url.Parse(value)
	if err != nil || parsed.Hostname() == "" || !slices.Contains([]string{"http", "https", "ftp"}, parsed.Scheme) {
		return "", false
	}
	parsed.Host = strings.ToLower(parsed.Host)
	normal := parsed.String()
	return normal, len(normal) <= maxIndicator
}
