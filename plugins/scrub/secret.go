package scrub

import (
	"bytes"
	"regexp"
	"strings"
)

// form is a kind of key or token that is known by how it begins. It ends where a character stands that it cannot have.
type form struct {
	name, prefix string
	has          func(byte) bool // the characters behind the prefix
	least        int             // how many of them there are at least
}

// forms are after what the vendors document, and the rules of secret scanners where they do not (read 2026-11).
//
//nolint:gochecknoglobals // a table that does not change
var forms = []form{
	{"aws_key", "AKIA", isCode, 16}, // access key ids: of users, and temporary ones
	{"aws_key", "ASIA", isCode, 16},
	{"github_token", "ghp_", isName, 36}, // personal, OAuth, user, server, refresh
	{"github_token", "gho_", isName, 36},
	{"github_token", "ghu_", isName, 36},
	{"github_token", "ghs_", isName, 36},
	{"github_token", "ghr_", isName, 36},
	{"github_token", "github_pat_", isName, 22},
	{"slack_token", "xoxa-", isDashed, 10},
	{"slack_token", "xoxb-", isDashed, 10},
	{"slack_token", "xoxc-", isDashed, 10},
	{"slack_token", "xoxd-", isDashed, 10},
	{"slack_token", "xoxe-", isDashed, 10},
	{"slack_token", "xoxo-", isDashed, 10},
	{"slack_token", "xoxp-", isDashed, 10},
	{"slack_token", "xoxr-", isDashed, 10},
	{"slack_token", "xoxs-", isDashed, 10},
	{"slack_token", "xapp-", isDashed, 10},
	{"atlassian_token", "ATATT3", isDashed, 20},
	{"atlassian_token", "ATCTT3", isDashed, 20},
	{"google_key", "AIza", isDashed, 35},
	{"google_key", "ya29.", isDashed, 20},
	{"google_key", "GOCSPX-", isDashed, 20},
	{"stripe_key", "sk_live_", isWord, 16},
	{"stripe_key", "sk_test_", isWord, 16},
	{"stripe_key", "rk_live_", isWord, 16},
	{"stripe_key", "rk_test_", isWord, 16},
	{"stripe_key", "whsec_", isWord, 16},
	{"splunk_token", "Splunk ", isUUID, uuidLength}, // as in the header Authorization; alone it is any UUID
}

// What has a form of its own.
const (
	jwtName        = "jwt"
	privateKeyName = "private_key"
	awsSecretName  = "aws_secret"
)

// secretNames are all that keys: true takes out.
func secretNames() []string {
	names := []string{jwtName, privateKeyName, awsSecretName}
	for _, known := range forms {
		names = append(names, known.name)
	}
	return names
}

// secrets finds keys and tokens at one place after the other of one text.
type secrets struct {
	noJWT int // up to here no JWT begins: what follows was looked at
}

// at names what begins at a place, and where it ends, or returns "". Whatever the text is, it is looked at a bounded
// number of times.
func (s *secrets) at(text []byte, at int) (name string, end int) {
	switch text[at] {
	case 'A', 'G', 'S', 'g', 'r', 's', 'w', 'x', 'y':
		for _, known := range forms {
			if end := known.end(text, at); end > 0 {
				return known.name, end
			}
		}
	case 'e':
		if end := s.jwt(text, at); end > 0 {
			return jwtName, end
		}
	case '-':
		if end := privateKey(text, at); end > 0 {
			return privateKeyName, end
		}
	}
	return "", 0
}

// end returns where a token of this form ends that begins at a place, or 0.
func (f form) end(text []byte, at int) int {
	if text[at] != f.prefix[0] || !hasPrefix(text[at:], f.prefix) {
		return 0
	}
	from := at + len(f.prefix)
	end := run(text, from, f.has)
	if end-from < f.least {
		return 0
	}
	return end
}

// leastHeader is the least length of a JWT's header: {"alg":"x"}.
const leastHeader = 14

// jwt returns where a JSON Web Token ends (RFC 7519; RFC 7516 for those of five pieces), or 0. Its header, a JSON object,
// begins with eyJ.
func (s *secrets) jwt(text []byte, at int) int {
	if at < s.noJWT || !hasPrefix(text[at:], "eyJ") {
		return 0
	}
	end := run(text, at, isDashed)
	s.noJWT = end
	if end-at < leastHeader {
		return 0
	}
	pieces := 1
	for ; end < len(text) && text[end] == '.' && pieces < 5; pieces++ {
		end = run(text, end+1, isDashed)
	}
	if pieces < 3 {
		return 0
	}
	return end
}

// maxLabel bounds what stands between BEGIN and the hyphens.
const maxLabel = 48

// privateKey returns where a private key in PEM (RFC 7468) ends, or 0. One without an end goes on to that of the text.
func privateKey(text []byte, at int) int {
	const begin, hyphens = "-----BEGIN ", "-----"
	if !hasPrefix(text[at:], begin) {
		return 0
	}
	from := at + len(begin)
	label, _, closed := strings.Cut(string(text[from:min(len(text), from+maxLabel)]), hyphens)
	if !closed || !strings.Contains(label, "PRIVATE KEY") {
		return 0
	}
	end := "-----END " + label + hyphens
	length := bytes.Index(text[from:], []byte(end))
	if length < 0 {
		return len(text)
	}
	return from + length + len(end)
}

// awsSecret is the length of a secret access key. It has no form of its own, so that it is known by its name alone.
const awsSecret = 40

var (
	awsLabel = regexp.MustCompile(`(?i)secret[_-]?(?:access[_-]?)?key["'\\]{0,4}\s{0,4}[:=]>?\s{0,4}["'\\]{0,4}$`)
	awsName  = regexp.MustCompile(`(?i)secret[_-]?(?:access[_-]?)?key$`)
)

// maxLabelled is how far before a value its name is looked for, in bytes.
const maxLabelled = 48

// replaceLabelled takes out secret access keys behind their name.
func replaceLabelled(text []byte, found counts) (scrubbed []byte, changed bool) {
	copied := 0
	for at := 0; at < len(text); {
		end := run(text, at, isBase64)
		if end-at >= awsSecret && awsLabel.Match(text[max(copied, at-maxLabelled):at]) {
			scrubbed = append(append(scrubbed, text[copied:at]...), "["+awsSecretName+"]"...)
			copied, changed = end, true
			found[awsSecretName]++
		}
		at = max(end, at+1)
	}
	if !changed {
		return text, false
	}
	return append(scrubbed, text[copied:]...), true
}

// isLabelled reports whether a whole value is a secret access key, by the name of its member.
func isLabelled(value []byte, name func() string) bool {
	return len(value) >= awsSecret && run(value, 0, isBase64) == len(value) && awsName.MatchString(name())
}

// run returns where characters of one kind end.
func run(text []byte, at int, has func(byte) bool) int {
	for at < len(text) && has(text[at]) {
		at++
	}
	return at
}

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}

func isCode(b byte) bool { return isDigit(b) || 'A' <= b && b <= 'Z' }

func isName(b byte) bool { return isWord(b) || b == '_' }

func isDashed(b byte) bool { return isName(b) || b == '-' || b == '=' }

func isUUID(b byte) bool { return isHex(b) || b == '-' }

func isBase64(b byte) bool { return isWord(b) || b == '+' || b == '/' }
