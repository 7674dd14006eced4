package framework

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// canonical is equal for values that JSON Schema calls equal (core, section 4.2.2): numbers by their value, strings by
// their characters, objects whatever the order of their members. Scalars are their own key, and most are in the canonical form
// as they stand, and then not copied; lists and objects have a digest. A number whose exponent has more digits than can be computed with
// equals what is written as it is. The value began at start and was just read. The scanner reads on where it was.
func (s *scanner) canonical(start int) []byte {
	end := s.at
	value := s.document[start:end]
	switch c := value[0]; {
	case c == '"' && bytes.IndexByte(value, '\\') < 0, c == 't', c == 'f', c == 'n':
		return value
	}
	inside := len(s.digests)
	for inside > 0 && s.digests[inside-1].start >= start {
		inside--
	}
	s.at, s.digested = start, inside
	s.key = s.appendCanonical(s.key[:0])
	s.at, s.digests = end, s.digests[:inside]
	return s.keep(s.key)
}

// digested is a list or an object whose digest is known. The digest of what it is in then need not look inside: else every
// level of nested lists of unique items would read all that is below it again.
type digested struct {
	start, end int
	digest     digest
}

// remember keeps the key of the value that began at start and was just read, if that is a digest. What it contains has been
// forgotten: so the digests are of values that stand one behind the other.
func (s *scanner) remember(start int, key []byte) {
	if c := s.document[start]; c == '[' || c == '{' {
		s.digests = append(s.digests, digested{start, s.at, digest(key[1:])})
	}
}

// isDropped reports whether the member whose name was just read, and that began behind before, is one of those that are removed
// from the document: items that differ in such members alone are equal to whoever gets them.
func (s *scanner) isDropped(before int) bool {
	i, found := slices.BinarySearchFunc(s.dropped, before, func(c cut, at int) int { return cmp.Compare(c.from, at) })
	return found && s.dropped[i].to > s.at // else a comma is removed, and the member stays
}

// roomSize is the room for keys in bytes that is made at once.
const roomSize = 1 << 10

// keep copies a key to where it stays.
func (s *scanner) keep(key []byte) []byte {
	if cap(s.room)-len(s.room) < len(key) {
		s.room = make([]byte, 0, max(roomSize, len(key)))
	}
	start := len(s.room)
	s.room = append(s.room, key...)
	return slices.Clip(s.room[start:])
}

func (s *scanner) appendCanonical(key []byte) []byte {
	switch kind := s.kind(); kind {
	case isNumber:
		return appendNumber(key, s.value())
	case isString:
		text, _ := s.string() // it was read before
		return appendText(key, text)
	case isArray, isObject:
		if s.digested < len(s.digests) && s.digests[s.digested].start == s.at {
			known := &s.digests[s.digested]
			s.at = known.end
			s.digested++
			return appendDigest(key, known.digest)
		}
		if kind == isArray {
			return s.appendItems(key)
		}
		return s.appendMembers(key)
	default:
		return append(key, s.value()...)
	}
}

// appendText quotes with no more escapes than JSON needs.
func appendText(key, text []byte) []byte {
	key, _ = jsontext.AppendQuote(key, text) // the text is valid
	return key
}

// appendNumber writes the key of a decimal. An integer is written without making one.
func appendNumber(key, number []byte) []byte {
	digits, negative := bytes.CutPrefix(number, []byte("-"))
	if !areAll(digits, isDigit) {
		d, ok := parseDecimal(number)
		if !ok {
			return append(append(key, '?'), number...)
		}
		return d.appendKey(key)
	}
	trimmed := bytes.TrimRight(digits, "0")
	if len(trimmed) == 0 {
		return append(key, "e0"...)
	}
	if negative {
		key = append(key, '-')
	}
	key = append(append(key, trimmed...), 'e')
	return strconv.AppendInt(key, int64(len(digits)-len(trimmed)), 10)
}

// digest stands for a list or an object.
type digest [16]byte

// digestKey is random, so that nobody can look for values with the same digest, nor for members whose sum is that of others.
//
//nolint:gochecknoglobals // never changes
var digestKey = newDigestKey()

func newDigestKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // which never fails
	return key
}

func appendDigest(key []byte, d digest) []byte { return append(append(key, '#'), d[:]...) }

// digestOf is that of the rest of key, which begins with digestKey.
func digestOf(rest []byte) digest {
	sum := sha256.Sum256(rest)
	return digest(sum[:])
}

func (s *scanner) appendItems(key []byte) []byte {
	start := len(key)
	key = append(append(key, digestKey[:]...), '[')
	for s.open(); s.next(); {
		key = append(s.appendCanonical(key), ',')
	}
	return appendDigest(key[:start], digestOf(key[start:]))
}

// appendMembers adds the digests of members up, since their order does not matter.
func (s *scanner) appendMembers(key []byte) []byte {
	start := len(key)
	key = append(key, digestKey[:]...)
	inside, high, low := len(key), uint64(0), uint64(0)
	s.open()
	for before := s.at; s.next(); before = s.at {
		if s.isDropped(before) {
			s.value()
			continue
		}
		key = append(appendText(key[:inside], s.top().name), ':')
		member, carry := digestOf(s.appendCanonical(key)[start:]), uint64(0)
		low, carry = bits.Add64(low, binary.BigEndian.Uint64(member[8:]), 0)
		high, _ = bits.Add64(high, binary.BigEndian.Uint64(member[:8]), carry)
	}
	key = append(key[:inside], '{')
	key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(key, high), low)
	return appendDigest(key[:start], digestOf(key[start:]))
}
