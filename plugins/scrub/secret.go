package scrub

import "slices"

// form is a kind of key or token that is known by how it begins. It ends where a character stands that it cannot have.
type form struct {
	name, prefix string
	has          func(byte) bool // the characters behind the prefix
	least        int             // how many of them there are at least

	stays bool // the prefix is no secret: it is left, since it tells what was here
	alone bool // no word goes on with it: "sk-" ends many
	mixed bool // there is a digit among the first characters, as in no text in words
}

// What takes the place of what has a finder of its own.
const (
	jwtName         = "jwt"
	privateKeyName  = "private_key"
	awsSecretName   = "aws_secret"
	credentialsName = "credentials"
)

// forms are after what the vendors document, and the rules of secret scanners where they do not (read 2026-11).
//
//nolint:gochecknoglobals // a table that does not change
var forms = []form{
	{name: "aws_key", prefix: "AKIA", has: isCode, least: 16}, // access key ids: of users, temporary ones, of services
	{name: "aws_key", prefix: "ASIA", has: isCode, least: 16},
	{name: "aws_key", prefix: "ABIA", has: isCode, least: 16},
	{name: "github_token", prefix: "ghp_", has: isName, least: 36}, // personal, OAuth, user, server, refresh
	{name: "github_token", prefix: "gho_", has: isName, least: 36},
	{name: "github_token", prefix: "ghu_", has: isName, least: 36},
	{name: "github_token", prefix: "ghs_", has: isName, least: 36},
	{name: "github_token", prefix: "ghr_", has: isName, least: 36},
	{name: "github_token", prefix: "github_pat_", has: isName, least: 22},
	{name: "gitlab_token", prefix: "glpat-", has: isDashed, least: 20}, // personal, deploy, runner, trigger, agent, OAuth
	{name: "gitlab_token", prefix: "gldt-", has: isDashed, least: 20},
	{name: "gitlab_token", prefix: "glrt-", has: isDashed, least: 20},
	{name: "gitlab_token", prefix: "glptt-", has: isDashed, least: 20},
	{name: "gitlab_token", prefix: "glagent-", has: isDashed, least: 20},
	{name: "gitlab_token", prefix: "gloas-", has: isDashed, least: 20},
	{name: "slack_token", prefix: "xoxa-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxb-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxc-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxd-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxe-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxo-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxp-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxr-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xoxs-", has: isDashed, least: 10},
	{name: "slack_token", prefix: "xapp-", has: isDashed, least: 10},
	{name: "webhook", prefix: "hooks.slack.com/services/", has: isPath, least: 20, stays: true},
	{name: "webhook", prefix: "hooks.slack.com/workflows/", has: isPath, least: 20, stays: true},
	{name: "webhook", prefix: "hooks.slack.com/triggers/", has: isPath, least: 20, stays: true},
	{name: "webhook", prefix: "discord.com/api/webhooks/", has: isPath, least: 60, stays: true},
	{name: "webhook", prefix: "webhook.office.com/webhookb2/", has: isPath, least: 60, stays: true},
	{name: "atlassian_token", prefix: "ATATT3", has: isDashed, least: 20},
	{name: "atlassian_token", prefix: "ATCTT3", has: isDashed, least: 20},
	{name: "google_key", prefix: "AIza", has: isDashed, least: 35},
	{name: "google_key", prefix: "ya29.", has: isDashed, least: 20},
	{name: "google_key", prefix: "GOCSPX-", has: isDashed, least: 20},
	{name: "stripe_key", prefix: "sk_live_", has: isWord, least: 16},
	{name: "stripe_key", prefix: "sk_test_", has: isWord, least: 16},
	{name: "stripe_key", prefix: "rk_live_", has: isWord, least: 16},
	{name: "stripe_key", prefix: "rk_test_", has: isWord, least: 16},
	{name: "stripe_key", prefix: "whsec_", has: isWord, least: 16},
	{name: "ai_key", prefix: "sk-", has: isDashed, least: 20, alone: true, mixed: true}, // sk-ant-, sk-proj- and others
	{name: "npm_token", prefix: "npm_", has: isWord, least: 36},
	{name: "pypi_token", prefix: "pypi-AgE", has: isDashed, least: 50},
	{name: "vault_token", prefix: "hvs.", has: isDashed, least: 24, alone: true, mixed: true},
	{name: "sendgrid_key", prefix: "SG.", has: isDotted, least: 60, alone: true, mixed: true},
	{name: "age_key", prefix: "AGE-SECRET-KEY-1", has: isCode, least: 58},
	{name: "azure_key", prefix: "AccountKey=", has: isBase64, least: 43, stays: true},
	{name: "azure_key", prefix: "SharedAccessKey=", has: isBase64, least: 43, stays: true},
	{name: "url_signature", prefix: "sig=", has: isEncoded, least: 43, stays: true, alone: true}, // of Azure's shared access
	{name: "url_signature", prefix: "X-Amz-Signature=", has: isHex, least: 64, stays: true},
	{name: "url_signature", prefix: "X-Goog-Signature=", has: isHex, least: 64, stays: true},
	{name: "splunk_token", prefix: "Splunk ", has: isUUID, least: uuidLength}, // as in the header Authorization; alone it is any UUID
}

