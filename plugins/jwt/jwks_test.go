package jwt

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func encode(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func TestOnlyKeysThatAreFitForItAreUsed(t *testing.T) {
	odd := func(bits uint) string { // of the length of a key; nobody looks for its factors here
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return encode(n.SetBit(n, 0, 1))
	}
	rsaWith := func(n, e, more string) string { return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q%s}`, n, e, more) }
	good := odd(2048)
	ec := strings.TrimSuffix(strings.TrimPrefix(set(t, "x"), `{"keys":[{"kid":"x",`), "}]}")
	named := map[string]string{
		"RSA of 2048 bits":       rsaWith(good, "AQAB", ""),
		"RSA of 8192 bits":       rsaWith(odd(8192), "AQAB", ""),
		"RSA with exponent 3":    rsaWith(good, "Aw", ""),
		"for its algorithm":      rsaWith(good, "AQAB", `,"alg":"RS256","use":"sig","key_ops":["verify"],"x5c":["MII="],"x5u":"https://evil.example"`),
		"P-256":                  "{" + ec + "}",
		"RSA of 2047 bits":       rsaWith(odd(2047), "AQAB", ""),
		"RSA of 1024 bits":       rsaWith(odd(1024), "AQAB", ""),
		"RSA of 8193 bits":       rsaWith(odd(8193), "AQAB", ""),
		"RSA of a megabit":       rsaWith(odd(1<<18), "AQAB", ""),
		"RSA with an even n":     rsaWith(encode(new(big.Int).Lsh(big.NewInt(1), 2047)), "AQAB", ""),
		"RSA with exponent 1":    rsaWith(good, "AQ", ""),
		"RSA with exponent 2":    rsaWith(good, "Ag", ""),
		"RSA with a long one":    rsaWith(good, "AQAAAAE", ""),
		"RSA with none":          rsaWith(good, "", ""),
		"RSA with padding":       rsaWith(good+"=", "AQAB", ""),
		"RSA for another method": rsaWith(good, "AQAB", `,"alg":"PS256"`),
		"RSA for secrets":        rsaWith(good, "AQAB", `,"alg":"HS256"`),
		"RSA to encrypt":         rsaWith(good, "AQAB", `,"use":"enc"`),
		"RSA to sign":            rsaWith(good, "AQAB", `,"key_ops":["sign"]`),
		"RSA for nothing":        rsaWith(good, "AQAB", `,"key_ops":[]`),
		"RSA with its private d": rsaWith(good, "AQAB", `,"d":"AQAB"`),
		"RSA of a wrong type":    rsaWith(good, "AQAB", `,"use":7`),
		"a secret":               `{"kty":"oct","k":"Y2FuYXJ5LWN1cnJlbnQtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbA","alg":"HS256"}`,
		"Ed25519":                `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"another curve":          strings.Replace("{"+ec+"}", "P-256", "P-384", 1),
		"a point off the curve":  `{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 42) + `E"}`,
		"a point at infinity":    `{"kty":"EC","crv":"P-256","x":"","y":""}`,
		"a short coordinate":     strings.Replace("{"+ec+"}", `"x":"`, `"x":"AA","_":"`, 1),
		"no object":              `"key"`,
		"one name twice":         `{"kty":"RSA",` + rsaWith(good, "AQAB", "")[1:],
	}
	var all []string
	for name, key := range named {
		all = append(all, strings.Replace(key, "{", fmt.Sprintf(`{"kid":%q,`, name), 1))
	}
	all = append(all, rsaWith(good, "AQAB", ""), rsaWith(good, "AQAB", `,"kid":""`), rsaWith(good, "AQAB", fmt.Sprintf(`,"kid":%q`, strings.Repeat("k", 257))))
	// A key that repeats a name is refused with the whole set: no reader of JSON agrees with another about it.
	all = slices.DeleteFunc(all, func(key string) bool { return strings.Contains(key, `one name twice`) })
	keys, err := parseKeys([]byte(`{"keys":[`+strings.Join(all, ",")+`]}`), []string{"RS256", "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for id := range maps.Keys(keys) {
		got = append(got, id.algorithm+" "+id.id)
	}
	slices.Sort(got)
	want := []string{"ES256 P-256", "RS256 RSA of 2048 bits", "RS256 RSA of 8192 bits", "RS256 RSA with exponent 3", "RS256 for its algorithm"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := parseKeys([]byte(`{"keys":[`+named["one name twice"]+`]}`), []string{"RS256"}); err == nil {
		t.Error("a key that repeats a name was read")
	}
}

func TestTheFirstOfTwoKeysOfOneNameCounts(t *testing.T) {
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := func(n *big.Int) string { return fmt.Sprintf(`{"kid":"a","kty":"RSA","n":%q,"e":"AQAB"}`, encode(n)) }
	second := new(big.Int).Add(first.N, big.NewInt(2))
	keys, err := parseKeys([]byte(`{"keys":[`+key(first.N)+`,`+key(second)+`]}`), []string{"RS256"})
	if err != nil {
		t.Fatal(err)
	}
	if got := keys[keyID{"a", "RS256"}].(*rsa.PublicKey); len(keys) != 1 || got.N.Cmp(first.N) != 0 {
		t.Errorf("%d keys", len(keys))
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(`{"keys":[{"kid":"a","kty":"RSA","n":"` + strings.Repeat("_", 342) + `","e":"AQAB"}]}`)
	f.Add(`{"keys":[{"kid":"a","kty":"EC","crv":"P-256","x":"AA","y":"AA"},null,1]}`)
	f.Fuzz(func(t *testing.T, document string) {
		keys, err := parseKeys([]byte(document), []string{"RS256", "ES256"})
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for id, key := range keys {
			if public, ok := key.(*rsa.PublicKey); ok && (id.algorithm != "RS256" || public.N.BitLen() < minRSABits || public.N.BitLen() > maxRSABits) {
				t.Errorf("a key of %d bits for %s", public.N.BitLen(), id.algorithm)
			}
		}
	})
}
