package scrub

// A card number has 8 to 19 digits (ISO/IEC 7812-1); those of payment cards in use have 13 or more.
const (
	minCard = 13
	maxCard = 19
)

// maxPhone is how many digits a telephone number has at most (ITU-T E.164).
const maxPhone = 15

// leastCard is how many digits a card behind some text has at least: behind a plus that ends no word fewer digits are a
// telephone number.
func leastCard(before []byte) int {
	n := len(before)
	if n > 0 && before[n-1] == '+' && (n == 1 || !isWord(before[n-2])) {
		return maxPhone + 1
	}
	return minCard
}

// card returns where the longest card ends that a number begins with, of some digits at least, or 0.
func (n *number) card(least int) (end int) {
	for length := min(n.count, maxCard); length >= least; length-- {
		if n.joints[length-1] != tight && n.isPrinted(length) && isCard(n.digits[:length]) {
			return n.ends[length-1]
		}
	}
	return 0
}

// maxGroups is how many groups a card is printed in at most: 4-4-4-4-3 for 19 digits.
const maxGroups = 5

// isPrinted reports whether some digits are grouped as cards are. With spaces and hyphens that is 4-4-4-4, 4-6-5,
// 4-4-4-4-3, 6-13, 4-3-3-3 and the like, or else every list of small numbers would hold cards; with anything else, of which
// programs make dates, versions and paths, exactly what is printed on cards.
func (n *number) isPrinted(length int) bool {
	var sizes [maxGroups]byte
	last, exact := 0, false
	for i, between := range n.joints[:length] {
		sizes[last]++
		if i == length-1 || between <= invisible {
			continue
		}
		exact = exact || between > spaced
		if last++; last == maxGroups {
			return false
		}
	}
	if exact {
		return isForm(sizes)
	}
	if last > 0 && sizes[0] < 4 {
		return false
	}
	for i := 1; i < last; i++ {
		if sizes[i] < 3 {
			return false
		}
	}
	return true
}

// isForm knows the groups that cards are printed in.
func isForm(sizes [maxGroups]byte) bool {
	switch sizes {
	case [maxGroups]byte{4, 4, 4, 4}, [maxGroups]byte{4, 4, 4, 4, 1}, [maxGroups]byte{4, 4, 4, 4, 2}, [maxGroups]byte{4, 4, 4, 4, 3},
		[maxGroups]byte{4, 6, 5}, [maxGroups]byte{4, 6, 4}, [maxGroups]byte{4, 4, 4, 1}, [maxGroups]byte{4, 4, 4, 2},
		[maxGroups]byte{4, 4, 5}, [maxGroups]byte{4, 3, 3, 3}:
		return true
	}
	return false
}

// isCard reports whether digits are the number of a payment card: its length fits an issuer and its check digit is
// right.
func isCard(digits []byte) bool {
	return len(digits) >= minCard && len(digits) <= maxCard && luhn(digits) && issued(digits)
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
	{6000, 6299, 16, 19}, // Discover, RuPay, UnionPay
	{6062, 6062, 13, 19}, // Hipercard
	{6304, 6304, 13, 19}, // Maestro; the rest of 63 is what .NET counts time in, 18 digits, as in the ids of Defender's alerts
	{6331, 6334, 16, 19}, // Maestro
	{6360, 6399, 16, 16}, // InterPayment, InstaPayment
	{6440, 6599, 16, 19}, // Discover, RuPay, Verve
	{6700, 6799, 13, 19}, // Maestro
	{8100, 8299, 16, 19}, // UnionPay, RuPay
	{9792, 9792, 16, 16}, // Troy
}

func issued(digits []byte) bool {
	first := 0
	for _, b := range digits[:4] {
		first = first*10 + int(b-'0')
	}
	for _, issuer := range issuers {
		if issuer.from <= first && first <= issuer.to && issuer.shortest <= len(digits) && len(digits) <= issuer.longest {
			return true
		}
	}
	return false
}
