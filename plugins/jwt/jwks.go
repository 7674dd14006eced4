package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	gojwt "github.com/golang-jwt/jwt/v5"
)

// Bounds of what an issuer may publish.
const (
	maxKeys    = 100
	minRSABits = 2048 // RFC 7518 section 3.3
	maxRSABits = 8192 // each check of a signature costs the square of it
	maxRSAe    = 1<<31 - 1
)

// keyID is what a key is found by. A key is for one algorithm, which its type decides: a token that says another one for
// the same key finds none.
type keyID struct{ id, algorithm string }

// jwk is a public key (RFC 7517, RFC 7518 section 6), as far as we use one.
type jwk struct {
	Type       string         `json:"kty"`
	ID         string         `json:"kid"`
	Use        string         `json:"use"`
	Operations []string       `json:"key_ops"`
	Algorithm  string         `json:"alg"`
	Curve      string         `json:"crv"`
	N          string         `json:"n"`
	E          string         `json:"e"`
	X          string         `json:"x"`
	Y          string         `json:"y"`
	Private    jsontext.Value `json:"d"`
}

var (
	errNotJWKS  = errors.New("the answer is not a set of keys")
	errTooMany  = errors.New("there are more than 100 keys")
	errNoUsable = errors.New("none of the keys can be used: RSA of 2048 to 8192 bits or P-256, with a kid, for signatures")
)

// parseKeys reads a set of keys. A key that cannot be used is left out: issuers publish those for other purposes in the
// same set.
func parseKeys(document []byte, algorithms []string) (map[keyID]crypto.PublicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errNotJWKS
	}
	if len(set.Keys) > maxKeys {
		return nil, errTooMany
	}
	keys := map[keyID]crypto.PublicKey{}
	for _, text := range set.Keys {
		var written jwk
		if err := json.Unmarshal(text, &written); err != nil || !written.usable() {
			continue
		}
		key, algorithm := written.public()
		id := keyID{written.ID, algorithm}
		if _, taken := keys[id]; key != nil && !taken && slices.Contains(algorithms, algorithm) &&
			(written.Algorithm == "" || written.Algorithm == algorithm) {
			keys[id] = key
		}
	}
	if len(keys) == 0 {
		return nil, errNoUsable
	}
	return keys, nil
}

// usable reports whether a key is for checking signatures, and has a name. One whose private half is published signs
// for everybody.
func (k jwk) usable() bool {
	return k.ID != "" && len(k.ID) <= maxKeyID && len(k.Private) == 0 &&
		(k.Use == "" || k.Use == "sig") && (k.Operations == nil || slices.Contains(k.Operations, "verify"))
}

// public returns the key and the one algorithm that it is for, or nil.
func (k jwk) public() (crypto.PublicKey, string) {
	switch {
	case k.Type == "RSA":
		if key := k.rsa(); key != nil {
			return key, gojwt.SigningMethodRS256.Alg()
		}
	case k.Type == "EC" && k.Curve == "P-256":
		if key := k.ec(); key != nil {
			return key, gojwt.SigningMethodES256.Alg()
		}
	}
	return nil, ""
}

func (k jwk) rsa() *rsa.PublicKey {
	n, e := number(k.N), number(k.E)
	if n == nil || n.BitLen() < minRSABits || n.BitLen() > maxRSABits || n.Bit(0) == 0 {
		return nil
	}
	if e == nil || !e.IsInt64() || e.Int64() < 3 || e.Int64() > maxRSAe || e.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}

// number reads an unsigned integer (RFC 7518 section 2, Base64urlUInt).
func number(text string) *big.Int {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(decoded) > maxRSABits/8+1 {
		return nil
	}
	return new(big.Int).SetBytes(decoded)
}

// ec refuses a point that is not on the curve.
func (k jwk) ec() *ecdsa.PublicKey {
	const size = 32
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil
	}
	return key
}
