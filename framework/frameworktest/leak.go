package frameworktest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// minCanary is the least length of a canary in bytes: a shorter one may turn up by chance in an encoded form.
const minCanary = 12

// LeaksNoSecret fails the test when one of the texts (logs, errors, answers, URLs) holds the canary as it is or
// in hex, base64 (also as a part of something longer, such as user:canary), percent or backslash encoding. A test
// configures the canary as the secret, makes calls succeed and fail, and gives all that came out. The failure does
// not tell the canary.
func LeaksNoSecret(tb testing.TB, canary string, texts ...string) {
	tb.Helper()
	if len(canary) < minCanary {
		tb.Fatalf("a canary has at least %d bytes, this one has %d", minCanary, len(canary))
	}
	for i, text := range texts {
		if encoding := leak(canary, text); encoding != "" {
			tb.Errorf("text %d of %d holds the secret in %s", i+1, len(texts), encoding)
		}
	}
}

// leak returns the encoding in which a text holds a canary, or "".
func leak(canary, text string) string {
	folded := strings.ToLower(text)
	for encoding, form := range encodings(canary) {
		found := strings.Contains(text, form)
		if encoding == "hex" || encoding == "percent encoding" { // written in either case
			found = strings.Contains(folded, strings.ToLower(form))
		}
		if found {
			return encoding
		}
	}
	return ""
}

func encodings(canary string) map[string]string {
	quoted := fmt.Sprintf("%q", canary)
	forms := map[string]string{
		"the clear":        canary,
		"hex":              hex.EncodeToString([]byte(canary)),
		"query encoding":   url.QueryEscape(canary),
		"path encoding":    url.PathEscape(canary),
		"percent encoding": percent(canary),
		"backslashes":      quoted[1 : len(quoted)-1],
	}
	for offset := range 3 {
		inner := base64Inner(canary, offset)
		forms[fmt.Sprintf("base64 at offset %d", offset)] = inner
		forms[fmt.Sprintf("URL base64 at offset %d", offset)] = strings.NewReplacer("+", "-", "/", "_").Replace(inner)
	}
	return forms
}

// percent writes every byte as %xx, as some senders do.
func percent(canary string) string {
	var text strings.Builder
	for _, b := range []byte(canary) {
		_, _ = fmt.Fprintf(&text, "%%%02x", b)
	}
	return text.String()
}

// base64Inner returns the characters of a base64 text that are the canary's alone when it stands at a place that
// leaves the offset when divided by three.
func base64Inner(canary string, offset int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + canary))
	first := []int{0, 2, 3}[offset] // characters that hold bits of what stands before
	last := len(encoded)
	if (offset+len(canary))%3 != 0 { // the last one holds bits of what follows
		last--
	}
	return encoded[first:last]
}
