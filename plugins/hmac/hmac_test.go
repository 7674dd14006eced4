package hmac_test

import (
	stdhmac "crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/hmac"
)

const (
	// The vectors that Atlassian and GitHub publish for their webhooks.
	published    = "It's a Secret to Everybody"
	jiraBody     = "Hello World!"
	jiraVector   = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	githubBody   = "Hello, World!"
	githubVector = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

	canary = "canary-secret-0123456789abcdef"
	other  = "another-secret-0123456789abcde"
)

func secrets(values ...string) []framework.Secret {
	var all []framework.Secret
	for _, value := range values {
		all = append(all, framework.NewSecret(value))
	}
	return all
}

func plugin(t *testing.T, config hmac.Config) *hmac.Plugin {
	t.Helper()
	made, err := hmac.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func call(body, header string, values ...string) *framework.Request {
	return frameworktest.Request("POST", "/hook", body, http.Header{header: values})
}

func sign256(secret, body string) []byte {
	mac := stdhmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(body))
	return mac.Sum(nil)
}

func TestJiraPreset(t *testing.T) {
	const header = "X-Hub-Signature"
	p := plugin(t, hmac.Config{Preset: "jira", Secrets: secrets(canary, published)})
	good := []*framework.Request{
		call(jiraBody, header, "sha256="+jiraVector),
		call(jiraBody, header, "sha256="+strings.ToUpper(jiraVector)),
		call(jiraBody, header, "sha256="+hex.EncodeToString(sign256(canary, jiraBody))),
		call("", header, "sha256="+hex.EncodeToString(sign256(canary, ""))),
		call("\xff\x00{", header, "sha256="+hex.EncodeToString(sign256(canary, "\xff\x00{"))),
	}
	bad := []*framework.Request{
		call(jiraBody, "X-Other", "sha256="+jiraVector),
		call(jiraBody, "X-Hub-Signature-256", "sha256="+jiraVector),
		call(jiraBody, header, ""),
		call(jiraBody, header, "sha256="),
		call(jiraBody, header, jiraVector),
		call(jiraBody, header, "sha1="+jiraVector[:40]),
		call(jiraBody, header, "sha512="+jiraVector),
		call(jiraBody, header, "SHA256="+jiraVector),
		call(jiraBody, header, "sha256="+jiraVector[:62]),
		call(jiraBody, header, "sha256="+jiraVector+"00"),
		call(jiraBody, header, "sha256="+jiraVector[:63]+"g"),
		call(jiraBody, header, " sha256="+jiraVector),
		call(jiraBody, header, "sha256="+jiraVector+",sha256="+jiraVector),
		call(jiraBody, header, "sha256="+jiraVector, "sha256="+jiraVector),
		call(jiraBody+"\n", header, "sha256="+jiraVector),
		call("", header, "sha256="+jiraVector),
		call(jiraBody, header, "sha256="+hex.EncodeToString(sign256(other, jiraBody))),
		call(jiraBody, header, "sha256="+hex.EncodeToString(sign256("", jiraBody))),
	}
	frameworktest.RunBeforeSuite(t, p, good, bad)
}

func TestGitHubPreset(t *testing.T) {
	p := plugin(t, hmac.Config{Preset: "github", Secrets: secrets(published)})
	frameworktest.RunBeforeSuite(t, p,
		[]*framework.Request{call(githubBody, "X-Hub-Signature-256", "sha256="+githubVector)},
		[]*framework.Request{
			call(githubBody, "X-Hub-Signature", "sha256="+githubVector),
			call(githubBody, "X-Hub-Signature-256", "sha1="+githubVector),
			call(githubBody+" ", "X-Hub-Signature-256", "sha256="+githubVector),
		})
}

