package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"

	"funnelweb/framework"
)

// Signer signs manifests with an Ed25519 key. The same manifest always gets the same signature.
type Signer struct {
	key         ed25519.PrivateKey
	fingerprint string
}

// NewSigner reads a private key in PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it. Its errors do not quote it.
func NewSigner(secret framework.Secret) (*Signer, error) {
	wrong := errors.New("must be an Ed25519 private key in PEM, as openssl genpkey -algorithm ed25519 writes it")
	block, rest := pem.Decode([]byte(secret.Reveal()))
	if block == nil || len(rest) > 0 {
		return nil, wrong
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, wrong // x509's error tells of the key's bytes
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, wrong
	}
	public, _ := key.Public().(ed25519.PublicKey)
	return &Signer{key: key, fingerprint: Fingerprint(public)}, nil
}

// sign adds the signature.
func (s *Signer) sign(m *manifest) {
	m.signer, m.signature = s.fingerprint, ed25519.Sign(s.key, m.sealed())
}

// Fingerprint names a key: the first 8 bytes of the SHA-256 of its 32, in hexadecimal.
func Fingerprint(key ed25519.PublicKey) string {
	hash := sha256.Sum256(key)
	return hex.EncodeToString(hash[:8])
}

// ParsePublicKeys reads one or more public keys in PEM, as `openssl pkey -pubout` writes them.
func ParsePublicKeys(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, errors.New("holds something else than Ed25519 public keys in PEM, as openssl pkey -pubout writes them")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no public key in PEM")
	}
	return keys, nil
}

// signedBy reports whether one of some keys has signed a manifest.
func (m manifest) signedBy(keys []ed25519.PublicKey) bool {
	for _, key := range keys {
		if m.signer == Fingerprint(key) && ed25519.Verify(key, m.sealed(), m.signature) {
			return true
		}
	}
	return false
}
