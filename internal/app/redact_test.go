package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

// logging is a JSON log that redacts the secrets of a configuration.
func logging(t *testing.T, text string) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	config, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return redacting(slog.New(slog.NewJSONHandler(&out, nil)), config.secrets(os.DevNull)), &out
}

const withSecrets = `
jira: {url: "https://jira.example.com", token: "env:LOGGED_TOKEN"}
enrichers: {virustotal: {key: "env:LOGGED_KEY"}}
endpoints:
  - use: splunk
    before: [{token: {secrets: ["env:LOGGED_TOKEN", "env:LOGGED_LONGER"]}}]
    with: {x: "env:LOGGED_PASSWORD"}
automations:
  - {name: a, on: b.c, do: {archive: {key: "env:LOGGED_ACTION", other: "env:LOGGED_UNSET"}}}
`

func TestNoSecretOfTheConfigurationIsLoggedWhateverItStandsIn(t *testing.T) {
	canaries := map[string]string{
		"LOGGED_TOKEN": "canary-token-5a1", "LOGGED_LONGER": "canary-token-5a1-and-more", "LOGGED_KEY": "canary-key-77f2",
		"LOGGED_PASSWORD": `canary "p%ss\w/rd`, "LOGGED_ACTION": "canary-action-31",
	}
	for name, value := range canaries {
		t.Setenv(name, value)
	}
	for name, canary := range canaries {
		log, out := logging(t, withSecrets)
		log.With("bound", canary).WithGroup("group").With("in_group", canary).Error("message",
			"text", canary, "err", fmt.Errorf("call: %w", errors.New("Get https://x/?token="+url.QueryEscape(canary))),
			"raw", []byte(canary), "any", map[string]string{"a": canary}, "quoted", fmt.Sprintf("%q", canary),
			"url", &url.URL{Path: "/" + canary}, slog.Group("nested", "a", canary, slog.Group("deeper", "b", canary)))
		message := slog.NewRecord(time.Unix(1, 0), slog.LevelError, "message with "+canary, 0)
		if err := log.Handler().Handle(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		frameworktest.LeaksNoSecret(t, canary, out.String())
		if strings.Contains(out.String(), "and-more") {
			t.Errorf("%s: a part of it is left", name)
		}
		if got := strings.Count(out.String(), redacted); got < 10 {
			t.Errorf("%s: only %d places show that something was there:\n%s", name, got, out.String())
		}
	}
}

// encoders write a secret as programs do that pass it on.
func encoders() map[string]func(string) string {
	all := map[string]func(string) string{
		"hex": func(s string) string { return hex.EncodeToString([]byte(s)) }, "HEX": func(s string) string { return fmt.Sprintf("%X", s) },
		"a query": url.QueryEscape, "a path": url.PathEscape, "a user's password": func(s string) string { return url.UserPassword("u", s).String() },
		"JSON":                      func(s string) string { text, _ := json.Marshal(s); return string(text) },
		"JSON as the encoder of v1": func(s string) string { text, _ := jsonv1.Marshal(s); return string(text) },
		"Go's quotes":               strconv.Quote,
		"percent encoding":          func(s string) string { return percent(s, "%%%02x") },
	}
	for name, encoding := range map[string]*base64.Encoding{
		"base64": base64.StdEncoding, "base64 without padding": base64.RawStdEncoding, "URL base64": base64.URLEncoding, "URL base64 without padding": base64.RawURLEncoding,
	} {
		for before := range 4 {
			for after := range 4 {
				all[fmt.Sprintf("%s behind %d and ahead of %d bytes", name, before, after)] = func(s string) string {
					return encoding.EncodeToString([]byte("user"[:before] + s + "tail"[:after]))
				}
			}
		}
	}
	return all
}

func TestNoSecretIsLoggedHoweverItIsEncoded(t *testing.T) {
	for _, canary := range []string{"canary-token-5a1", "canary-token-5a1b", "canary-token-5a1bc", `canary <"p%ss\w/rd+?> & ö`} {
		t.Setenv("LOGGED_TOKEN", canary)
		for name, encode := range encoders() {
			log, out := logging(t, `jira: {token: "env:LOGGED_TOKEN"}`)
			log.Error("call failed", "err", errors.New("the service says "+encode(canary)+"."), "again", encode(canary))
			line := out.String()
			if strings.Count(line, redacted) != 2 {
				t.Errorf("in %s it is not replaced twice: %s", name, line)
			}
			frameworktest.LeaksNoSecret(t, canary, line)
		}
	}
}

// What is left of a credential of HTTP's Basic scheme would tell a part of it.
func TestNothingIsLeftOfAUserAndAPasswordThatGoTogether(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "canary-token-5a1")
	for _, text := range []string{
		`jira: {url: "https://jira.example.com", user: bot@example.com, token: "env:LOGGED_TOKEN"}`,
		`endpoints: [{use: splunk, before: [{basic: {users: [{name: bot@example.com, password: "env:LOGGED_TOKEN"}]}}]}]`,
		`jira: {url: "https://bot%40example.com:canary-token-5a1@jira.example.com"}`,
	} {
		log, out := logging(t, text)
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.SetBasicAuth("bot@example.com", "canary-token-5a1")
		log.Error("call failed", "headers", request.Header)
		if !strings.Contains(out.String(), `map[Authorization:[Basic [secret]]]`) {
			t.Errorf("%s: %s", text, out.String())
		}
	}
}