func TestOtherSendersByTheirOwnRules(t *testing.T) {
	const body = `{"a":1}`
	mac := stdhmac.New(sha512.New, []byte(canary))
	_, _ = mac.Write([]byte(body))
	sum := mac.Sum(nil)
	p := plugin(t, hmac.Config{Secrets: secrets(canary), Header: "x-signature", Prefix: "v1=", Algorithm: "sha512", Encoding: "base64"})
	frameworktest.RunBeforeSuite(t, p,
		[]*framework.Request{call(body, "X-Signature", "v1="+base64.StdEncoding.EncodeToString(sum))},
		[]*framework.Request{
			call(body, "X-Signature", base64.StdEncoding.EncodeToString(sum)),
			call(body, "X-Signature", "v1="+base64.RawStdEncoding.EncodeToString(sum)),
			call(body, "X-Signature", "v1="+hex.EncodeToString(sum)),
			call(body, "X-Signature", "v1="+base64.StdEncoding.EncodeToString(sign256(canary, body))),
		})

	plain := plugin(t, hmac.Config{Secrets: secrets(canary), Header: "X-Signature"})
	if err := plain.Before(t.Context(), call(body, "X-Signature", hex.EncodeToString(sign256(canary, body)))); err != nil {
		t.Errorf("hex of SHA-256 without a prefix is what a header alone means: %v", err)
	}
}

func TestSenderIsIdentifiedByThePlaceOfTheSecret(t *testing.T) {
	p := plugin(t, hmac.Config{Preset: "jira", Secrets: secrets(canary, published)})
	r := call(jiraBody, "X-Hub-Signature", "sha256="+jiraVector)
	if err := p.Before(t.Context(), r); err != nil || r.Identity() != "hmac:2" {
		t.Errorf("identity %q, %v", r.Identity(), err)
	}
}

func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	good := secrets(canary)
	for _, c := range []struct {
		name   string
		config hmac.Config
		want   string
	}{
		{"no secret", hmac.Config{Preset: "jira"}, "secrets: at least one is needed"},
		{"an empty secret", hmac.Config{Preset: "jira", Secrets: secrets("")}, "secrets[0]: shorter than 16 bytes"},
		{"a short secret behind a good one", hmac.Config{Preset: "jira", Secrets: secrets(canary, "hunter2-hunter2")}, "secrets[1]: shorter than 16 bytes"},
		{"an unknown preset", hmac.Config{Preset: "gitlab", Secrets: good}, "preset: one of jira, github, slack, stripe, splunk"},
		{"a preset and its header", hmac.Config{Preset: "jira", Header: "X-Sig", Secrets: good}, "preset: says header"},
		{"a preset and its algorithm", hmac.Config{Preset: "jira", Algorithm: "sha256", Secrets: good}, "preset: says algorithm"},
		{"a preset and its prefix", hmac.Config{Preset: "slack", Prefix: "v1=", Secrets: good}, "preset: says prefix"},
		{"a preset and its text", hmac.Config{Preset: "splunk", Signed: "{body}", Secrets: good}, "preset: says signed"},
		{"the header of a time for a sender that has none", hmac.Config{Preset: "jira", TimestampHeader: "X-Time", Secrets: good}, "preset: says timestamp_header"},
		{"a header of a time that cannot be", hmac.Config{Header: "X-Sig", TimestampHeader: "X Time", Secrets: good}, "timestamp_header: not the name"},
		{"a text without the body", hmac.Config{Header: "X-Sig", Signed: "v0", Secrets: good}, "signed: {body} is needed"},
		{"a text with the body twice", hmac.Config{Header: "X-Sig", Signed: "{body}{body}", Secrets: good}, "signed: {body} is needed"},
		{"a text with a time that is not sent", hmac.Config{Header: "X-Sig", Signed: "{timestamp}.{body}", Secrets: good}, "signed: {timestamp} needs"},
		{"a time that is not signed", hmac.Config{Header: "X-Sig", TimestampHeader: "X-Time", Signed: "{body}", Secrets: good}, "signed: {timestamp} is needed"},
		{"a text with something unknown", hmac.Config{Header: "X-Sig", Signed: "{id}.{body}", Secrets: good}, "signed: may hold"},
		{"a tolerance without a time", hmac.Config{Preset: "github", Tolerance: time.Minute, Secrets: good}, "tolerance: there is no time"},
		{"replays without a time", hmac.Config{Preset: "github", Replays: "refuse", Secrets: good}, "replays: cannot be told"},
		{"a tolerance of nothing", hmac.Config{Preset: "slack", Tolerance: time.Millisecond, Secrets: good}, "tolerance: 1s to 24h"},
		{"a tolerance of a week", hmac.Config{Preset: "slack", Tolerance: 168 * time.Hour, Secrets: good}, "tolerance: 1s to 24h"},
		{"an unknown way with replays", hmac.Config{Preset: "slack", Replays: "drop", Secrets: good}, "replays: one of"},
		{"neither preset nor header", hmac.Config{Secrets: good}, "header: the name of the header"},
		{"a header that cannot be", hmac.Config{Header: "X Sig", Secrets: good}, "header: not the name of a header"},
		{"the name of the host", hmac.Config{Header: "Host", Secrets: good}, "header: Host is about the connection"},
		{"the length of the body", hmac.Config{Header: "content-length", Secrets: good}, "header: Content-Length is about the connection"},
		{"how the body is sent", hmac.Config{Header: "transfer-encoding", Secrets: good}, "header: Transfer-Encoding is about the connection"},
		{"a header of proxies", hmac.Config{Preset: "stripe", Header: "connection", Secrets: good}, "header: Connection is about the connection"},
		{"the host as the time", hmac.Config{Header: "X-Sig", TimestampHeader: "host", Secrets: good}, "timestamp_header: Host is about the connection"},
		{"what comes behind the body as the time", hmac.Config{Preset: "splunk", TimestampHeader: "Trailer", Secrets: good}, "timestamp_header: Trailer is about the connection"},
		{"one header for both", hmac.Config{Header: "X-Sig", TimestampHeader: "x-sig", Secrets: good}, "timestamp_header: is the header of the signature"},
		{"a weak algorithm", hmac.Config{Header: "X-Sig", Algorithm: "sha1", Secrets: good}, "algorithm: one of sha256, sha512"},
		{"an unknown encoding", hmac.Config{Header: "X-Sig", Encoding: "base32", Secrets: good}, "encoding: one of hex, base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := hmac.New(c.config, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s…", err, c.want)
			}
		})
	}
}

