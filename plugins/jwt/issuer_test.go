package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	current  = "canary-current-0123456789abcdefghijkl"
	previous = "canary-previous-0123456789abcdefghijk"
	wrong    = "canary-wrong-0123456789abcdefghijklmn"
	us       = "https://funnelweb.lab.example"
)

// Keys are made once: RSA takes its time.
var makeKeys = sync.OnceValues(func() (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return r, e
})

func rsaKey() *rsa.PrivateKey { key, _ := makeKeys(); return key }

func ecKey() *ecdsa.PrivateKey { _, key := makeKeys(); return key }

func raw(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

// published writes a public key as a JWK.
func published(id string, key crypto.PublicKey) map[string]any {
	members := map[string]any{"kid": id, "use": "sig"}
	switch key := key.(type) {
	case *rsa.PublicKey:
		members["kty"], members["n"], members["e"] = "RSA", raw(key.N.Bytes()), raw(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		members["kty"], members["crv"], members["x"], members["y"] = "EC", "P-256", raw(point[1:1+size]), raw(point[1+size:])
	}
	return members
}

// issuer is a server of keys that counts how often it is asked.
type issuer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newIssuer(t *testing.T, keys ...map[string]any) *issuer {
	t.Helper()
	i := &issuer{}
	i.publish(keys...)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) handle(handler http.HandlerFunc) { i.answer.Store(&handler) }

func (i *issuer) publish(keys ...map[string]any) {
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	i.handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(document) })
}

// usual is an issuer with a key of each kind.
func usual(t *testing.T) *issuer {
	t.Helper()
	return newIssuer(t, published("r1", rsaKey().Public()), published("e1", ecKey().Public()))
}

func plugin(t *testing.T, config jwt.Config) *jwt.Plugin {
	t.Helper()
	made, err := jwt.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func bySecret(values ...string) jwt.Config {
	config := jwt.Defaults()
	for _, value := range values {
		config.Secrets = append(config.Secrets, framework.NewSecret(value))
	}
	return config
}

func byKeys(address string) jwt.Config {
	config := jwt.Defaults()
	config.JWKS, config.Audience = address, []string{us}
	return config
}

// good are claims that pass every check.
func good() gojwt.MapClaims {
	now := frameworktest.Start()
	return gojwt.MapClaims{"sub": "jdoe", "iss": "https://login.example.com", "aud": us, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// but are the good claims with some changed, or left out where nil.
func but(changes gojwt.MapClaims) gojwt.MapClaims {
	claims := good()
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// sign makes a token.
func sign(method gojwt.SigningMethod, key any, header map[string]any, claims gojwt.MapClaims) string {
	token := gojwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return signed
}

func hs(secret string, claims gojwt.MapClaims) string {
	return sign(gojwt.SigningMethodHS256, []byte(secret), nil, claims)
}

func rs(id string, claims gojwt.MapClaims) string {
	return sign(gojwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": id}, claims)
}

func es(id string, claims gojwt.MapClaims) string {
	return sign(gojwt.SigningMethodES256, ecKey(), map[string]any{"kid": id}, claims)
}

// assemble signs header and payload as they are written, under HS256 and the current secret.
func assemble(header, payload string) string {
	text := raw([]byte(header)) + "." + raw([]byte(payload))
	signature, err := gojwt.SigningMethodHS256.Sign(text, []byte(current))
	if err != nil {
		panic(err)
	}
	return text + "." + raw(signature)
}

func call(values ...string) *framework.Request {
	return frameworktest.Request("POST", "/", `{}`, http.Header{"Authorization": values})
}

func bearers(tokens ...string) []*framework.Request {
	var all []*framework.Request
	for _, token := range tokens {
		all = append(all, call("Bearer "+token))
	}
	return all
}

// because returns what the log adds to the words of a refusal.
func because(err error) string {
	_, cause, _ := strings.Cut(err.Error(), "TOKEN.: ")
	return cause
}
