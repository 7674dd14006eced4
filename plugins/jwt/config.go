package jwt

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	gojwt "github.com/golang-jwt/jwt/v5"

	"funnelweb/framework"
)

// minSecret is the least length of a secret in bytes: that of the hash (RFC 7518 section 3.2).
const minSecret = 32

// Config says who signs tokens, by one of Secrets, JWKS and Issuers, and what they must say.
type Config struct {
	// Secrets are what tokens are signed with under HS256, of at least 32 bytes each. Several allow a change without a gap.
	Secrets []framework.Secret `yaml:"secrets"`
	// JWKS is the https address of the one issuer's public keys (RFC 7517).
	JWKS string `yaml:"jwks"`
	// Issuers are the addresses of several issuers' public keys, by what tokens say in IssuerClaim. Nobody else's keys
	// are ever asked for.
	Issuers map[string]string `yaml:"issuers"`
	// IssuerClaim tells the issuers apart: iss unless their tokens have another claim for it.
	IssuerClaim string `yaml:"issuer_claim"`
	// Algorithms that public keys may be for: RS256, ES256; both when left out. Secrets are for HS256 alone.
	Algorithms []string `yaml:"algorithms"`
	// Issuer is what tokens must say in iss. Not looked at when empty.
	Issuer string `yaml:"issuer"`
	// Audience is who we are: tokens must name one of these in aud. When empty, tokens that are for somebody are refused.
	Audience []string `yaml:"audience"`
	// AnyAudience takes tokens whoever they are for, and must be said where public keys are used without Audience: an
	// issuer signs tokens for all its applications with the same key.
	AnyAudience bool `yaml:"any_audience"`
	// WithoutExpiry takes tokens that do not say when they expire, too. A time that is said counts in any case.
	WithoutExpiry bool `yaml:"without_expiry"`
	// Typ is what tokens must say in their header typ, such as at+jwt (RFC 9068). JWT, at+jwt or none when empty.
	Typ string `yaml:"typ"`
}

// Defaults trusts nobody.
func Defaults() Config { return Config{IssuerClaim: "iss"} }

var (
	claimName  = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)
	issuerName = regexp.MustCompile(`^[!-~]{1,256}$`) // it stands in the log before a space
	typeName   = regexp.MustCompile(`^[A-Za-z0-9!#$&^_.+/-]{1,64}$`)
)

// checkLists refuses a list that is there and empty: was it left out, or are they to be none? For an audience the one
// would take what the other refuses.
func (c Config) checkLists() error {
	for _, list := range []struct {
		name  string
		empty bool
	}{
		{"secrets", c.Secrets != nil && len(c.Secrets) == 0},
		{"issuers", c.Issuers != nil && len(c.Issuers) == 0},
		{"algorithms", c.Algorithms != nil && len(c.Algorithms) == 0},
		{"audience", c.Audience != nil && len(c.Audience) == 0},
	} {
		if list.empty {
			return errors.New(list.name + ": is empty; name at least one, or leave it out")
		}
	}
	return nil
}

func (c Config) check() error {
	if err := c.checkLists(); err != nil {
		return err
	}
	ways := 0
	for _, used := range []bool{len(c.Secrets) > 0, c.JWKS != "", len(c.Issuers) > 0} {
		if used {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("one of secrets, jwks and issuers is needed, and one only: keys of different kinds for one token are how tokens are forged")
	case len(c.Algorithms) > 0 && len(c.Secrets) > 0:
		return errors.New("algorithms: secrets are for HS256 alone; leave it out")
	case len(c.Audience) > 0 && c.AnyAudience:
		return errors.New("any_audience: contradicts audience; leave one out")
	case len(c.Audience) == 0 && !c.AnyAudience && len(c.Secrets) == 0:
		return errors.New("audience: is needed, since an issuer signs tokens for all its applications with one key; or say any_audience: true")
	case slices.Contains(c.Audience, ""):
		return errors.New("audience: an empty name is nobody's")
	case len(c.Issuers) > 0 && c.Issuer != "":
		return errors.New("issuer: issuers says it already; leave it out")
	case len(c.Issuers) > 0 && !claimName.MatchString(c.IssuerClaim):
		return errors.New("issuer_claim: 1 to 128 of letters, digits and _.:/-")
	case len(c.Issuers) == 0 && c.IssuerClaim != "iss":
		return errors.New("issuer_claim: has no meaning without issuers")
	case c.Typ != "" && !typeName.MatchString(c.Typ):
		return errors.New("typ: not a media type")
	}
	for i, name := range c.Algorithms {
		if name != gojwt.SigningMethodRS256.Alg() && name != gojwt.SigningMethodES256.Alg() {
			return fmt.Errorf("algorithms[%d]: one of RS256, ES256", i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Issuers)) {
		if !issuerName.MatchString(name) {
			return errors.New("issuers: a name has 1 to 256 visible ASCII characters")
		}
	}
	return c.checkSecrets()
}

func (c Config) checkSecrets() error {
	for i, secret := range c.Secrets {
		switch value := secret.Reveal(); {
		case len(value) < minSecret:
			return fmt.Errorf("secrets[%d]: shorter than %d bytes, so it could be guessed from one token; make one with: openssl rand -hex 32", i, minSecret)
		case strings.Contains(value, "-----BEGIN "):
			return fmt.Errorf("secrets[%d]: is a key or certificate in PEM; whoever has its public half could sign. Use jwks", i)
		}
	}
	return nil
}

// algorithms is what the header of a token may say, whatever else it says.
func (c Config) algorithms() []string {
	if len(c.Secrets) > 0 {
		return []string{gojwt.SigningMethodHS256.Alg()}
	}
	if len(c.Algorithms) > 0 {
		return c.Algorithms
	}
	return []string{gojwt.SigningMethodRS256.Alg(), gojwt.SigningMethodES256.Alg()}
}

// keyring finds the key that a token has to be signed with.
type keyring struct {
	secrets []gojwt.VerificationKey
	sources map[string]*source // by issuer; under "" the only one
}

func newKeyring(c Config, d framework.Deps) (keyring, error) {
	k := keyring{sources: map[string]*source{}}
	for _, secret := range c.Secrets {
		k.secrets = append(k.secrets, []byte(secret.Reveal()))
	}
	addresses := maps.Clone(c.Issuers)
	if c.JWKS != "" {
		addresses = map[string]string{"": c.JWKS}
	}
	for issuer, text := range addresses {
		address, err := framework.ServiceURL(text)
		if err != nil && c.JWKS != "" {
			return k, fmt.Errorf("jwks: %w", err)
		}
		if err != nil {
			return k, fmt.Errorf("issuers: the address for %s: %w", issuer, err)
		}
		k.sources[issuer] = newSource(address, c.algorithms(), d)
	}
	return k, nil
}
