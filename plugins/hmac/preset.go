package hmac

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"time"

	"funnelweb/framework"
)

// What becomes of a delivery that came in before.
const (
	refuseReplays = "refuse"
	passReplays   = "pass"
)

// The tolerance for clocks, as Slack and Stripe advise it, and its bounds.
const (
	defaultTolerance = 5 * time.Minute
	minTolerance     = time.Second
	maxTolerance     = 24 * time.Hour
)

// stripeHeader is the one header that holds time and signatures together.
const stripeHeader = "stripe"

// preset is how a product signs.
type preset struct {
	Config
	free []string // fields that the product leaves to its operator
}

func presets() map[string]preset {
	return map[string]preset{
		// Jira signs as WebSub does, "method=signature" in X-Hub-Signature, where GitHub has its old SHA-1; both use
		// SHA-256 alone here, and another method in the header does not match.
		"jira":   {Config: Config{Header: "X-Hub-Signature", Prefix: "sha256="}},
		"github": {Config: Config{Header: "X-Hub-Signature-256", Prefix: "sha256="}},
		// Slack, "Verifying requests from Slack".
		"slack": {Config: Config{
			Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Signed: "v0:{timestamp}:{body}",
		}},
		// Stripe, "Verify webhook signatures manually": t=TIME,v1=SIGNATURE, with one v1 for each live secret.
		stripeHeader: {Config: Config{Header: "Stripe-Signature", Signed: "{timestamp}.{body}"}, free: []string{"header"}},
		// The add-on Better Webhooks for Splunk, bin/hmac_helper.py of 1.1.6: the time, seconds with a fraction, is
		// appended to the body. Its operator names both headers, so that ours are a proposal.
		"splunk": {
			Config: Config{Header: "X-Signature", TimestampHeader: "X-Timestamp", Signed: "{body}{timestamp}", Encoding: "base64"},
			free:   []string{"header", "timestamp_header", "algorithm", "encoding"},
		},
	}
}

// timestamped reports whether a time is signed.
func (c Config) timestamped() bool { return c.TimestampHeader != "" || c.Preset == stripeHeader }

// resolve replaces a preset by what it stands for, and fills in what was left out.
func resolve(c Config) (Config, error) {
	if c.Preset != "" {
		var err error
		if c, err = withPreset(c); err != nil {
			return c, err
		}
	}
	if err := checkHeaders(c); err != nil {
		return c, err
	}
	if !c.timestamped() {
		c.Signed = cmp.Or(c.Signed, bodyField)
		return c, withoutTime(c)
	}
	c.Signed = cmp.Or(c.Signed, timestampField+"."+bodyField)
	c.Tolerance = cmp.Or(c.Tolerance, defaultTolerance)
	c.Replays = cmp.Or(c.Replays, refuseReplays)
	switch {
	case c.Tolerance < minTolerance || c.Tolerance > maxTolerance:
		return c, errors.New("tolerance: 1s to 24h")
	case c.Replays != refuseReplays && c.Replays != passReplays:
		return c, errors.New("replays: one of refuse, pass")
	}
	return c, nil
}

// withPreset fills in the fields of a preset. Those that it does not leave open must be empty: two ways to say the same
// thing would differ one day.
func withPreset(c Config) (Config, error) {
	known, ok := presets()[c.Preset]
	if !ok {
		return c, errors.New("preset: one of jira, github, slack, stripe, splunk, or none")
	}
	for _, field := range []struct {
		name         string
		given, means *string
	}{
		{"header", &c.Header, &known.Header},
		{"prefix", &c.Prefix, &known.Prefix},
		{"algorithm", &c.Algorithm, &known.Algorithm},
		{"encoding", &c.Encoding, &known.Encoding},
		{"timestamp_header", &c.TimestampHeader, &known.TimestampHeader},
		{"signed", &c.Signed, &known.Signed},
	} {
		if *field.given != "" && !slices.Contains(known.free, field.name) {
			return c, fmt.Errorf("preset: says %s already; leave out that, or the preset", field.name)
		}
		*field.given = cmp.Or(*field.given, *field.means)
	}
	return c, nil
}

// withoutTime refuses what makes sense only where a time is signed: without one, a sender's second try of a delivery
// and a replay by somebody else are the same bytes.
func withoutTime(c Config) error {
	switch {
	case c.Tolerance != 0:
		return errors.New("tolerance: there is no time to hold it to without timestamp_header")
	case c.Replays != "" && c.Replays != passReplays:
		return errors.New("replays: cannot be told from a sender's second try without timestamp_header")
	default:
		return nil
	}
}

// checkHeaders refuses headers that no call would have, so that each would be refused.
func checkHeaders(c Config) error {
	if c.Header == "" {
		return errors.New("header: the name of the header with the signature is needed, or a preset")
	}
	if err := framework.CheckHeader(c.Header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if c.TimestampHeader == "" {
		return nil
	}
	if err := framework.CheckHeader(c.TimestampHeader); err != nil {
		return fmt.Errorf("timestamp_header: %w", err)
	}
	if http.CanonicalHeaderKey(c.Header) == http.CanonicalHeaderKey(c.TimestampHeader) {
		return errors.New("timestamp_header: is the header of the signature")
	}
	return nil
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
