package hmac

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What a template may hold.
const (
	bodyField      = "{body}"
	timestampField = "{timestamp}"
)

// template is the signed text: literals and fields in turn.
type template []string

// parseTemplate wants {body} once and {timestamp} once if a time is signed, in any order, and nothing else in braces.
func parseTemplate(text string, timestamped bool) (template, error) {
	times := strings.Count(text, timestampField)
	switch {
	case strings.Count(text, bodyField) != 1:
		return nil, errors.New("signed: {body} is needed, once: what is not signed can be anything")
	case timestamped && times != 1:
		return nil, errors.New("signed: {timestamp} is needed, once: a time that is not signed proves nothing")
	case !timestamped && times != 0:
		return nil, errors.New("signed: {timestamp} needs a timestamp_header")
	}
	var parts template
	at := 0
	for _, match := range regexp.MustCompile(`\{[^{}]*\}`).FindAllStringIndex(text, -1) {
		field := text[match[0]:match[1]]
		if field != bodyField && field != timestampField {
			return nil, errors.New("signed: may hold {body} and {timestamp}, nothing else in braces")
		}
		parts = append(parts, text[at:match[0]], field)
		at = match[1]
	}
	return append(parts, text[at:]), nil
}

// write gives the signed text to a hash.
func (t template) write(mac hash.Hash, timestamp string, body []byte) {
	for _, part := range t {
		switch part {
		case bodyField:
			_, _ = mac.Write(body)
		case timestampField:
			_, _ = mac.Write([]byte(timestamp))
		default:
			_, _ = mac.Write([]byte(part))
		}
	}
}

// sent is what the headers say.
type sent struct {
	signatures [][]byte
	timestamp  string // as it was written, and so signed
	time       time.Time
}

// reader takes the headers apart; it reports whether they are of the agreed form. A header that is there twice is not:
// a proxy in front may have looked at the other one.
type reader func(http.Header) (sent, bool)

func newReader(c Config) (reader, error) {
	decode, err := encoding(c.Encoding)
	if err != nil {
		return nil, err
	}
	header, timeHeader := http.CanonicalHeaderKey(c.Header), http.CanonicalHeaderKey(c.TimestampHeader)
	if c.Preset == stripeHeader {
		return func(h http.Header) (sent, bool) { return readList(only(h[header]), decode) }, nil
	}
	return func(h http.Header) (sent, bool) {
		encoded, prefixed := strings.CutPrefix(only(h[header]), c.Prefix)
		signature, err := decode(encoded)
		s := sent{signatures: [][]byte{signature}}
		if !prefixed || err != nil || len(signature) == 0 {
			return s, false
		}
		return s, timeHeader == "" || s.readTime(only(h[timeHeader]))
	}, nil
}

func encoding(name string) (func(string) ([]byte, error), error) {
	switch name {
	case "", "hex":
		return hex.DecodeString, nil
	case "base64":
		return base64.StdEncoding.Strict().DecodeString, nil
	default:
		return nil, errors.New("encoding: one of hex, base64")
	}
}

func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// maxListed bounds the entries of a list: each signature costs a comparison for each secret.
const maxListed = 16

// readList reads t=TIME,v1=SIGNATURE,v1=SIGNATURE, with or without spaces behind the commas: a proxy may write a list so
// (RFC 9110 section 5.6.1). Entries of other names, such as the v0 of Stripe's tests, count for nothing.
func readList(value string, decode func(string) ([]byte, error)) (sent, bool) {
	var s sent
	timed := false
	entries := strings.SplitN(value, ",", maxListed+1)
	if len(entries) > maxListed {
		return s, false
	}
	for _, entry := range entries {
		name, value, _ := strings.Cut(strings.Trim(entry, " \t"), "=")
		switch name {
		case "t":
			if timed || !s.readTime(value) {
				return s, false
			}
			timed = true
		case "v1":
			signature, err := decode(value)
			if err != nil || len(signature) == 0 {
				return s, false
			}
			s.signatures = append(s.signatures, signature)
		}
	}
	return s, timed && len(s.signatures) > 0
}

// writtenTime is seconds since 1970, to the microsecond as Python writes them or whole, or whole milliseconds.
var writtenTime = regexp.MustCompile(`^([0-9]{1,11})(\.[0-9]{1,9})?$|^[0-9]{13}$`)

// readTime reads the time and reports whether it is one.
func (s *sent) readTime(written string) bool {
	match := writtenTime.FindStringSubmatch(written)
	switch {
	case match == nil:
		return false
	case match[1] == "":
		milliseconds, err := strconv.ParseInt(written, 10, 64)
		s.timestamp, s.time = written, time.UnixMilli(milliseconds)
		return err == nil
	default: // a fraction of a second counts for nothing beside any tolerance
		seconds, err := strconv.ParseInt(match[1], 10, 64)
		s.timestamp, s.time = written, time.Unix(seconds, 0)
		return err == nil
	}
}