// secretNames are all that keys: true takes out.
func secretNames() []string {
	names := []string{jwtName, privateKeyName, awsSecretName, credentialsName}
	for _, known := range forms {
		names = append(names, known.name)
	}
	return names
}

// secret is what has to go, from a place to another; what stands before it in the match stays.
type secret struct {
	name      string
	from, end int
}

// secrets finds keys and tokens at one place after the other of one text.
type secrets struct {
	noJWT int // up to here no JWT begins: what follows was looked at
}

// at returns the secret that begins at a place, or one without a name. Whatever the text is, it is looked at a bounded
// number of times.
func (s *secrets) at(text []byte, at int) secret {
	if at+1 >= len(text) || !begins(text[at], text[at+1]) {
		return secret{}
	}
	if found := s.token(text, at); found.name != "" {
		return found
	}
	switch text[at] {
	case '-':
		return privateKey(text, at)
	case ':':
		return userInfo(text, at)
	case 'B', 'b':
		return s.credentials(text, at)
	case 'A', 'a':
		return s.authorization(text, at)
	case 'S', 's':
		return awsSecretKey(text, at)
	default:
		return secret{}
	}
}

// token returns the token of a known form that begins at a place.
func (s *secrets) token(text []byte, at int) secret {
	if text[at] == 'e' {
		return s.jwt(text, at)
	}
	known := formsByFirst[text[at]]
	for i := range known {
		if found := known[i].at(text, at); found.name != "" {
			return found
		}
	}
	return secret{}
}

//nolint:gochecknoglobals // a table that does not change
var formsByFirst = func() (table [256][]form) {
	for _, known := range forms {
		table[known.prefix[0]] = append(table[known.prefix[0]], known)
	}
	return table
}()

// mayHoldKey reports whether there is a secret, or the name of one whose value may be a string of its own.
func mayHoldKey(text []byte) bool {
	var finder secrets
	for at := 0; at+1 < len(text); at++ {
		if !begins(text[at], text[at+1]) {
			continue
		}
		if finder.at(text, at).name != "" || awsName(text, at) > 0 || hasFold(text[at:], authorizationName) {
			return true
		}
	}
	return false
}

// otherBeginnings are those of what has a finder of its own, in either case.
const otherBeginnings = "ey -- :/ be ba au se"

// beginnings has a bit for each two bytes that a secret begins with: they are rare, and all that most bytes are asked for.
//
//nolint:gochecknoglobals // a table that does not change
var beginnings = func() (table [256][4]uint64) {
	add := func(first, second byte) { table[first][second>>6] |= 1 << (second & 63) }
	for _, known := range forms {
		add(known.prefix[0], known.prefix[1])
	}
	for at := 0; at < len(otherBeginnings); at += len("ey ") {
		first, second := otherBeginnings[at], otherBeginnings[at+1]
		for _, first := range []byte{first, upper(first)} {
			add(first, second)
			add(first, upper(second))
		}
	}
	return table
}()

func begins(first, second byte) bool { return beginnings[first][second>>6]>>(second&63)&1 == 1 }

// maxMixed is within how many characters a digit has to be: who looks further looks at long texts again and again.
const maxMixed = 64

// at returns the token of this form that begins at a place.
func (f *form) at(text []byte, at int) secret {
	if !hasPrefix(text[at:], f.prefix) || f.alone && !startsWord(text, at) {
		return secret{}
	}
	from := at + len(f.prefix)
	start := text[from:min(len(text), from+max(f.least, maxMixed))]
	if length := run(start, 0, f.has); length < f.least || f.mixed && !hasDigit(start[:length]) {
		return secret{}
	}
	end := run(text, from, f.has)
	if f.stays {
		return secret{f.name, from, end}
	}
	return secret{f.name, at, end}
}

// startsWord reports whether no word goes on at a place. The letter of an escape in front, as of \n or %3D, is of no word.
func startsWord(text []byte, at int) bool {
	switch {
	case at == 0 || !isWord(text[at-1]):
		return true
	case at >= 2 && text[at-2] == '\\':
		return true
	default:
		return at >= 3 && text[at-3] == '%' && isHex(text[at-2]) && isHex(text[at-1])
	}
}

func hasDigit(text []byte) bool { return slices.ContainsFunc(text, isDigit) }

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

func isDotted(b byte) bool { return isDashed(b) || b == '.' }

func isPath(b byte) bool { return isDashed(b) || b == '/' || b == '@' }

func isUUID(b byte) bool { return isHex(b) || b == '-' }

func isBase64(b byte) bool { return isWord(b) || b == '+' || b == '/' }

func isEncoded(b byte) bool { return isBase64(b) || b == '%' || b == '-' || b == '_' }
