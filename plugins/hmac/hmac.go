// Package hmac lets only those calls through whose body is signed with a shared secret, as Jira, GitHub, Slack, Stripe
// and many other senders of webhooks do.
package hmac

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"log/slog"
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
	// Replays says what becomes of a delivery that came in before, within the tolerance, here or wherever else the same
	// secret is good: refuse (the default where a time is signed) or pass.
	Replays string `yaml:"replays"`
}

// Defaults is empty: a preset or a header has to be given.
func Defaults() Config { return Config{} }

// Plugin checks signatures over the raw body. It is a framework.Authenticator.
type Plugin struct {
	secrets   []framework.Secret
	names     []string // who calls with which of them
	hash      func() hash.Hash
	text      template
	read      reader
	tolerance time.Duration // 0 when no time is signed
	seen      *memory       // nil when replays pass
	now       func() time.Time
	log       *slog.Logger
	header    string

	// The refusals are the same for the caller whatever was wrong, so that they tell nothing; the log has the cause.
	malformed, mismatch *framework.Problem
}

// New makes a plugin that knows no deliveries but its own. It refuses a configuration that would let anyone sign.
func New(c Config, d framework.Deps) (*Plugin, error) { return newPlugin(c, d, newMemory()) }

// Sharing returns a New whose plugins know each other's deliveries: nothing in a signature says which route it is for,
// so that one that came in on a route is a replay on every other where its secret is good.
func Sharing() func(Config, framework.Deps) (*Plugin, error) {
	shared := newMemory()
	return func(c Config, d framework.Deps) (*Plugin, error) { return newPlugin(c, d, shared) }
}

func newPlugin(c Config, d framework.Deps, seen *memory) (*Plugin, error) {
	c, err := resolve(c)
	if err != nil {
		return nil, err
	}
	p := &Plugin{secrets: c.Secrets, tolerance: c.Tolerance, now: d.Now, log: d.Log, header: http.CanonicalHeaderKey(c.Header)}
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
		seen.widen(2 * c.Tolerance)
		p.seen = seen
	}
	for i := range c.Secrets {
		p.names = append(p.names, fmt.Sprintf("hmac:%d", i+1))
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
	matched, fingerprints := p.match(sent, r.Raw())
	if matched == 0 {
		return p.mismatch
	}
	r.Identify(p.names[matched-1])
	if p.tolerance == 0 {
		return nil
	}
	now := p.now()
	if away := now.Sub(sent.time).Abs(); away > p.tolerance {
		return p.refusal(fmt.Errorf("the signature is good, and its time %s away from this server's clock", away.Round(time.Second)))
	}
	return p.once(ctx, r, fingerprints, now)
}

// match returns the place, from 1, of the last secret by which one of the signatures is, or 0, and the fingerprints of
// the delivery under each such secret.
func (p *Plugin) match(sent sent, body []byte) (matched int, fingerprints []fingerprint) {
	for i, secret := range p.secrets { // to the end: the time taken does not tell which one matched
		mac := hmac.New(p.hash, []byte(secret.Reveal()))
		p.text.write(mac, sent.timestamp, body)
		sum := mac.Sum(nil)
		signed := false
		for _, signature := range sent.signatures {
			signed = hmac.Equal(signature, sum) || signed
		}
		if signed {
			matched, fingerprints = i+1, append(fingerprints, fingerprint(sum[:fingerprintSize]))
		}
	}
	return matched, fingerprints
}

// beforeAnswered is when a sender is asked to repeat what its first try is still under way of.
const beforeAnswered = time.Second

// once refuses a delivery that came in before. While the first try is not answered nobody knows whether it will be taken
// in: then a sender is told to come again, and never that all is done. A try that fails gives its delivery free: a
// sender that repeats it, with the signature of the first try, must not lose it.
func (p *Plugin) once(ctx context.Context, r *framework.Request, fingerprints []fingerprint, now time.Time) error {
	if p.seen == nil {
		return nil
	}
	switch p.seen.begin(ctx, p.log, fingerprints, now) {
	case takenIn:
		return framework.NewProblem(http.StatusConflict, "This signed delivery was taken in before. Nothing was done again.")
	case underWay:
		return framework.Unavailable("This signed delivery came in a moment ago and is not decided yet. Repeat it.", beforeAnswered, nil)
	default:
		r.OnAnswer(func(status int) { p.seen.end(fingerprints, status < http.StatusBadRequest) })
		return nil
	}
}

// Security describes the header with the signature.
func (p *Plugin) Security() framework.SecurityScheme {
	description := "HMAC of the raw body under a shared secret"
	if p.tolerance > 0 {
		description = "HMAC of the raw body and the time under a shared secret"
	}
	return framework.SecurityScheme{Type: "apiKey", In: "header", Name: p.header, Description: description}
}

// Refusals lists the statuses that a delivery gets that came in before, where replays are refused.
func (p *Plugin) Refusals() []int {
	if p.seen == nil {
		return nil
	}
	return []int{http.StatusConflict, http.StatusServiceUnavailable}
}
