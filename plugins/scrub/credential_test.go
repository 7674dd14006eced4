package scrub_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestPasswordsInAddresses(t *testing.T) {
	const secret = "[credentials]"
	check(t, keysOnly(), "text/plain", []example{
		{"of the web", "see https://jdoe:hunter2@host.example/a?b#c.", "see https://[credentials]@host.example/a?b#c."},
		{"of a database", "postgres://app:p%40ss@db:5432/x", "postgres://" + secret + "@db:5432/x"},
		{"with an @ in the password", "https://jdoe:p@ss@host", "https://" + secret + "@host"},
		{"with a colon in the password", "https://jdoe:a:b@host", "https://" + secret + "@host"},
		{"without a name", "redis://:hunter2@cache:6379", "redis://" + secret + "@cache:6379"},
		{"of a proxy in quotes", `HTTPS_PROXY="http://jdoe:hunter2@proxy:3128"`, `HTTPS_PROXY="http://` + secret + `@proxy:3128"`},
		{"defanged", "hxxps://jdoe:hunter2@evil[.]example", "hxxps://" + secret + "@evil[.]example"},
		{"two of them", "ftp://a:b@c ftp://d:e@f", "ftp://" + secret + "@c ftp://" + secret + "@f"},
		{"one in another's query", "https://a.example/?u=ftp://d:e@f", "https://a.example/?u=ftp://" + secret + "@f"},
		{"a token in place of the name", "https://ghp_" + letters(36) + ":x-oauth-basic@github.com", "https://" + secret + "@github.com"},
		{"a token alone", "https://ghp_" + letters(36) + "@github.com", "https://[github_token]@github.com"},
		{"a name alone", "ssh://git@github.com", "ssh://git@github.com"},
		{"an empty password", "https://jdoe:@host", "https://jdoe:@host"},
		{"a port and a path with an @", "https://host:443/@jdoe", "https://host:443/@jdoe"},
		{"an address in a query", "https://host:443?mail=a@b", "https://host:443?mail=a@b"},
		{"no host", "https://a:b@ c", "https://a:b@ c"},
		{"no scheme", "://a:b@c", "://a:b@c"},
		{"a longer name than anybody has", "https://a:" + strings.Repeat("b", 2000) + "@c", "https://a:" + strings.Repeat("b", 2000) + "@c"},
	})
	check(t, keysOnly(), "application/json", []example{
		{"in JSON", `{"url":"https:\/\/jdoe:hunter2@host\/a","b":"https://jdoe:hunter2@host"}`, `{"url":"https://[credentials]@host/a","b":"https://[credentials]@host"}`},
	})
}