func TestTheAccessTokenIsNotLoggedThoughTheConfigurationDoesNotNameIt(t *testing.T) {
	file, token, err := EnsureAccessToken(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config, err := ParseConfig([]byte("listen: 127.0.0.1:0\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-aws-secret-81")
	var out bytes.Buffer
	redacting(slog.New(slog.NewJSONHandler(&out, nil)), config.secrets(file)).Error("x", "sent", "Bearer "+token, "sdk", "canary-aws-secret-81")
	frameworktest.LeaksNoSecret(t, token, out.String())
	frameworktest.LeaksNoSecret(t, "canary-aws-secret-81", out.String())
}

func TestASecretWhereverItStandsInTheFileIsKnown(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "canary-token-5a1")
	for _, text := range []string{
		`future: {section: [{of: "env:LOGGED_TOKEN"}]}`,
		"a: &x {token: \"env:LOGGED_TOKEN\"}\njira: *x\n",
		"jira:\n  token: >-\n    env:LOGGED_TOKEN\n",
	} {
		config, _ := ParseConfig([]byte(text)) // some of these are mistakes, which are logged too
		if found := config.secrets(os.DevNull); !slices.Contains(found, "canary-token-5a1") {
			t.Errorf("%s: %d secrets", text, len(found))
		}
	}
}

// BenchmarkRedact is what looking for 30 secrets costs a log line of a call.
func BenchmarkRedact(b *testing.B) {
	var secrets []string
	for i := range 30 {
		secrets = append(secrets, fmt.Sprintf("secret-%d-%x", i, sha256.Sum256([]byte{byte(i)})))
	}
	for name, list := range map[string][]string{"none": nil, "30": secrets} {
		var out bytes.Buffer
		log := redacting(slog.New(slog.NewJSONHandler(&out, nil)), list)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				log.LogAttrs(b.Context(), slog.LevelInfo, "request", slog.String("request_id", "mfrggzdfmztwq2lknnwg23tpoa"), slog.String("method", "POST"),
					slog.String("route", "/api/v1/splunk/alert"), slog.Int("status", 202), slog.Float64("duration_ms", 1.25), slog.String("client", "192.0.2.1"))
			}
		})
	}
}

func TestALogLineWithoutSecretsIsNotChanged(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "canary-token-5a1")
	var want bytes.Buffer
	log, got := logging(t, `jira: {token: "env:LOGGED_TOKEN"}`)
	for _, logger := range []*slog.Logger{log, slog.New(slog.NewJSONHandler(&want, nil))} {
		record := slog.NewRecord(time.Unix(1, 0), slog.LevelWarn, "message", 0)
		record.Add("number", 1, "duration", time.Second, "time", time.Unix(2, 0), "list", []string{"a"}, "err", errors.New("broken"),
			"nothing", nil, slog.Group("group", "flag", true))
		if err := logger.With("part", "x").Handler().Handle(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASecretThatIsShortAsAWordIsNoReasonToChangeLines(t *testing.T) {
	t.Setenv("LOGGED_TOKEN", "store")
	log, out := logging(t, `jira: {token: "env:LOGGED_TOKEN"}`)
	log.Info("the store is open")
	if !strings.Contains(out.String(), "the store is open") {
		t.Errorf("the log says %s", out.String())
	}
}
