package scrub

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// maxUserInfo bounds what is looked at of an address: nobody's name and password are longer.
const maxUserInfo = 1024

// userInfo finds name and password of an address, https://user:password@host: all between :// and the last @ before the
// path. A name alone stays.
func userInfo(text []byte, at int) secret {
	const slashes = "://"
	if !hasPrefix(text[at:], slashes) || at == 0 || !isWord(text[at-1]) {
		return secret{}
	}
	from := at + len(slashes)
	authority := text[from:min(len(text), from+maxUserInfo)]
	authority = authority[:run(authority, 0, isAuthority)]
	end := bytes.LastIndexByte(authority, '@')
	if end < 0 || end+1 == len(authority) {
		return secret{}
	}
	if name, password, _ := bytes.Cut(authority[:end], []byte(":")); len(name)+len(password) == 0 || len(password) == 0 {
		return secret{}
	}
	return secret{credentialsName, from, from + end}
}

// isAuthority reports whether a byte can stand in the authority of an address (RFC 3986 section 3.2), or in what people
// write there without encoding it.
func isAuthority(b byte) bool {
	return b > ' ' && b != 0x7f && strings.IndexByte(`/?#\"'<>[]{}|^`+"`", b) < 0
}

// The least lengths of what follows the name of a scheme: behind Authorization it is known to be a credential, elsewhere it
// could be a word.
const (
	leastNamed  = 8
	leastBearer = 16
)

// scheme returns the length of the name of a scheme of the header Authorization whose credential is one word, or 0.
func scheme(text []byte) int {
	for _, known := range [...]string{"bearer", "basic", "token", "apikey", "key", "negotiate", "ntlm", "splunk", "geniekey"} {
		if hasFold(text, known) && (len(text) == len(known) || !isWord(text[len(known)])) {
			return len(known)
		}
	}
	return 0
}

// authorizationName is the header's, in lower case.
const authorizationName = "authorization"

// authorization finds what stands in a header Authorization, or in what a program makes of one.
func (s *secrets) authorization(text []byte, at int) secret {
	if !hasFold(text[at:], authorizationName) {
		return secret{}
	}
	from := assigned(text, at+len(authorizationName))
	if from == 0 {
		return secret{}
	}
	return s.header(text, from)
}

// header finds the credential in the value of a header Authorization.
func (s *secrets) header(text []byte, at int) secret {
	end := at + scheme(text[at:])
	if end == at {
		return secret{}
	}
	if known := s.token(text, at); known.name != "" { // it has a name of its own
		return known
	}
	from := end + spaces(text[end:])
	if from == end || from >= len(text) {
		return secret{}
	}
	if known := s.token(text, from); known.name != "" {
		return known
	}
	if start := beginning(text, from); len(start) < leastNamed || !isRandom(start) {
		return secret{}
	}
	return secret{credentialsName, from, token68(text, from)}
}

// credentials finds a bearer token, or a name and password by the Basic scheme, without the name of the header.
func (s *secrets) credentials(text []byte, at int) secret {
	basic := hasFold(text[at:], "basic")
	if !basic && !hasFold(text[at:], "bearer") || !startsWord(text, at) {
		return secret{}
	}
	word := at + len("basic")
	if !basic {
		word = at + len("bearer")
	}
	from := word + spaces(text[word:])
	if from == word || from >= len(text) {
		return secret{}
	}
	if known := s.token(text, from); known.name != "" {
		return known
	}
	start := beginning(text, from)
	if basic && isPassword(start) || !basic && len(start) >= leastBearer && hasDigit(start) {
		return secret{credentialsName, from, token68(text, from)}
	}
	return secret{}
}

// beginning is the beginning of a credential: who looks at all of one that is none looks at long texts again and again.
func beginning(text []byte, from int) []byte {
	return text[from:token68(text[:min(len(text), from+maxMixed)], from)]
}

// spaces returns the length of one to four spaces at the start of a text, however they are written.
func spaces(text []byte) int {
	at := 0
	for range 4 {
		switch {
		case at < len(text) && (text[at] == ' ' || text[at] == '+' || text[at] == '\t'):
			at++
		case hasPrefix(text[at:], "%20"):
			at += len("%20")
		}
	}
	return at
}

// token68 returns where a credential of one word ends (RFC 9110 section 11.2), without the full stop of a sentence.
func token68(text []byte, at int) int {
	end := run(text, at, func(b byte) bool { return isDotted(b) || isBase64(b) || b == '~' })
	for end > at && text[end-1] == '.' {
		end--
	}
	return end
}

// isRandom reports whether a word has what words do not: a digit, a capital inside, or a sign.
func isRandom(word []byte) bool {
	for i, b := range word {
		if isDigit(b) || i > 0 && 'A' <= b && b <= 'Z' || !isWord(b) && b != '-' && b != '.' {
			return true
		}
	}
	return false
}

// isPassword reports whether the beginning of a credential is that of name:password in base64. In it nobody's name has no
// end.
func isPassword(start []byte) bool {
	if len(start) < leastNamed {
		return false
	}
	decoded, err := base64.StdEncoding.DecodeString(string(start[:len(start)-len(start)%4]))
	return err == nil && bytes.IndexByte(decoded, ':') > 0 && bytes.IndexFunc(decoded, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// assigned returns where a value begins behind its name, or 0: name: value, name=value, "name": "value", 'name' => 'value'.
func assigned(text []byte, at int) int {
	quotes := func(b byte) bool { return b == '"' || b == '\'' || b == '\\' }
	blanks := func(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
	few := func(at int, has func(byte) bool) int { return run(text[:min(len(text), at+4)], at, has) }
	at = few(few(at, quotes), blanks)
	if at >= len(text) || text[at] != ':' && text[at] != '=' {
		return 0
	}
	at++
	if at < len(text) && text[at] == '>' {
		at++
	}
	return few(few(at, blanks), quotes)
}

// awsSecret is the length of a secret access key. It has no form of its own, so that it is known by its name alone.
const awsSecret = 40

// awsSecretKey finds a secret access key behind its name.
func awsSecretKey(text []byte, at int) secret {
	named := awsName(text, at)
	if named == 0 {
		return secret{}
	}
	from := assigned(text, named)
	if from == 0 {
		return secret{}
	}
	if end := run(text, from, isBase64); end-from >= awsSecret {
		return secret{awsSecretName, from, end}
	}
	return secret{}
}

// awsName returns where the name of a secret access key ends, secret_access_key, SecretKey and the like, or 0.
func awsName(text []byte, at int) int {
	for _, word := range []string{"secret", "access", "key"} {
		if !hasFold(text[at:], word) {
			if word == "access" {
				continue
			}
			return 0
		}
		at += len(word)
		if word != "key" && at < len(text) && (text[at] == '_' || text[at] == '-') {
			at++
		}
	}
	return at
}

// hasFold is hasPrefix in either case; the prefix is in lower case.
func hasFold(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if text[i]|0x20 != prefix[i] {
			return false
		}
	}
	return true
}