func TestCredentialsOfTheHeaderAuthorization(t *testing.T) {
	const opaque = "mF_9.B5f-4.1JqM~x/y+z=="
	basic := base64.StdEncoding.EncodeToString([]byte("jdoe:hunter2"))
	check(t, keysOnly(), "text/plain", []example{
		{"a bearer", "Authorization: Bearer " + opaque, "Authorization: Bearer [credentials]"},
		{"a short bearer", "authorization: bearer a1b2c3d4", "authorization: bearer [credentials]"},
		{"a bearer of letters", "Authorization: Bearer aBcDeFgHiJkL", "Authorization: Bearer [credentials]"},
		{"a bearer that begins as JSON does", "Authorization: Bearer e1234567890123456789", "Authorization: Bearer [credentials]"},
		{"name and password", "Authorization: Basic " + basic, "Authorization: Basic [credentials]"},
		{"of a proxy", "Proxy-Authorization: Basic " + basic + "\r\nA: b", "Proxy-Authorization: Basic [credentials]\r\nA: b"},
		{"in the arguments of curl", `curl -H 'Authorization: Bearer ` + opaque + `' https://a`, `curl -H 'Authorization: Bearer [credentials]' https://a`},
		{"in JSON in a text", `{\"Authorization\": \"Bearer ` + opaque + `\"}`, `{\"Authorization\": \"Bearer [credentials]\"}`},
		{"in a map that is printed", "map[Authorization:[Bearer " + opaque + "]]", "map[Authorization:[Bearer [credentials]]]"},
		{"of Python", "{'Authorization': 'token a1b2c3d4e5'}", "{'Authorization': 'token [credentials]'}"},
		{"of Ruby", `"Authorization"=>"ApiKey a1b2c3d4e5=="`, `"Authorization"=>"ApiKey [credentials]"`},
		{"in a form", "authorization=Bearer+" + letters(20) + "&a=b", "authorization=Bearer+[credentials]&a=b"},
		{"encoded for a URL", "authorization=Bearer%20" + letters(20) + "&a=b", "authorization=Bearer%20[credentials]&a=b"},
		{"at the end of a sentence", "It sent Bearer " + letters(20) + ".", "It sent Bearer [credentials]."},
		{"a bearer without the header", "got bearer " + letters(16) + "\n", "got bearer [credentials]\n"},
		{"name and password without the header", "got Basic " + basic + ",", "got Basic [credentials],"},
		{"base64 that is no name and password", "Basic bm90aGluZyBoZXJl", "Basic bm90aGluZyBoZXJl"},
		{"with a name of its own", "Authorization: Bearer " + someJWT + " and Authorization: Splunk " + uuid, "Authorization: Bearer [jwt] and Authorization: [splunk_token]"},
		{"with a name of its own, without the header", "Bearer ghp_" + letters(36), "Bearer [github_token]"},
		{"inside a word", "forbearer " + letters(20), "forbearer " + letters(20)},
		{"a word", "bearer authentication", "bearer authentication"},
		{"of a scheme that is none", "Authorization: Magic a1b2c3d4e5", "Authorization: Magic a1b2c3d4e5"},
		{"behind nothing", "Authorization: Bearer", "Authorization: Bearer"},
	})
	check(t, keysOnly(), "application/json", []example{
		{"by the name of the member", `{"Authorization":"token a1b2c3d4","authorization" :  "Basic ` + basic + `"}`, `{"Authorization":"token [credentials]","authorization" :  "Basic [credentials]"}`},
		{"far behind the name", `{"Authorization"         :         "token a1b2c3d4"}`, `{"Authorization"         :         "token [credentials]"}`},
		{"of another member", `{"scheme":"token a1b2c3d4"}`, `{"scheme":"token a1b2c3d4"}`},
		{"and more behind it", `{"authorization":"token a1b2c3d4, ghp_` + letters(36) + `"}`, `{"authorization":"token [credentials], [github_token]"}`},
	})
}

func TestAddressesThatAreSecretsKeepTheirHost(t *testing.T) {
	signature := strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(letters(32))), "=", "%3D")
	account := base64.StdEncoding.EncodeToString([]byte(letters(64)))
	check(t, keysOnly(), "text/plain", []example{
		{"of Slack", "https://hooks.slack.com/services/T00000000/B00000000/" + letters(24) + " x", "https://hooks.slack.com/services/[webhook] x"},
		{"of Slack's workflows", "https://hooks.slack.com/workflows/T00000000/A00000000/1/" + letters(24), "https://hooks.slack.com/workflows/[webhook]"},
		{"of Slack's triggers", "https://hooks.slack.com/triggers/T00000000/1/" + letters(32), "https://hooks.slack.com/triggers/[webhook]"},
		{"of Discord", "https://discord.com/api/webhooks/123456789012345678/" + letters(68), "https://discord.com/api/webhooks/[webhook]"},
		{"of Teams", "https://lab.webhook.office.com/webhookb2/" + uuid + "@" + uuid + "/IncomingWebhook/" + letters(32) + "/" + uuid, "https://lab.webhook.office.com/webhookb2/[webhook]"},
		{"of Azure's storage", "https://a.blob.core.windows.net/c?sv=2026-01-01&sig=" + signature + "&se=1", "https://a.blob.core.windows.net/c?sv=2026-01-01&sig=[url_signature]&se=1"},
		{"of Azure first", "?sig=" + signature, "?sig=[url_signature]"},
		{"of S3", "https://b.s3.amazonaws.com/o?X-Amz-Signature=" + strings.Repeat("0a", 32), "https://b.s3.amazonaws.com/o?X-Amz-Signature=[url_signature]"},
		{"a connection to Azure", "AccountName=a;AccountKey=" + account + ";EndpointSuffix=x", "AccountName=a;AccountKey=[azure_key]==;EndpointSuffix=x"},
	})
}
