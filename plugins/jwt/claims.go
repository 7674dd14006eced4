package jwt

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	gojwt "github.com/golang-jwt/jwt/v5"
)

// What can be wrong with a token beside what the library finds.
var (
	errHeader   = errors.New("token header is not of the agreed form")
	errCritical = errors.New("token has an extension that must be understood and is not")
	errType     = errors.New("token is of another type")
	errClaims   = errors.New("token claims are not of the agreed form")
	errAudience = errors.New("token is for somebody, and no audience is configured")
)

// maxKeyID bounds the name of a key in bytes.
const maxKeyID = 256

// header is what we look at in the header of a token. Keys and addresses of keys in it (jwk, jku, x5c, x5u) count for
// nothing: a forger writes them too.
type header struct {
	algorithm, keyID, typ string
	critical              bool
}

// readHeader reads the header a second time: the library takes the last of two members of one name, while another
// reader of the same token may take the first.
func readHeader(token string) (header, error) {
	encoded, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return header{}, errHeader
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(decoded, &members); err != nil {
		return header{}, errHeader
	}
	var h header
	for name, into := range map[string]*string{"alg": &h.algorithm, "kid": &h.keyID, "typ": &h.typ} {
		if err := text(members, name, into); err != nil || len(*into) > maxKeyID {
			return header{}, errHeader
		}
	}
	_, h.critical = members["crit"]
	return h, nil
}

// text reads a member that is a string, if it is there.
func text(members map[string]jsontext.Value, name string, into *string) error {
	value, ok := members[name]
	if !ok {
		return nil
	}
	if value.Kind() != '"' {
		return errClaims
	}
	return json.Unmarshal(value, into)
}

// acceptable checks what the library does not.
func (p *Plugin) acceptable(h header, c *claims) error {
	switch {
	case !c.read:
		return errClaims
	case h.critical: // we know no extension (RFC 7515 section 4.1.11)
		return errCritical
	case !slices.Contains(p.types, mediaType(h.typ)):
		return errType
	case p.noAudience && len(c.audience) > 0: // RFC 7519 section 4.1.3
		return errAudience
	default:
		return nil
	}
}

// mediaType writes typ in the short form (RFC 7515 section 4.1.9).
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// claims is a gojwt.Claims that is read strictly: no name twice, no wrong types, no times beyond the calendar.
type claims struct {
	issuerClaim string // set before reading: where issuer is, if not in iss

	read                      bool
	iss, issuer, subject      string
	audience                  gojwt.ClaimStrings
	expires, notBefore, since *gojwt.NumericDate
}

// UnmarshalJSON reads the payload of a token.
func (c *claims) UnmarshalJSON(payload []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(payload, &members); err != nil {
		return errClaims // err may quote the token
	}
	for name, into := range map[string]**gojwt.NumericDate{"exp": &c.expires, "nbf": &c.notBefore, "iat": &c.since} {
		if err := date(members, name, into); err != nil {
			return err
		}
	}
	for name, into := range map[string]*string{"iss": &c.iss, "sub": &c.subject} {
		if err := text(members, name, into); err != nil {
			return errClaims
		}
	}
	if c.issuerClaim != "" {
		if err := text(members, c.issuerClaim, &c.issuer); err != nil {
			return errClaims
		}
	}
	c.read = true
	return c.readAudience(members["aud"])
}

// lastSecond is the end of the year 9999: what comes later overflows somewhere.
const lastSecond = 253402300799

// date reads a time in seconds since 1970, with or without a fraction, if it is there.
func date(members map[string]jsontext.Value, name string, into **gojwt.NumericDate) error {
	value, ok := members[name]
	if !ok {
		return nil
	}
	var seconds float64
	if value.Kind() != '0' || json.Unmarshal(value, &seconds) != nil || seconds < 0 || seconds > lastSecond {
		return errClaims
	}
	*into = gojwt.NewNumericDate(time.Unix(int64(seconds), 0))
	return nil
}

// readAudience reads one name or several. An empty list is refused: it says neither for whom the token is nor, as the claim
// left out does, that it is for nobody in particular.
func (c *claims) readAudience(value jsontext.Value) error {
	var err error
	switch value.Kind() {
	case 0: // none
	case '"':
		c.audience = gojwt.ClaimStrings{""}
		err = json.Unmarshal(value, &c.audience[0])
	default:
		err = json.Unmarshal(value, (*[]string)(&c.audience))
	}
	if err != nil || value.Kind() != 0 && len(c.audience) == 0 { // null is an empty list, too
		return errClaims
	}
	return nil
}

// GetExpirationTime is that of gojwt.Claims.
func (c *claims) GetExpirationTime() (*gojwt.NumericDate, error) { return c.expires, nil }

// GetIssuedAt is that of gojwt.Claims.
func (c *claims) GetIssuedAt() (*gojwt.NumericDate, error) { return c.since, nil }

// GetNotBefore is that of gojwt.Claims.
func (c *claims) GetNotBefore() (*gojwt.NumericDate, error) { return c.notBefore, nil }

// GetIssuer is that of gojwt.Claims.
func (c *claims) GetIssuer() (string, error) { return c.iss, nil }

// GetSubject is that of gojwt.Claims.
func (c *claims) GetSubject() (string, error) { return c.subject, nil }

// GetAudience is that of gojwt.Claims.
func (c *claims) GetAudience() (gojwt.ClaimStrings, error) { return c.audience, nil }
