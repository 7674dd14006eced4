package framework

import (
	"encoding/base64"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"time"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// stringFormat returns the check of a format keyword of JSON Schema 2020-12 (validation vocabulary, section 7.3).
func stringFormat(name string) (valid func(string) bool, known bool) {
	switch name {
	case "date-time": // RFC 3339 section 5.6
		return func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil }, true
	case "date":
		return func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }, true
	case "email":
		return func(s string) bool { a, err := mail.ParseAddress(s); return err == nil && a.Name == "" }, true
	case "uri":
		return func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() }, true
	case "uuid":
		return uuidPattern.MatchString, true
	case "ipv4":
		return func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }, true
	case "ipv6":
		return func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" }, true
	case "ip":
		return func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }, true
	default:
		return nil, false
	}
}

func isBase64(s string) bool { _, err := base64.StdEncoding.DecodeString(s); return err == nil }
