package scrub_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/scrub"
)

// The examples of AWS, and others of the right form that nobody was given.
const (
	awsKey    = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	someJWT   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJqZG9lIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	uuid      = "550e8400-e29b-41d4-a716-446655440000"
	pem       = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
)

// letters are as many as a token of some kind has.
func letters(n int) string { return strings.Repeat("aB3dE5gH", n/8+1)[:n] }

// tokens are examples of every form, by what takes their place.
func tokens() map[string][]string {
	return map[string][]string{
		"aws_key":         {awsKey, "ASIA" + strings.ToUpper(letters(16)), "ABIA" + strings.ToUpper(letters(16))},
		"gitlab_token":    {"glpat-" + letters(20), "gldt-" + letters(20), "glrt-t1_" + letters(20), "glptt-" + letters(40), "glagent-" + letters(50), "gloas-" + letters(64)},
		"npm_token":       {"npm_" + letters(36)},
		"pypi_token":      {"pypi-AgEIcHlwaS5vcmc" + letters(120)},
		"age_key":         {"AGE-SECRET-KEY-1" + strings.ToUpper(letters(58))},
		"github_token":    {"ghp_" + letters(36), "gho_" + letters(36), "ghu_" + letters(36), "ghs_" + letters(36), "ghr_" + letters(76), "github_pat_" + letters(22) + "_" + letters(59)},
		"slack_token":     {"xoxb-" + letters(12) + "-" + letters(12), "xoxa-2-" + letters(12), "xoxc-" + letters(12), "xoxd-" + letters(12), "xoxe-1-" + letters(12), "xoxo-" + letters(12), "xoxp-" + letters(40), "xoxr-" + letters(12), "xoxs-" + letters(12), "xapp-1-" + letters(60)},
		"atlassian_token": {"ATATT3xFfGF0" + letters(170) + "=" + letters(8), "ATCTT3xFfGN0" + letters(170)},
		"google_key":      {"AIzaSy" + letters(33), "ya29." + letters(60), "GOCSPX-" + letters(28)},
		"stripe_key":      {"sk_live_" + letters(24), "sk_test_" + letters(99), "rk_live_" + letters(24), "rk_test_" + letters(24), "whsec_" + letters(32)},
		"splunk_token":    {"Splunk " + uuid},
		"jwt":             {someJWT, someJWT[:strings.LastIndex(someJWT, ".")+1], "eyJhbGciOiJSU0EtT0FFUCJ9.aa.bb.cc.dd"},
		"private_key":     {pem, strings.ReplaceAll(pem, "RSA ", ""), strings.ReplaceAll(pem, "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), strings.ReplaceAll(pem, "RSA", "ENCRYPTED")},
	}
}

// lone are examples of the forms that could end a word, so that one glued to a word is none.
func lone() map[string][]string {
	return map[string][]string{
		"ai_key":       {"sk-" + letters(48), "sk-proj-" + letters(60) + "_" + letters(60), "sk-ant-api03-" + letters(93) + "-" + letters(8), "sk-svcacct-" + letters(60), "sk-or-v1-" + letters(64), "sk-44d88612fea8a8f36de82e1278abb02f"},
		"vault_token":  {"hvs." + letters(90)},
		"sendgrid_key": {"SG." + letters(22) + "." + letters(43)},
	}
}

func keysOnly() scrub.Config { return scrub.Config{Keys: true} }

func TestKeysOfEveryForm(t *testing.T) {
	var examples []example
	for name, all := range tokens() {
		for _, token := range all {
			mark := "[" + name + "]"
			examples = append(examples,
				example{token + " alone", token, mark},
				example{token + " in a sentence", "It is " + token + ", said she.", "It is " + mark + ", said she."},
				example{token + " in JSON inside a text", `{\"a\":\"` + token + `\"}`, `{\"a\":\"` + mark + `\"}`},
				example{token + " encoded for a URL", "?a=%22" + token + "%22", "?a=%22" + mark + "%22"},
				example{token + " glued to a word", "x" + token + "!", "x" + mark + "!"},
				example{token + " twice", token + " " + token, mark + " " + mark},
			)
		}
	}
	for name, all := range lone() {
		for _, token := range all {
			mark := "[" + name + "]"
			examples = append(examples,
				example{token + " alone", token, mark},
				example{token + " in a sentence", "It is " + token + ", said she.", "It is " + mark + ", said she."},
				example{token + " in JSON inside a text", `{\"a\":\"x\n` + token + `\"}`, `{\"a\":\"x\n` + mark + `\"}`},
				example{token + " encoded for a URL", "?a%3d" + token + "%22", "?a%3d" + mark + "%22"},
				example{token + " glued to a word", "ri" + token, "ri" + token},
				example{token + " without digits", strings.Map(undigited, token), strings.Map(undigited, token)},
				example{token + " cut off", token[:19], token[:19]},
			)
		}
	}
	check(t, keysOnly(), "text/plain", examples)
}

func undigited(r rune) rune {
	if '0' <= r && r <= '9' {
		return 'x'
	}
	return r
}

func TestKeysInText(t *testing.T) {
	unfinished := pem[:strings.Index(pem, "-----END")]
	check(t, keysOnly(), "text/plain", []example{
		{"a private key without an end", "a " + unfinished + "\nand all behind it", "a [private_key]"},
		{"a private key with the end of another", "a " + strings.Replace(pem, "END RSA", "END EC", 1), "a [private_key]"},
		{"a private key on one line", strings.ReplaceAll(pem, "\n", `\n`) + "b", "[private_key]b"},
		{"more hyphens in front", "---" + pem, "---[private_key]"},
		{"a public key", strings.ReplaceAll(pem, "RSA PRIVATE", "PUBLIC"), strings.ReplaceAll(pem, "RSA PRIVATE", "PUBLIC")},
		{"a certificate", "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----"},
		{"hyphens", "-----BEGIN ", "-----BEGIN "},
		{"a bearer", "Authorization: Bearer " + someJWT, "Authorization: Bearer [jwt]"},
		{"JSON in base64 that is no token", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9"},
		{"two pieces of one", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ"},
		{"too short for a header", "eyJ.a.b", "eyJ.a.b"},
		{"a short token", "ghp_" + letters(35), "ghp_" + letters(35)},
		{"a word that begins like one", "AKIASMALL ASIAN sk_live_x whsec_ xoxb- AIza", "AKIASMALL ASIAN sk_live_x whsec_ xoxb- AIza"},
		{"Splunk without a token", "Splunk is up", "Splunk is up"},
		{"a UUID alone", uuid, uuid},
		{"the name of a form alone", "AKIA ghp_ eyJ -----BEGIN", "AKIA ghp_ eyJ -----BEGIN"},
	})
}

func TestSecretsOfAWSAreKnownByTheirName(t *testing.T) {
	const sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	check(t, keysOnly(), "text/plain", []example{
		{"in a file of credentials", "aws_secret_access_key = " + awsSecret + "\n", "aws_secret_access_key = [aws_secret]\n"},
		{"in the environment", "AWS_SECRET_ACCESS_KEY=" + awsSecret, "AWS_SECRET_ACCESS_KEY=[aws_secret]"},
		{"in JSON inside a text", `{\"SecretAccessKey\": \"` + awsSecret + `\"}`, `{\"SecretAccessKey\": \"[aws_secret]\"}`},
		{"with its key id", awsKey + " secret-key: '" + awsSecret + "'", "[aws_key] secret-key: '[aws_secret]'"},
		{"without a name", awsSecret, awsSecret},
		{"of another name", "path: " + awsSecret, "path: " + awsSecret},
		{"a digest", "sha1=" + sha1, "sha1=" + sha1},
		{"a name and a short value", "secret_key=" + awsSecret[1:], "secret_key=" + awsSecret[1:]},
	})
	check(t, keysOnly(), "application/json", []example{
		{"by the name of the member", `{"SecretAccessKey":"` + awsSecret + `","a":[{"aws_secret_access_key":"` + awsSecret + `"}]}`, `{"SecretAccessKey":"[aws_secret]","a":[{"aws_secret_access_key":"[aws_secret]"}]}`},
		{"written with escapes", `{"secretKey":"` + strings.ReplaceAll(awsSecret, "/", `\/`) + `"}`, `{"secretKey":"[aws_secret]"}`},
		{"of another member", `{"path":"` + awsSecret + `","secret_key":["` + sha1 + `"]}`, `{"path":"` + awsSecret + `","secret_key":["` + sha1 + `"]}`},
		{"a private key", `{"a":"` + strings.ReplaceAll(pem, "\n", `\n`) + `","b":1}`, `{"a":"[private_key]","b":1}`},
		{"a token as a name", `{"` + awsKey + `":"` + awsKey + `"}`, `{"[aws_key]":"[aws_key]"}`},
	})
}

func TestKeysGoBeforeWhatTheyHold(t *testing.T) {
	config := scrub.Config{Keys: true, Cards: true, IBAN: true}
	check(t, config, "text/plain", []example{
		{"a card in a token", "ghp_" + visa + letters(20), "[github_token]"},
		{"an account in a token", "sk_live_" + german, "[stripe_key]"},
		{"a card in a private key", strings.Replace(pem, "MII", visa, 1), "[private_key]"},
	})
}

func TestLogTellsCountsOfKeysAndAccounts(t *testing.T) {
	var log frameworktest.Log
	deps := frameworktest.Deps(t)
	deps.Log = log.Logger()
	p, err := scrub.New(everything(), deps)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"text/plain"}}
	response := framework.Response{Header: header, Body: []byte(strings.Join([]string{awsKey, someJWT, german, german, "secret_key=" + awsSecret, pem}, "\n"))}
	if err := p.After(t.Context(), frameworktest.Request("GET", "/", "", nil), &response); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"aws_key:1", "jwt:1", "iban:2", "aws_secret:1", "private_key:1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is missing in %s", want, log.String())
		}
	}
	for _, canary := range []string{awsKey, someJWT, german, awsSecret, "MIIEowIBAAKCAQEA"} {
		frameworktest.LeaksNoSecret(t, canary, log.String(), string(response.Body))
	}
}