func TestNothingLeaksTheSecretOrASignatureByIt(t *testing.T) {
	p := plugin(t, hmac.Config{Preset: "jira", Secrets: secrets(canary)})
	r := call(jiraBody, "X-Hub-Signature", "sha256="+jiraVector)
	err := p.Before(t.Context(), r)
	problem, ok := errors.AsType[*framework.Problem](err)
	if !ok {
		t.Fatalf("error = %v", err)
	}
	_, short := hmac.New(hmac.Config{Preset: "jira", Secrets: secrets("canary-short-1")}, frameworktest.Deps(t))
	frameworktest.LeaksNoSecret(t, canary, err.Error(), problem.Detail, p.Security().Description, r.Identity())
	frameworktest.LeaksNoSecret(t, string(sign256(canary, jiraBody)), err.Error(), problem.Detail)
	frameworktest.LeaksNoSecret(t, "canary-short-1", short.Error())
}

func TestReadmeShowsWorkingConfigurations(t *testing.T) {
	for _, name := range []string{"JIRA_WEBHOOK_SECRET", "SENDER_SECRET", "SENDER_SECRET_OLD", "SPLUNK_SECRET"} {
		t.Setenv(name, canary)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		var shown struct {
			Before []map[string]yaml.Node `yaml:"before"`
		}
		if err := yaml.Load(block[1], &shown); err != nil {
			t.Fatal(err)
		}
		config, node := hmac.Defaults(), shown.Before[0]["hmac"]
		if err := framework.DecodeConfig(&node, "hmac", &config); err != nil {
			t.Fatal(err)
		}
		plugin(t, config)
	}
}
