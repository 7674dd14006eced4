package framework

import (
	"bytes"
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// maxExponent bounds the exponents that are computed with. It is beyond what any document has digits for, and far from where
// sums of such numbers would overflow.
const maxExponent = 1 << 60

// decimal is a JSON number in exact normal form: digits without zeros at either end, times ten to the power of exponent. What is
// done with it costs no more than it has digits, whatever its exponent.
type decimal struct {
	negative bool
	digits   string // empty for zero
	exponent int
}

// parseDecimal reads a number that the decoder has accepted; ok is false for one whose exponent cannot be computed with.
func parseDecimal(number []byte) (d decimal, ok bool) {
	mantissa, power := number, []byte("0")
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		mantissa, power = number[:e], number[e+1:]
	}
	text, negative := bytes.CutPrefix(mantissa, []byte("-"))
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	digits := string(text)
	if len(fraction) > 0 {
		digits = string(whole) + string(fraction)
	}
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return decimal{}, true
	}
	exponent, err := strconv.Atoi(string(power))
	if err != nil || exponent > maxExponent || exponent < -maxExponent {
		return decimal{}, false
	}
	return decimal{negative, trimmed, exponent - len(fraction) + len(digits) - len(trimmed)}, true
}

// decimalOf is the number that a float64 is published as. It has 17 digits at most.
func decimalOf(f float64) decimal {
	d, _ := parseDecimal(strconv.AppendFloat(nil, f, 'e', -1, 64))
	return d
}

// isInteger reports whether the number has no fraction.
func (d decimal) isInteger() bool { return d.exponent >= 0 }

// appendKey appends what is equal for equal numbers.
func (d decimal) appendKey(key []byte) []byte {
	if d.negative {
		key = append(key, '-')
	}
	return strconv.AppendInt(append(append(key, d.digits...), 'e'), int64(d.exponent), 10)
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

// compare is negative when d < other, 0 when they are equal, positive when d > other.
func (d decimal) compare(other decimal) int {
	sign := d.sign()
	if sign != other.sign() || sign == 0 {
		return cmp.Compare(sign, other.sign())
	}
	order := cmp.Compare(d.exponent+len(d.digits), other.exponent+len(other.digits)) // where the first digit stands
	return sign * cmp.Or(order, strings.Compare(d.digits, other.digits))
}

// isMultipleOf reports whether d is a whole number of times another, which is that of a float64 and not zero.
func (d decimal) isMultipleOf(other decimal) bool {
	tens := d.exponent - other.exponent
	modulus, err := strconv.ParseUint(other.digits, 10, 64)
	switch {
	case d.digits == "":
		return true
	case tens < 0 || err != nil: // as an integer of the smaller unit, d does not end in 0, and the other does
		return false
	}
	rest := uint64(0)
	for _, digit := range []byte(d.digits) {
		rest = (mulMod(rest, 10, modulus) + uint64(digit-'0')) % modulus
	}
	return mulMod(rest, powerMod(10, tens, modulus), modulus) == 0
}

// mulMod is a·b modulo m.
func mulMod(a, b, m uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return bits.Rem64(high, low, m)
}

// powerMod is base to the power of exponent, modulo m, by squaring.
func powerMod(base uint64, exponent int, m uint64) uint64 {
	power := 1 % m
	for ; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			power = mulMod(power, base, m)
		}
		base = mulMod(base, base, m)
	}
	return power
}