// hostile are texts that begin something at every few bytes and finish nothing.
func hostile() []string {
	return []string{
		"eyJ", "eyJhbGciOiJIUzI1NiJ9.", "AKIA", "-----BEGIN ", "-----BEGIN PRIVATE KEY----", "DE89 3704 ", "DE89", "secret_key=",
		"secret_key=" + awsSecret[1:] + " ", "secretkey=", "sk-", "-sk-a", "sig=", "&sig=a", "bearer ", "bearer+", "Bearer aaaaaaaaaaaaaaaaaaaaaaaa+", "basic ", "basic+", "Basic YWJjZGVmZ2g", "authorization: ",
		"authorization: bearer ", "Authorization: token a", "://", "a://b:", "a://b@", "a://b:c@", "hooks.slack.com/services/", "SG.", " SG.a.", "hvs.", "AccountKey=", "%22", "%2", "\\n4111", "ssn ",
		"4111\u200b", "\u200b", "４", "4.", "4/", "4_", "S-1-", "S-1-5-", "xoxb-", "AIza", "Splunk ", "4111-", "github_pat_", "a.", "550e8400-",
	}
}

// Were the work for any of them to grow with the square of the length, this would not end.
func TestHostileTextsEnd(t *testing.T) {
	p := plugin(t, everything())
	for _, piece := range hostile() {
		if _, err := scrubbed(t, p, "text/plain", strings.Repeat(piece, (1<<18)/len(piece))); err != nil {
			t.Errorf("%q: %v", piece, err)
		}
	}
}

func BenchmarkHostileText(b *testing.B) {
	p := plugin(b, everything())
	for _, piece := range hostile() {
		for _, size := range []int{10_000, 1_000_000} { // as fast a byte in the long one as in the short one
			body := strings.Repeat(piece, size/len(piece))
			b.Run(strconv.Quote(piece)+" "+strconv.Itoa(size), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if _, err := scrubbed(b, p, "text/plain", body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
