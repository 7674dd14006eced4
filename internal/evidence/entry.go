package evidence

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is an object as it was put.
type Entry struct {
	Key      string    `json:"key"`
	SHA256   Hash      `json:"sha256"`
	Size     int64     `json:"size"`      // bytes
	StoredAt time.Time `json:"stored_at"` // to the millisecond
}

// Hash is a SHA-256.
type Hash [32]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// ParseHash reads 64 hexadecimal digits in lower case.
func ParseHash(text string) (h Hash, ok bool) {
	if len(text) != 2*len(h) || strings.ToLower(text) != text {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// maxLine bounds a line of an entry in bytes.
const maxLine = 700

// appendTo writes the line of an entry: hash, size, time and key, with a space between them and none in them.
func (e Entry) appendTo(to *bytes.Buffer) {
	fmt.Fprintf(to, "%s %d %s %s\n", e.SHA256, e.Size, e.StoredAt.UTC().Format(timeLayout), e.Key)
}

// parseEntry reads a line as appendTo writes it, and nothing else.
func parseEntry(line string) (Entry, bool) {
	line, ended := strings.CutSuffix(line, "\n")
	parts := strings.Split(line, " ")
	if !ended || len(line) > maxLine || len(parts) != 4 {
		return Entry{}, false
	}
	hash, hashOK := ParseHash(parts[0])
	size, sizeErr := strconv.ParseInt(parts[1], 10, 64)
	at, timeErr := time.Parse(timeLayout, parts[2])
	entry := Entry{Key: parts[3], SHA256: hash, Size: size, StoredAt: at}
	canonical := strconv.FormatInt(size, 10) == parts[1] && at.Format(timeLayout) == parts[2]
	return entry, hashOK && sizeErr == nil && size >= 0 && timeErr == nil && canonical && isKey(entry.Key) && !isOwn(entry.Key)
}

// isKey reports whether a text is a key of the archive.
func isKey(key string) bool {
	if key == "" || len(key) > 512 {
		return false
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(key, isForeign)
}

// isForeign reports whether a rune is in no key.
func isForeign(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-_.=+/", r)
}

// inOrder sorts entries by key and leaves out what was entered again: of an object that was put several times, the first time counts.
func inOrder(entries []Entry) []Entry {
	slices.SortFunc(entries, func(a, b Entry) int {
		if by := strings.Compare(a.Key, b.Key); by != 0 {
			return by
		}
		if by := bytes.Compare(a.SHA256[:], b.SHA256[:]); by != 0 {
			return by
		}
		return a.StoredAt.Compare(b.StoredAt)
	})
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.Key == b.Key && a.SHA256 == b.SHA256 })
}
