package scrub

// uuidLength is that of the text form of a UUID (RFC 9562 section 4): 8-4-4-4-12 hexadecimal digits.
const uuidLength = 36

// maxDigest is the length of the longest digest that is left alone, in hexadecimal digits: SHA-512.
const maxDigest = 128

// identifier returns the length of the UUID, digest or security identifier that begins at a place, or 0. Their digits
// are random: one in some tens of thousands holds what looks like a card, and an analyst who looks for a file by its hash
// must not find it altered. One that has no letter is not taken for an identifier.
func identifier(text []byte, at int) int {
	if at >= len(text) || at > 0 && isWord(text[at-1]) {
		return 0
	}
	text = text[at:]
	if text[0]|0x20 == 's' {
		return sid(text)
	}
	if !isHex(text[0]) {
		return 0
	}
	length := uuid(text)
	if length == 0 {
		length = digest(text)
	}
	if length == 0 || length < len(text) && isWord(text[length]) {
		return 0
	}
	for _, b := range text[:length] {
		if isHex(b) && !isDigit(b) {
			return length
		}
	}
	return 0
}

// sid is how Windows names accounts and groups, S-1-5-21-3623811015-3361044348-30300820-1013 ([MS-DTYP] 2.4.2.1).
func sid(text []byte) int {
	if !hasPrefix(text[1:], "-1-") {
		return 0
	}
	end := len("S-1-")
	for end < len(text) && (isDigit(text[end]) || text[end] == '-' && isDigit(text[end-1])) {
		end++
	}
	return end
}

func uuid(text []byte) int {
	if len(text) < uuidLength {
		return 0
	}
	for i, b := range text[:uuidLength] {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen && b != '-' || !hyphen && !isHex(b) {
			return 0
		}
	}
	return uuidLength
}

// digest knows MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512 by their lengths.
func digest(text []byte) int {
	length := 0
	for length < len(text) && length <= maxDigest && isHex(text[length]) {
		length++
	}
	switch length {
	case 32, 40, 56, 64, 96, maxDigest:
		return length
	}
	return 0
}
