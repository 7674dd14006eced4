package scrub

// number is digits as people and programs write them. There is room for one more than a card has, so that the end of a
// card is known.
type number struct {
	count  int
	digits [maxCard + 1]byte
	ends   [maxCard + 1]int   // where in the text each digit ends
	joints [maxCard + 1]joint // what stands behind it
}

// leastGroup is how many digits the first of several groups has at least: three in social security numbers, four in cards.
const leastGroup = 3

// read reads the number whose first digit is at a place. It ends before an identifier, and behind a first group that is too
// small.
func (n *number) read(text []byte, at int) {
	n.count = 0
	for n.count < len(n.digits) {
		if at+1 < len(text) && isDigit(text[at]) && isDigit(text[at+1]) { // as almost always
			n.digits[n.count], n.ends[n.count], n.joints[n.count] = text[at], at+1, tight
			n.count, at = n.count+1, at+1
			continue
		}
		value, width := digit(text[at:])
		at += width
		n.digits[n.count], n.ends[n.count] = value, at
		n.joints[n.count], at = join(text, at)
		n.count++
		if last := n.joints[n.count-1]; last == nothing || last > invisible && n.count < leastGroup {
			break
		}
	}
}

// replaceNumbers takes out cards and social security numbers in one walk. At each run of digits it looks ahead a bounded
// way, so the time is linear in the length of the text, whatever is in it.
func (r rules) replaceNumbers(text []byte, found *counts) (scrubbed []byte, changed bool) {
	if !r.mayHoldNumber(text) {
		return text, false
	}
	copied := 0
	for at := 0; at < len(text); {
		if skip := identifier(text, at); skip > 0 {
			at += skip
			continue
		}
		if width(text[at:]) == 0 {
			at++
			continue
		}
		name, from, end := r.numberAt(text, copied, at)
		if name != "" {
			scrubbed = append(append(scrubbed, text[copied:from]...), "["+name+"]"...)
			copied = end
			found.add(name)
		}
		at = end
	}
	if copied == 0 {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

// numberAt names what a run of digits begins, and where that is; without a name, where the run ends. What stands before
// copied was taken out.
func (r rules) numberAt(text []byte, copied, at int) (name string, from, end int) {
	var n number
	n.read(text, at)
	if name, end := r.name(&n, text[copied:at]); name != "" {
		return name, at, end
	}
	if skip := encoded(text, at); skip > 0 && width(text[at+skip:]) > 0 {
		n.read(text, at+skip)
		if name, end := r.name(&n, nil); name != "" {
			return name, at + skip, end
		}
	}
	for end = at; ; {
		width := width(text[end:])
		if width == 0 {
			return "", at, end
		}
		end += width
	}
}

// name says what a number behind some text is.
func (r rules) name(n *number, before []byte) (name string, end int) {
	if r.cards && !isFraction(before) {
		if end := n.card(leastCard(before)); end > 0 {
			return "card", end
		}
	}
	if r.ssn {
		if end := n.ssn(before); end > 0 {
			return "ssn", end
		}
	}
	return "", 0
}

// encoded returns how many digits at a place belong to a character that is encoded for a URL: the 22 in %224111.
func encoded(text []byte, at int) int {
	switch {
	case at >= 1 && text[at-1] == '%' && at+1 < len(text) && isDigit(text[at+1]):
		return 2
	case at >= 2 && text[at-2] == '%' && isHex(text[at-1]):
		return 1
	default:
		return 0
	}
}

// isFraction reports whether digits behind a text stand behind a decimal point: floating-point numbers in logs have
// 16 digits there, and one in a few dozen would pass for a card.
func isFraction(before []byte) bool {
	n := len(before)
	return n >= 2 && before[n-1] == '.' && isDigit(before[n-2])
}

// mayHoldNumber reports whether a text has enough digits in one place, at a fraction of the cost of looking at them.
func (r rules) mayHoldNumber(text []byte) bool {
	switch {
	case r.ssn:
		return together(text, ssnLength)
	case r.cards:
		return together(text, minCard)
	default:
		return false
	}
}
