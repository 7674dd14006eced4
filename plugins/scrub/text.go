package scrub

// text takes out of a text what the rules say. When there is nothing it returns the text itself.
func (r rules) text(text []byte, found *counts) (scrubbed []byte, changed bool) {
	// The longer goes before what may be a part of it: a key may hold an account, an account a card.
	scrubbed, keys := r.replaceKeys(text, found)
	scrubbed, accounts := r.replaceAccounts(scrubbed, found)
	scrubbed, numbers := r.replaceNumbers(scrubbed, found)
	scrubbed, patterns := r.replacePatterns(scrubbed, found)
	return scrubbed, keys || accounts || numbers || patterns
}

func (r rules) replaceKeys(text []byte, found *counts) (scrubbed []byte, changed bool) {
	if !r.keys {
		return text, false
	}
	finder, copied := secrets{}, 0
	for at := 0; at < len(text); at++ {
		secret := finder.at(text, at)
		if secret.name == "" {
			continue
		}
		scrubbed = append(append(scrubbed, text[copied:secret.from]...), "["+secret.name+"]"...)
		copied, at = secret.end, secret.end-1
		found.add(secret.name)
	}
	if copied == 0 {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

func (r rules) replaceAccounts(text []byte, found *counts) (scrubbed []byte, changed bool) {
	if !r.iban || !mayHoldAccount(text) {
		return text, false
	}
	copied := 0
	for at := 0; at < len(text); {
		if end := iban(text, at); end > 0 {
			scrubbed = append(append(scrubbed, text[copied:at]...), "[iban]"...)
			copied, at = end, end
			found.add("iban")
			continue
		}
		at += max(1, identifier(text, at))
	}
	if copied == 0 {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

func (r rules) replacePatterns(text []byte, found *counts) (scrubbed []byte, changed bool) {
	for _, pattern := range r.patterns {
		if !pattern.expression.Match(text) {
			continue
		}
		changed = true
		text = pattern.expression.ReplaceAllFunc(text, func([]byte) []byte {
			found.add(pattern.name)
			return pattern.replacement
		})
	}
	return text, changed
}
