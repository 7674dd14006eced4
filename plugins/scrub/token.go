package scrub

import (
	"bytes"
	"strings"
)

// leastHeader is the least length of a JWT's header: {"alg":"x"}.
const leastHeader = 14

// jwt finds a JSON Web Token (RFC 7519; RFC 7516 for those of five pieces). Its header, a JSON object, begins with eyJ.
func (s *secrets) jwt(text []byte, at int) secret {
	if at < s.noJWT || !hasPrefix(text[at:], "eyJ") {
		return secret{}
	}
	end := run(text, at, isDashed)
	s.noJWT = end
	if end-at < leastHeader {
		return secret{}
	}
	pieces := 1
	for ; end < len(text) && text[end] == '.' && pieces < 5; pieces++ {
		end = run(text, end+1, isDashed)
	}
	if pieces < 3 {
		return secret{}
	}
	return secret{jwtName, at, end}
}

// maxLabel bounds what stands between BEGIN and the hyphens.
const maxLabel = 48

// privateKey finds a private key in PEM (RFC 7468). One without an end goes on to that of the text.
func privateKey(text []byte, at int) secret {
	const begin, hyphens = "-----BEGIN ", "-----"
	if !hasPrefix(text[at:], begin) {
		return secret{}
	}
	from := at + len(begin)
	label, _, closed := strings.Cut(string(text[from:min(len(text), from+maxLabel)]), hyphens)
	if !closed || !strings.Contains(label, "PRIVATE KEY") {
		return secret{}
	}
	end := "-----END " + label + hyphens
	length := bytes.Index(text[from:], []byte(end))
	if length < 0 {
		return secret{privateKeyName, at, len(text)}
	}
	return secret{privateKeyName, at, from + length + len(end)}
}
