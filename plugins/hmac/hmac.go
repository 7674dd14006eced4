// Package hmac lets only those calls through whose body is signed with a shared secret, as Jira, GitHub and many
// other senders of webhooks do.
package hmac

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"strings"

	"funnelweb/framework"
)

// minSecret is the least length of a secret in bytes: 128 bits when each byte is random.
const minSecret = 16

// Config says how the sender signs: by its preset, or by the other fields.
type Config struct {
	// Preset is jira or github. The fields below Secrets are then left out.
	Preset string `yaml:"preset"`
	// Secrets are what senders may sign with, of at least 16 bytes each. Several allow a change without a gap.
	Secrets []framework.Secret `yaml:"secrets"`
	// Header carries the signature.
	Header string `yaml:"header"`
	// Prefix stands before the signature in the header, such as "sha256="; none when empty.
	Prefix string `yaml:"prefix"`
	// Algorithm is sha256 (the default) or sha512.
	Algorithm string `yaml:"algorithm"`
	// Encoding of the signature is hex (the default, in either case) or base64 (standard alphabet, padded).
	Encoding string `yaml:"encoding"`
}

// Defaults is empty: a preset or a header has to be given.
func Defaults() Config { return Config{} }

// Plugin checks signatures over the raw body. It is a framework.Authenticator.
type Plugin struct {
	secrets []framework.Secret
	header  string
	prefix  string
	hash    func() hash.Hash
	decode  func(string) ([]byte, error)
	refusal *framework.Problem // the same whatever was wrong, so that it tells nothing
}

// New refuses a configuration that would let anyone sign.
func New(c Config, _ framework.Deps) (*Plugin, error) {
	c, err := resolve(c)
	if err != nil {
		return nil, err
	}
	p := &Plugin{secrets: c.Secrets, header: http.CanonicalHeaderKey(c.Header), prefix: c.Prefix}
	if p.hash, err = algorithm(c.Algorithm); err != nil {
		return nil, err
	}
	if p.decode, err = encoding(c.Encoding); err != nil {
		return nil, err
	}
	if len(c.Secrets) == 0 {
		return nil, errors.New("secrets: at least one is needed")
	}
	for i, secret := range c.Secrets {
		if len(secret.Reveal()) < minSecret {
			return nil, fmt.Errorf("secrets[%d]: shorter than %d bytes, so it could be guessed; make one with: openssl rand -hex 32", i, minSecret)
		}
	}
	p.refusal = framework.Unauthorized("", "A valid signature of the body is needed, once, in the header "+p.header+".")
	return p, nil
}

// headerName is a token (RFC 9110 section 5.6.2).
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// resolve replaces a preset by what it stands for. Jira signs as WebSub does, "method=signature" in X-Hub-Signature,
// where GitHub has its old SHA-1; both use SHA-256 alone here, and another method in the header does not match.
func resolve(c Config) (Config, error) {
	header, known := map[string]string{"jira": "X-Hub-Signature", "github": "X-Hub-Signature-256"}[c.Preset]
	switch {
	case known && (c.Header != "" || c.Prefix != "" || c.Algorithm != "" || c.Encoding != ""):
		return c, errors.New("preset: says header, prefix, algorithm and encoding already; leave those out, or the preset")
	case known:
		c.Header, c.Prefix = header, "sha256="
	case c.Preset != "":
		return c, errors.New("preset: one of jira, github, or none")
	case !headerName.MatchString(c.Header):
		return c, errors.New("header: the name of the header with the signature is needed, or a preset")
	}
	return c, nil
}

func algorithm(name string) (func() hash.Hash, error) {
	switch name {
	case "", "sha256":
		return sha256.New, nil
	case "sha512":
		return sha512.New, nil
	default:
		return nil, errors.New("algorithm: one of sha256, sha512")
	}
}

func encoding(name string) (func(string) ([]byte, error), error) {
	switch name {
	case "", "hex":
		return hex.DecodeString, nil
	case "base64":
		return base64.StdEncoding.Strict().DecodeString, nil
	default:
		return nil, errors.New("encoding: one of hex, base64")
	}
}

// Before lets the call go on when one of the secrets signs its body, and says which by "hmac:1", "hmac:2" and so on.
func (p *Plugin) Before(_ context.Context, r *framework.Request) error {
	signature, err := p.signature(r.Header.Values(p.header))
	if err != nil {
		return p.refusal
	}
	matched := 0
	for i, secret := range p.secrets { // to the end: the time taken does not tell which one matched
		mac := hmac.New(p.hash, []byte(secret.Reveal()))
		_, _ = mac.Write(r.Raw())
		if hmac.Equal(signature, mac.Sum(nil)) {
			matched = i + 1
		}
	}
	if matched == 0 {
		return p.refusal
	}
	r.Identify(fmt.Sprintf("hmac:%d", matched))
	return nil
}

// errSignature is seen by nobody: every refusal is answered alike.
var errSignature = errors.New("no signature of the agreed form")

// signature reads the one value of the header. With two, a proxy in front may have checked the other one.
func (p *Plugin) signature(values []string) ([]byte, error) {
	if len(values) != 1 {
		return nil, errSignature
	}
	encoded, found := strings.CutPrefix(values[0], p.prefix)
	if !found {
		return nil, errSignature
	}
	return p.decode(encoded)
}

// Security describes the header with the signature.
func (p *Plugin) Security() framework.SecurityScheme {
	return framework.SecurityScheme{
		Type: "apiKey", In: "header", Name: p.header,
		Description: "HMAC of the raw body under a shared secret",
	}
}
