package framework_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

const secretCanary = "canary-\"secret\"-0123456789"

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsAreResolved(t *testing.T) {
	t.Setenv("FW_TEST_SECRET", secretCanary)
	for name, c := range map[string]struct{ reference, want string }{
		"from the environment":            {"env:FW_TEST_SECRET", secretCanary},
		"from a file":                     {"file:" + secretFile(t, secretCanary), secretCanary},
		"without the file's last lines":   {"file:" + secretFile(t, secretCanary+"\r\n\n"), secretCanary},
		"with the lines inside of a file": {"file:" + secretFile(t, "-----BEGIN\nabc\n-----END\n"), "-----BEGIN\nabc\n-----END"},
		"with the spaces of a file":       {"file:" + secretFile(t, " a "), " a "},
		"from a file of the largest size": {"file:" + secretFile(t, strings.Repeat("a", 64<<10)), strings.Repeat("a", 64<<10)},
	} {
		got, err := framework.ResolveSecret(c.reference)
		if err != nil || got.Reveal() != c.want {
			t.Errorf("%s: got %q, %v", name, got.Reveal(), err)
		}
	}
}

func TestSecretsThatAreNoneAreRefused(t *testing.T) {
	t.Setenv("FW_TEST_EMPTY", "")
	directory, missing, empty := t.TempDir(), filepath.Join(t.TempDir(), "missing"), secretFile(t, "\n")
	large := secretFile(t, strings.Repeat("a", 64<<10+1))
	for reference, want := range map[string]string{
		secretCanary:           "a secret is written as env:NAME or file:/path, never in place",
		"":                     "a secret is written as env:NAME or file:/path, never in place",
		"env:":                 "a secret is written as env:NAME or file:/path, never in place",
		"file:":                "a secret is written as env:NAME or file:/path, never in place",
		"ENV:FW_TEST_EMPTY":    "a secret is written as env:NAME or file:/path, never in place",
		"pass:" + secretCanary: "a secret is written as env:NAME or file:/path, never in place",
		"env:FW_TEST_EMPTY":    "secret env:FW_TEST_EMPTY is empty",
		"env:FW_TEST_ABSENT":   "environment variable FW_TEST_ABSENT is not set",
		"file:" + empty:        "secret file:" + empty + " is empty",
		"file:" + missing:      "read secret file: open " + missing + ": no such file or directory",
		"file:" + directory:    "read secret file: read " + directory + ": is a directory",
		"file:" + large:        "secret file " + large + " is larger than 65536 bytes",
		"file:/dev/zero":       "secret file /dev/zero is larger than 65536 bytes",
	} {
		got, err := framework.ResolveSecret(reference)
		if err == nil || !got.IsZero() {
			t.Errorf("%.20q was taken", reference)
			continue
		}
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
		frameworktest.LeaksNoSecret(t, secretCanary, err.Error())
	}
}

// holder keeps secrets in every way that a part may.
type holder struct {
	Value   framework.Secret            `json:"value" yaml:"value"`
	Pointer *framework.Secret           `json:"pointer" yaml:"pointer"`
	List    []framework.Secret          `json:"list" yaml:"list"`
	Map     map[string]framework.Secret `json:"map" yaml:"map"`
	Any     any                         `json:"any" yaml:"any"`
}

func TestSecretIsHiddenByEveryPrinterAndEncoder(t *testing.T) {
	secret := framework.NewSecret(secretCanary)
	held := holder{secret, &secret, []framework.Secret{secret}, map[string]framework.Secret{"a": secret}, secret}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T %v", "%10s", "%!"} {
		for _, value := range []any{secret, &secret, held, &held, []any{held}, fmt.Errorf("wrapped %v", secret)} {
			texts = append(texts, fmt.Sprintf(verb, value, value))
		}
	}
	for _, handler := range []func(*strings.Builder) slog.Handler{
		func(to *strings.Builder) slog.Handler { return slog.NewTextHandler(to, nil) },
		func(to *strings.Builder) slog.Handler { return slog.NewJSONHandler(to, nil) },
	} {
		var log strings.Builder
		slog.New(handler(&log)).With("with", secret).Info("m", "value", secret, "pointer", &secret, "held", held, slog.Group("g", "a", held))
		texts = append(texts, log.String())
	}
	for name, encode := range map[string]func(any) ([]byte, error){
		"JSON": json.Marshal, "JSON v2": func(v any) ([]byte, error) { return jsonv2.Marshal(v) }, "YAML": func(v any) ([]byte, error) { return yaml.Dump(v) },
	} {
		encoded, err := encode(held)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(string(encoded), "[secret]") {
			t.Errorf("%s does not show that there is a secret: %s", name, encoded)
		}
		texts = append(texts, string(encoded))
	}
	frameworktest.LeaksNoSecret(t, secretCanary, texts...)
	if got := fmt.Sprintf("%s %v %q", secret, secret, secret); got != "[secret] [secret] [secret]" {
		t.Errorf("printed as %s", got)
	}
}

func TestSecretsEqualOnlyThemselves(t *testing.T) {
	secret := framework.NewSecret(secretCanary)
	for candidate, want := range map[string]bool{secretCanary: true, secretCanary + "x": false, secretCanary[1:]: false, "": false, "[secret]": false} {
		if got := secret.Equal(candidate); got != want {
			t.Errorf("equal to %q: %t", candidate, got)
		}
	}
	if (framework.Secret{}).Equal("") || framework.NewSecret("").Equal("") {
		t.Error("no secret equals an empty candidate")
	}
	if !(framework.Secret{}).IsZero() || secret.IsZero() {
		t.Error("IsZero is wrong")
	}
}
