// Package hmac lets only those calls through whose body is signed with a shared secret, as Jira, GitHub, Slack, Stripe
// and many other senders of webhooks do.
package hmac

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"time"

	"funnelweb/framework"
)

// minSecret is the least length of a secret in bytes: 128 bits when each byte is random.
const minSecret = 16

// Config says how the sender signs: by its preset, or by the other fields.
type Config struct {
	// Preset is jira, github, slack, stripe or splunk. It stands for the fields from Header to Signed; stripe lets
	// Header be given too, splunk Header, TimestampHeader, Algorithm and Encoding.
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
	// TimestampHeader carries the time of signing: seconds since 1970, with or without a fraction, or milliseconds
	// (13 digits). None when empty.
	TimestampHeader string `yaml:"timestamp_header"`
	// Signed is the text that is signed, with {body} and {timestamp} in it, once each. "{body}" when there is no
	// timestamp, else "{timestamp}.{body}".
	Signed string `yaml:"signed"`
	// Tolerance is how far the signed time may be from this server's, in either direction: 1s to 24h, 5m when left out.
	Tolerance time.Duration `yaml:"tolerance"`
	// Replays says what becomes of a delivery whose signed text came in before, within the tolerance: refuse (the
	// default where a time is signed) or pass.
	Replays string `yaml:"replays"`
}

// Defaults is empty: a preset or a header has to be given.
func Defaults() Config { return Config{} }

// Plugin checks signatures over the raw body. It is a framework.Authenticator.
type Plugin struct {
	secrets   []framework.Secret
	hash      func() hash.Hash
	text      template
	read      reader
	tolerance time.Duration // 0 when no time is signed
	seen      *memory       // nil when replays pass
	now       func() time.Time
	header    string

	// The refusals are the same for the caller whatever was wrong, so that they tell nothing; the log has the cause.
	malformed, mismatch *framework.Problem
}

// New refuses a configuration that would let anyone sign.
func New(c Config, d framework.Deps) (*Plugin, error) {
	c, err := resolve(c)
	if err != nil {
		return nil, err
	}
	p := &Plugin{secrets: c.Secrets, tolerance: c.Tolerance, now: d.Now, header: http.CanonicalHeaderKey(c.Header)}
	if p.hash, err = algorithm(c.Algorithm); err != nil {
		return nil, err
	}
	if p.read, err = newReader(c); err != nil {
		return nil, err
	}
	if p.text, err = parseTemplate(c.Signed, c.timestamped()); err != nil {
		return nil, err
	}
	if c.Replays == refuseReplays {
		p.seen = newMemory(2*c.Tolerance, d.Log)
	}
	p.malformed = p.refusal(errors.New("no signature of the agreed form"))
	p.mismatch = p.refusal(errors.New("the signature is by none of the secrets, or of another text"))
	return p, checkSecrets(c.Secrets)
}

func checkSecrets(secrets []framework.Secret) error {
	if len(secrets) == 0 {
		return errors.New("secrets: at least one is needed")
	}
	for i, secret := range secrets {
		if len(secret.Reveal()) < minSecret {
			return fmt.Errorf("secrets[%d]: shorter than %d bytes, so it could be guessed; make one with: openssl rand -hex 32", i, minSecret)
		}
	}
	return nil
}

func (p *Plugin) refusal(cause error) *framework.Problem {
	problem := framework.Unauthorized("", "A valid signature of the body is needed, once, in the header "+p.header+".")
	problem.Cause = cause
	return problem
}

// Before lets the call go on when one of the secrets signs its body, and says which by "hmac:1", "hmac:2" and so on.
// Where a time is signed too, it has to be near, and the same text is taken in once.
func (p *Plugin) Before(ctx context.Context, r *framework.Request) error {
	sent, ok := p.read(r.Header)
	if !ok {
		return p.malformed
	}
	matched, fingerprint := p.match(sent, r.Raw())
	if matched == 0 {
		return p.mismatch
	}
	r.Identify(fmt.Sprintf("hmac:%d", matched))
	if p.tolerance == 0 {
		return nil
	}
	now := p.now()
	if away := now.Sub(sent.time).Abs(); away > p.tolerance {
		return p.refusal(fmt.Errorf("the signature is good, and its time %s away from this server's clock", away.Round(time.Second)))
	}
	return p.once(ctx, r, fingerprint, now)
}

// match returns the place, from 1, of the secret by which one of the signatures is, or 0, and a fingerprint of the
// signed text: two deliveries have the same one only when time and body are the same, however they were written down.
func (p *Plugin) match(sent sent, body []byte) (matched int, fingerprint [fingerprintSize]byte) {
	for i, secret := range p.secrets { // to the end: the time taken does not tell which one matched
		mac := hmac.New(p.hash, []byte(secret.Reveal()))
		p.text.write(mac, sent.timestamp, body)
		sum := mac.Sum(nil)
		for _, signature := range sent.signatures {
			if hmac.Equal(signature, sum) {
				matched = i + 1
			}
		}
		if i == 0 {
			copy(fingerprint[:], sum)
		}
	}
	return matched, fingerprint
}

// once refuses a text that came in before. A call that fails gives its text free again: a sender that repeats what was
// not taken in, with the signature of its first try, must not lose it.
func (p *Plugin) once(ctx context.Context, r *framework.Request, fingerprint [fingerprintSize]byte, now time.Time) error {
	if p.seen == nil {
		return nil
	}
	if !p.seen.add(ctx, fingerprint, now) {
		return framework.NewProblem(http.StatusConflict, "This signed delivery was taken in before. Nothing was done again.")
	}
	r.OnAnswer(func(status int) {
		if status >= http.StatusBadRequest {
			p.seen.remove(fingerprint)
		}
	})
	return nil
}

// Security describes the header with the signature.
func (p *Plugin) Security() framework.SecurityScheme {
	description := "HMAC of the raw body under a shared secret"
	if p.tolerance > 0 {
		description = "HMAC of the raw body and the time under a shared secret"
	}
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: p.header, Description: description}
}

// Refusals lists the status that a replayed delivery gets, where replays are refused.
func (p *Plugin) Refusals() []int {
	if p.seen == nil {
		return nil
	}
	return []int{http.StatusConflict}
}
