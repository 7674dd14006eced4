package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxEntries is what a part of a manifest holds at most, but for the last one of an hour that somebody else began to seal: with
// the longest keys it is below the 16 MiB that an object may hold.
const maxEntries = 20_000

// minLine is the shortest line of an entry: hash, one digit, time and a key of one byte.
const minLine = 64 + 1 + 1 + 1 + len(timeLayout) + 1 + 1 + 1

// manifest is a part of what was archived in an hour, as text that sh can read:
//
//	funnelweb-manifest 1
//	hour 2026-11-20T12:00:00Z
//	part 1 of 1
//	previous <SHA-256 of the whole manifest before, 64 zeros in the first>
//	objects 1
//	<SHA-256> <bytes> <time> <key>
//	seal <SHA-256 of every line above>
//	signature <fingerprint of the key> <Ed25519 over every line above, in base64>
//
// The last line is there only when manifests are signed.
type manifest struct {
	hour        time.Time
	part, parts int
	previous    Hash
	entries     []Entry
	signer      string // empty when it is not signed
	signature   []byte
}

const magic = "funnelweb-manifest 1\n"

// text is what is sealed: every line but seal and signature.
func (m manifest) text() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, magic+"hour %s\npart %d of %d\nprevious %s\nobjects %d\n", m.hour.Format(time.RFC3339), m.part, m.parts, m.previous, len(m.entries))
	for _, entry := range m.entries {
		entry.appendTo(&text)
	}
	return text.Bytes()
}

// sealed is the text with its seal: what is signed.
func (m manifest) sealed() []byte {
	text := m.text()
	return fmt.Appendf(text, "seal %s\n", Hash(sha256.Sum256(text)))
}

// encode is the whole manifest.
func (m manifest) encode() []byte {
	body := m.sealed()
	if m.signer != "" {
		body = fmt.Appendf(body, "signature %s %s\n", m.signer, base64.StdEncoding.EncodeToString(m.signature))
	}
	return body
}

func (m manifest) key() string {
	return manifestKey(m.hour, m.part)
}

func manifestKey(hour time.Time, part int) string {
	return fmt.Sprintf("%s%s/%04d", manifests, hour.Format(hourLayout), part)
}

// parseManifestKey returns hour and part of a manifest's key.
func parseManifestKey(key string) (hour time.Time, part int, ok bool) {
	hour, tail, ok := parseHour(strings.TrimPrefix(key, manifests))
	part, err := strconv.Atoi(strings.TrimPrefix(tail, "/"))
	return hour, part, ok && err == nil && part > 0 && manifestKey(hour, part) == key
}

// parseManifest reads what encode writes, and nothing else: whatever was changed in it, and not made anew, is seen.
func parseManifest(body []byte) (m manifest, ok bool) {
	lines := reader{rest: string(body)}
	if lines.next() != magic {
		return m, false
	}
	var err error
	if m.hour, err = time.Parse(time.RFC3339, lines.after("hour ")); err != nil {
		return m, false
	}
	part, parts, _ := strings.Cut(lines.after("part "), " of ")
	m.part, m.parts = number(part), number(parts)
	m.previous, _ = ParseHash(lines.after("previous "))
	count := number(lines.after("objects "))
	if count > len(body)/minLine {
		return m, false
	}
	for range count {
		entry, fine := parseEntry(lines.next())
		if !fine {
			return m, false
		}
		m.entries = append(m.entries, entry)
	}
	lines.after("seal ")
	if signature := lines.after("signature "); signature != "" {
		signer, encoded, _ := strings.Cut(signature, " ")
		m.signer = signer
		m.signature, _ = base64.StdEncoding.Strict().DecodeString(encoded)
	}
	return m, bytes.Equal(m.encode(), body)
}

// number is a number of up to seven digits, 0 for anything else.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 9_999_999 {
		return 0
	}
	return n
}

// reader takes a text apart line by line.
type reader struct{ rest string }

func (r *reader) next() string {
	end := strings.IndexByte(r.rest, '\n') + 1
	line := r.rest[:end]
	r.rest = r.rest[end:]
	return line
}

// after returns what of the next line follows a word, or "".
func (r *reader) after(word string) string {
	line, found := strings.CutPrefix(r.next(), word)
	if !found {
		return ""
	}
	return strings.TrimSuffix(line, "\n")
}
