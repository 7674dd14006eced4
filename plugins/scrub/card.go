package scrub

import "strconv"

// A card number has 8 to 19 digits (ISO/IEC 7812-1); those of payment cards in use have 13 or more.
const (
	minCard = 13
	maxCard = 19
)

// card returns where the longest card that begins with the first group ends, or 0.
func (g *groups) card() int {
	total := g.total
	for last := g.count - 1; last >= 0; last-- {
		if g.printed(last) && isCard(g.digits[:total]) {
			return g.ends[last]
		}
		total -= g.sizes[last]
	}
	return 0
}

// printed reports whether the groups up to last are ones that card numbers are written in: 4-4-4-4, 4-6-5, 4-4-4-4-3,
// 6-13, 4-3-3-3 and the like. Else every list of small numbers would hold cards.
func (g *groups) printed(last int) bool {
	if last > 0 && g.sizes[0] < 4 {
		return false
	}
	for i := 1; i < last; i++ {
		if g.sizes[i] < 3 {
			return false
		}
	}
	return true
}

// isCard reports whether digits are the number of a payment card: its length fits an issuer and its check digit is
// right.
func isCard(digits []byte) bool {
	return len(digits) >= minCard && len(digits) <= maxCard && issued(digits) && luhn(digits)
}

// luhn checks the last digit by the formula of ISO/IEC 7812-1 annex B.
func luhn(digits []byte) bool {
	sum := 0
	for i, b := range digits {
		digit := int(b - '0')
		if (len(digits)-i)%2 == 0 {
			digit *= 2
			if digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}

// issuers are ranges of the first four digits with the lengths that numbers in them have, after the list of issuer
// identification numbers in "Payment card number" (Wikipedia, read 2026-11). Ranges that issuers share are joined.
//
//nolint:gochecknoglobals // a table that does not change
var issuers = []struct{ from, to, shortest, longest int }{
	{2200, 2204, 16, 19}, // Mir
	{2221, 2720, 16, 16}, // Mastercard
	{3000, 3059, 14, 19}, // Diners Club
	{3095, 3095, 14, 19}, // Diners Club
	{3400, 3499, 15, 15}, // American Express
	{3528, 3589, 16, 19}, // JCB
	{3600, 3699, 14, 19}, // Diners Club
	{3700, 3799, 15, 15}, // American Express
	{3800, 3999, 14, 19}, // Diners Club
	{4000, 4999, 13, 13}, // Visa
	{4000, 4999, 16, 16}, // Visa
	{4000, 4999, 18, 19}, // Visa
	{5000, 5099, 13, 19}, // Maestro, RuPay, Verve, Elo
	{5100, 5599, 16, 16}, // Mastercard
	{5600, 5899, 13, 19}, // Maestro
	{6000, 6999, 13, 19}, // Discover, UnionPay, Maestro, RuPay
	{8100, 8299, 16, 19}, // UnionPay, RuPay
	{9792, 9792, 16, 16}, // Troy
}

func issued(digits []byte) bool {
	first, err := strconv.Atoi(string(digits[:4]))
	if err != nil {
		return false
	}
	for _, issuer := range issuers {
		if issuer.from <= first && first <= issuer.to && issuer.shortest <= len(digits) && len(digits) <= issuer.longest {
			return true
		}
	}
	return false
}

// isSSN reports whether the first groups are a social security number that can have been given out: not area 000, 666
// or 900 to 999, not group 00, not serial 0000 (Social Security Administration, POMS RM 10201.035).
func (g *groups) isSSN() bool {
	if g.count < 3 || g.sizes[0] != 3 || g.sizes[1] != 2 || g.sizes[2] != 4 {
		return false
	}
	area, group, serial := string(g.digits[:3]), string(g.digits[3:5]), string(g.digits[5:9])
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}
