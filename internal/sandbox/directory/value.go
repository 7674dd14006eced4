package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// neverExpires is one of the two values of accountExpires that mean never, the other being 0 ([MS-ADA1] 2.1).
const neverExpires = "9223372036854775807"

// epoch is how many seconds FILETIME, which counts 100 ns since 1601-01-01 UTC, is ahead of Unix time.
const epoch = 11_644_473_600

func fileTime(at time.Time) string {
	return strconv.FormatInt((at.Unix()+epoch)*10_000_000+int64(at.Nanosecond())/100, 10)
}

// fromFileTime reads a FILETIME; ok is false for 0 and for what is no number.
func fromFileTime(value string) (at time.Time, ok bool) {
	ticks, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ticks <= 0 {
		return time.Time{}, false
	}
	return time.Unix(ticks/10_000_000-epoch, ticks%10_000_000*100).UTC(), true
}

// generalizedTime is how whenCreated is written.
func generalizedTime(at time.Time) string { return at.UTC().Format("20060102150405.0Z") }

// sidOf makes a binary SID of the authority NT, which has the number 5, of at most 15 numbers ([MS-DTYP] 2.4.2.2).
func sidOf(numbers ...uint32) string {
	raw := []byte{1, byte(len(numbers)), 0, 0, 0, 0, 0, 5} //nolint:gosec // at most 15
	for _, number := range numbers {
		raw = binary.LittleEndian.AppendUint32(raw, number)
	}
	return string(raw)
}

// parseSID reads S-1-5-21-… of the same authority.
func parseSID(value string) (string, bool) {
	rest, ok := strings.CutPrefix(strings.ToUpper(value), "S-1-5-")
	if !ok {
		return "", false
	}
	var numbers []uint32
	for part := range strings.SplitSeq(rest, "-") {
		number, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(numbers) == 15 {
			return "", false
		}
		numbers = append(numbers, uint32(number))
	}
	return sidOf(numbers...), true
}

// guidOf makes an objectGUID that is the same at every start.
func guidOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return string(sum[:16])
}
