package framework

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSecretFile bounds a secret read from a file: 64 KiB holds any key or PEM chain.
const maxSecretFile = 64 << 10

// Secret is a password, key or token. In a configuration it is only ever a reference,
// `env:NAME` or `file:/path`, so that a configuration can be shown to anyone. A Secret
// prints as [secret] under every verb and encoder; Reveal is the one way to its value.
type Secret struct {
	// value is a pointer because fmt cannot call Format on an unexported field of another struct: it would print
	// a string there, and prints the address of a pointer.
	value *string
}

// NewSecret wraps a value that was made at run time, such as a generated token.
func NewSecret(value string) Secret { return Secret{value: &value} }

// ResolveSecret reads a reference of the form env:NAME or file:/path. An unset variable, an
// empty value and a plain value written in place are errors; none of them quotes the value.
func ResolveSecret(reference string) (Secret, error) {
	kind, name, _ := strings.Cut(reference, ":")
	var value string
	switch {
	case kind == "env" && name != "":
		found, ok := os.LookupEnv(name) //nolint:forbidigo // this is where the environment is read
		if !ok {
			return Secret{}, fmt.Errorf("environment variable %s is not set", name)
		}
		value = found
	case kind == "file" && name != "":
		read, err := readSecretFile(name)
		if err != nil {
			return Secret{}, err
		}
		value = read
	default:
		return Secret{}, errors.New("a secret is written as env:NAME or file:/path, never in place")
	}
	if value == "" {
		return Secret{}, fmt.Errorf("secret %s:%s is empty", kind, name)
	}
	return Secret{value: &value}, nil
}

// readSecretFile does without the line feeds that editors leave at the end. It trusts no stated size: a device has none.
func readSecretFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret file: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("read secret file: %w", err)
	}
	if len(body) > maxSecretFile {
		return "", fmt.Errorf("secret file %s is larger than %d bytes", path, maxSecretFile)
	}
	return strings.TrimRight(string(body), "\r\n"), nil
}

// UnmarshalYAML resolves the reference, so that a configuration with a missing secret does not load.
func (s *Secret) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return errors.New("a secret is written as env:NAME or file:/path")
	}
	resolved, err := ResolveSecret(node.Value)
	if err != nil {
		return err
	}
	*s = resolved
	return nil
}

// Reveal returns the value. Call it where the value leaves for its service, nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no secret was configured.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal compares in constant time and does not tell the length apart. A zero Secret equals nothing.
func (s Secret) Equal(candidate string) bool {
	want, got := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(candidate))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && !s.IsZero()
}

const hidden = "[secret]"

// Format prints [secret] under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// String returns [secret].
func (s Secret) String() string { return hidden }

// LogValue logs [secret].
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText encodes as [secret] in JSON, YAML and text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
