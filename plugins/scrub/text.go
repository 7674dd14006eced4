package scrub

// text takes out of a text what the rules say. When there is nothing it returns the text itself.
func (r rules) text(text []byte, found counts) (scrubbed []byte, changed bool) {
	// The longer goes before what may be a part of it: a key may hold an account, an account a card.
	scrubbed, keys := r.replaceKeys(text, found)
	scrubbed, accounts := r.replaceAccounts(scrubbed, found)
	scrubbed, numbers := r.replaceNumbers(scrubbed, found)
	scrubbed, patterns := r.replacePatterns(scrubbed, found)
	return scrubbed, keys || accounts || numbers || patterns
}

func (r rules) replaceKeys(text []byte, found counts) (scrubbed []byte, changed bool) {
	if !r.keys {
		return text, false
	}
	scrubbed, known := replaceEach(text, found, new(secrets).at)
	scrubbed, labelled := replaceLabelled(scrubbed, found)
	return scrubbed, known || labelled
}

func (r rules) replaceAccounts(text []byte, found counts) (scrubbed []byte, changed bool) {
	if !r.iban {
		return text, false
	}
	return replaceEach(text, found, func(text []byte, at int) (string, int) {
		if end := iban(text, at); end > 0 {
			return "iban", end
		}
		return "", at + identifier(text, at)
	})
}

// replaceEach asks at each place whether something begins there that has to go, and where it ends. Without a name it goes
// on at the end.
func replaceEach(text []byte, found counts, find func(text []byte, at int) (name string, end int)) (scrubbed []byte, changed bool) {
	copied := 0
	for at := 0; at < len(text); {
		name, end := find(text, at)
		if name == "" {
			at = max(at+1, end)
			continue
		}
		scrubbed = append(append(scrubbed, text[copied:at]...), "["+name+"]"...)
		copied, at = end, end
		found[name]++
	}
	if copied == 0 {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

func (r rules) replacePatterns(text []byte, found counts) (scrubbed []byte, changed bool) {
	for _, pattern := range r.patterns {
		if !pattern.expression.Match(text) {
			continue
		}
		changed = true
		text = pattern.expression.ReplaceAllFunc(text, func([]byte) []byte {
			found[pattern.name]++
			return pattern.replacement
		})
	}
	return text, changed
}

// replaceNumbers takes out cards and social security numbers in one walk. At each group of digits it looks ahead
// a bounded way, so the time is linear in the length of the text, whatever is in it.
func (r rules) replaceNumbers(text []byte, found counts) (scrubbed []byte, changed bool) {
	if !r.cards && !r.ssn {
		return text, false
	}
	copied := 0
	for at := 0; at < len(text); {
		if skip := identifier(text, at); skip > 0 {
			at += skip
			continue
		}
		if !isDigit(text[at]) {
			at++
			continue
		}
		name, end := r.numberAt(text, copied, at)
		if name != "" {
			scrubbed = append(append(scrubbed, text[copied:at]...), "["+name+"]"...)
			copied = end
			found[name]++
		}
		at = end
	}
	if copied == 0 {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

// numberAt names what begins at a group of digits, and where it ends; without a name, where the group ends. What stands
// before from was taken out.
func (r rules) numberAt(text []byte, from, at int) (name string, end int) {
	g := readGroups(text, at)
	if r.cards && !isFraction(text[from:at]) {
		if end := g.card(); end > 0 {
			return "card", end
		}
	}
	if r.ssn && g.isSSN() {
		return "ssn", g.ends[2]
	}
	for end = at; end < len(text) && isDigit(text[end]); end++ {
	}
	return "", end
}

// isFraction reports whether digits behind a text stand behind a decimal point: floating-point numbers in logs have
// 16 digits there, and one in a few dozen would pass for a card.
func isFraction(before []byte) bool {
	n := len(before)
	return n >= 2 && before[n-1] == '.' && isDigit(before[n-2])
}

// maxGroups is how many groups a number is written in at most: 4-4-4-4-3 for a card of 19 digits.
const maxGroups = 5

// groups are digits as people write them: in groups, with one separator between each two.
type groups struct {
	count  int
	sizes  [maxGroups]int
	ends   [maxGroups]int // where in the text each group ends
	digits [maxCard]byte  // of all groups together
	total  int            // how many digits there are
}

// readGroups reads groups for as long as they have no more digits than a card, and stops before an identifier.
func readGroups(text []byte, at int) groups {
	var g groups
	for g.count < maxGroups {
		start := at
		for at < len(text) && isDigit(text[at]) && at-start <= maxCard {
			at++
		}
		if at == start || g.total+at-start > maxCard {
			break
		}
		g.total += copy(g.digits[g.total:], text[start:at])
		g.sizes[g.count], g.ends[g.count] = at-start, at
		g.count++
		step := separator(text[at:])
		if step == 0 || identifier(text, at+step) > 0 {
			break
		}
		at += step
	}
	return g
}

// separator returns the length of the separator at the start of a text, or 0: a space, a hyphen, or what word
// processors make of them.
func separator(text []byte) int {
	if len(text) > 0 && (text[0] == ' ' || text[0] == '-') {
		return 1
	}
	if len(text) >= 2 && string(text[:2]) == "\u00a0" { // no-break space
		return 2
	}
	if len(text) < 3 {
		return 0
	}
	switch string(text[:3]) {
	case "\u2007", "\u2009", "\u202f", // figure, thin and narrow no-break space
		"\u2010", "\u2011", "\u2012", "\u2013", "\u2212": // hyphens, dashes, minus
		return 3
	}
	return 0
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

func isWord(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z' }
