package archive

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a key in bytes. S3 takes 1,024 with the configured prefix; file systems take names of 255.
const (
	maxKey    = 512
	maxPart   = 255
	maxPrefix = 256
)

// Errors of a key. None quotes it: a key may be made of what came from outside.
var (
	errKeyLength = errors.New("a key has 1 to 512 bytes and parts of at most 255")
	errKeyPart   = errors.New(`the parts of a key are not empty, "." or ".."`)
	errKeyByte   = errors.New("a key is made of letters, digits, - _ . = + and slashes")
)

// checkKey returns nil for a key that every store takes.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return errKeyLength
	}
	for part := range strings.SplitSeq(key, "/") {
		if err := checkPart(part); err != nil {
			return err
		}
	}
	return nil
}

func checkPart(part string) error {
	switch {
	case part == "" || part == "." || part == "..":
		return errKeyPart
	case len(part) > maxPart:
		return errKeyLength
	}
	for i := range len(part) {
		if !keyByte(part[i]) {
			return errKeyByte
		}
	}
	return nil
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.=+", c) >= 0
}

// checkBound returns nil for the beginning of a key: a prefix or an end of a range. It may be empty, and its last
// part may be cut off anywhere.
func checkBound(name, bound string) error {
	folders, last := splitBound(bound)
	if len(bound) > maxKey {
		return fmt.Errorf("%s: %w", name, errKeyLength)
	}
	if folders != "" {
		if err := checkKey(strings.TrimSuffix(folders, "/")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i := range len(last) {
		if !keyByte(last[i]) {
			return fmt.Errorf("%s: %w", name, errKeyByte)
		}
	}
	return nil
}

// splitBound cuts after the last slash.
func splitBound(bound string) (folders, last string) {
	cut := strings.LastIndexByte(bound, '/') + 1
	return bound[:cut], bound[cut:]
}

// span is what a List asks for: keys with the prefix that are >= from and < to.
type span struct {
	prefix, from, to string // to is empty when unbounded
	empty            bool   // no key can be in it
}

// newSpan checks the three and makes the prefix as long as the range allows: all keys between two strings begin
// with what these have in common.
func newSpan(prefix, from, to string) (span, error) {
	bounds := []struct{ name, value string }{{"prefix", prefix}, {"from", from}, {"to", to}}
	for _, bound := range bounds {
		if err := checkBound(bound.name, bound.value); err != nil {
			return span{}, err
		}
	}
	s := span{prefix: prefix, from: from, to: to}
	if to == "" {
		return s, nil
	}
	shared := from[:sharedLength(from, to)]
	switch {
	case from >= to:
		s.empty = true
	case strings.HasPrefix(shared, prefix):
		s.prefix = shared
	case !strings.HasPrefix(prefix, shared):
		s.empty = true
	}
	return s, nil
}

func sharedLength(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// has reports whether a key is in the span.
func (s span) has(key string) bool {
	return strings.HasPrefix(key, s.prefix) && key >= s.from && !s.after(key)
}

// after reports whether a key, and so every later one, is behind the range.
func (s span) after(key string) bool { return s.to != "" && key >= s.to }

// mayHold reports whether a folder, written with its slash, can hold keys of the span.
func (s span) mayHold(folder string) bool {
	if !strings.HasPrefix(folder, s.prefix) && !strings.HasPrefix(s.prefix, folder) {
		return false
	}
	return !s.after(folder) && (folder >= s.from || strings.HasPrefix(s.from, folder))
}
