package scrub

// ibanLengths is how long the account numbers of each country are, after the IBAN registry that SWIFT keeps for ISO 13616
// (89 countries, read 2026-11).
const ibanLengths = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
	"ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
	"LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 " +
	"RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "

// maxIBAN is the length of the longest, without separators (ISO 13616-1 allows 34).
const maxIBAN = 34

// iban returns where the account number ends that begins at a place, or 0. It is written in one piece or in groups of
// four. What stands around it may be glued to it, except that a letter in front belongs to a word.
func iban(text []byte, at int) int {
	if at+4 > len(text) || !isLetter(text[at]) || !isLetter(text[at+1]) || !isDigit(text[at+2]) || !isDigit(text[at+3]) {
		return 0
	}
	length := ibanLength(upper(text[at]), upper(text[at+1]))
	if length == 0 || insideWord(text, at) || identifier(text, at) > 0 {
		return 0
	}
	var written [maxIBAN]byte
	for n := range length {
		if n > 0 {
			at += unseen(text[at:])
		}
		if n > 0 && n%4 == 0 {
			_, length := separator(text[at:])
			at += length
			at += unseen(text[at:])
		}
		if at >= len(text) || !isWord(text[at]) {
			return 0
		}
		written[n] = upper(text[at])
		at++
	}
	if remainder(written[4:length], written[:4]) != 1 {
		return 0
	}
	return at
}

func ibanLength(first, second byte) int {
	for i := 0; i < len(ibanLengths); i += len("AD24 ") {
		if ibanLengths[i] == first && ibanLengths[i+1] == second {
			return int(ibanLengths[i+2]-'0')*10 + int(ibanLengths[i+3]-'0')
		}
	}
	return 0
}

// insideWord reports whether a letter stands in front: a real one, not the end of the word IBAN and not the n of a line
// break that is written \n.
func insideWord(text []byte, at int) bool {
	switch {
	case at == 0 || !isLetter(text[at-1]):
		return false
	case at >= 2 && text[at-2] == '\\':
		return false
	case at >= 4:
		word := text[at-4 : at]
		return upper(word[0]) != 'I' || upper(word[1]) != 'B' || upper(word[2]) != 'A' || upper(word[3]) != 'N'
	default:
		return true
	}
}

// mayHoldAccount reports whether a country's letters stand before two digits somewhere.
func mayHoldAccount(text []byte) bool {
	for at := 2; at < len(text); at++ {
		if !isDigit(text[at]) || !isLetter(text[at-1]) || !isLetter(text[at-2]) {
			continue
		}
		if at+1 < len(text) && isDigit(text[at+1]) && ibanLength(upper(text[at-2]), upper(text[at-1])) > 0 {
			return true
		}
	}
	return false
}

// remainder takes letters for the numbers 10 to 35 and the whole for one number, which is 1 modulo 97 (ISO 7064).
func remainder(parts ...[]byte) int {
	rest := 0
	for _, part := range parts {
		for _, b := range part {
			if isDigit(b) {
				rest = (rest*10 + int(b-'0')) % 97
			} else {
				rest = (rest*100 + int(b-'A') + 10) % 97
			}
		}
	}
	return rest
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// upper is for letters and digits.
func upper(b byte) byte {
	if isLetter(b) {
		return b &^ 0x20
	}
	return b
}
