package framework

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// The bounds of a number that is looked at: beyond float64 in either direction nothing that we store can hold it, and a
// number of a million digits must not cost what it could.
const (
	maxExponent = 400
	maxDigits   = 400
)

// decimal is a JSON number in exact normal form: digits without zeros at either end, times ten to the power of exponent.
type decimal struct {
	negative bool
	digits   string // empty for zero
	exponent int
}

// parseDecimal reads a number that the decoder has accepted; ok is false for one beyond the bounds.
func parseDecimal(number []byte) (d decimal, ok bool) {
	mantissa, power, scientific := bytes.Cut(bytes.ToLower(number), []byte("e"))
	if scientific {
		exponent, err := strconv.Atoi(string(power))
		if err != nil || exponent > maxExponent || exponent < -maxExponent {
			return decimal{}, false
		}
		d.exponent = exponent
	}
	text, negative := strings.CutPrefix(string(mantissa), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	d.digits = strings.TrimLeft(whole+fraction, "0")
	d.exponent -= len(fraction)
	trimmed := strings.TrimRight(d.digits, "0")
	d.exponent += len(d.digits) - len(trimmed)
	d.digits = trimmed
	if d.digits == "" {
		return decimal{}, true
	}
	d.negative = negative
	return d, len(d.digits) <= maxDigits && d.exponent <= maxExponent && d.exponent >= -2*maxExponent
}

// decimalOf is the number that a float64 is published as.
func decimalOf(f float64) decimal {
	d, _ := parseDecimal(strconv.AppendFloat(nil, f, 'e', -1, 64))
	return d
}

// isInteger reports whether the number has no fraction.
func (d decimal) isInteger() bool { return d.exponent >= 0 }

// key is equal for equal numbers.
func (d decimal) key() string {
	sign := ""
	if d.negative {
		sign = "-"
	}
	return sign + d.digits + "e" + strconv.Itoa(d.exponent)
}

// scaled is the number as an integer of units of ten to the power of exponent, which must not be above the number's own.
func (d decimal) scaled(exponent int) *big.Int {
	n, _ := new(big.Int).SetString("0"+d.digits, 10)
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.exponent-exponent)), nil))
	if d.negative {
		n.Neg(n)
	}
	return n
}

// compare is negative when d < other, 0 when they are equal, positive when d > other.
func (d decimal) compare(other decimal) int {
	exponent := min(d.exponent, other.exponent)
	return d.scaled(exponent).Cmp(other.scaled(exponent))
}

// isMultipleOf reports whether d is a whole number of times another, which is not zero.
func (d decimal) isMultipleOf(other decimal) bool {
	exponent := min(d.exponent, other.exponent)
	return new(big.Int).Rem(d.scaled(exponent), other.scaled(exponent)).Sign() == 0
}
