package jwt_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/jwt"
)

func TestTokensBySecret(t *testing.T) {
	config := bySecret(current, previous)
	config.Audience, config.Issuer = []string{us, "other"}, "https://login.example.com"
	p := plugin(t, config)
	now := frameworktest.Start()
	at := func(seconds int) int64 { return now.Add(time.Duration(seconds) * time.Second).Unix() }
	token := hs(current, good())
	last := token[len(token)-1]
	loose := token[:len(token)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)+1])
	frameworktest.RunBeforeSuite(t, p,
		append(bearers(
			token,
			hs(previous, good()),
			hs(current, but(gojwt.MapClaims{"aud": []string{"someone", us}})),
			hs(current, but(gojwt.MapClaims{"sub": nil, "iat": nil, "key": "of another system"})),
			hs(current, but(gojwt.MapClaims{"exp": at(-29), "nbf": at(29), "iat": at(29)})),
			hs(current, but(gojwt.MapClaims{"exp": float64(at(1)) + 0.5})),
			hs(current, but(gojwt.MapClaims{"exp": 253402300799})), // the end of the year 9999
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"kid": "whatever", "typ": "application/at+jwt"}, good()),
		), call("bearer  "+token)),
		append(bearers(
			"",
			"x",
			"..",
			".....",
			hs(wrong, good()),
			hs("", good()),
			token+".",
			token+"."+token,
			"."+token,
			token[:len(token)-1],
			loose, // the same signature with other bits behind its end
			token+"=",
			token+" ",
			token+" "+token,
			token+","+token,
			strings.Replace(token, ".", " .", 1),
			token[:strings.LastIndex(token, ".")+1],
			sign(gojwt.SigningMethodHS384, []byte(current), nil, good()),
			sign(gojwt.SigningMethodHS512, []byte(current), nil, good()),
			sign(gojwt.SigningMethodNone, gojwt.UnsafeAllowNoneSignatureType, nil, good()),
			rs("r1", good()),
			hs(current, but(gojwt.MapClaims{"exp": nil})),
			hs(current, but(gojwt.MapClaims{"exp": 0})),
			hs(current, but(gojwt.MapClaims{"exp": -1})),
			hs(current, but(gojwt.MapClaims{"exp": at(-30)})),
			hs(current, but(gojwt.MapClaims{"exp": fmt.Sprint(at(60))})),
			hs(current, but(gojwt.MapClaims{"exp": true})),
			hs(current, but(gojwt.MapClaims{"exp": 253402300800})),
			hs(current, but(gojwt.MapClaims{"exp": 1e300})),
			hs(current, but(gojwt.MapClaims{"exp": math.MaxInt64})),
			hs(current, but(gojwt.MapClaims{"nbf": at(31)})),
			hs(current, but(gojwt.MapClaims{"nbf": "now"})),
			hs(current, but(gojwt.MapClaims{"iat": at(31)})),
			hs(current, but(gojwt.MapClaims{"aud": nil})),
			hs(current, but(gojwt.MapClaims{"aud": "https://elsewhere.example"})),
			hs(current, but(gojwt.MapClaims{"aud": us + "/"})),
			hs(current, but(gojwt.MapClaims{"aud": strings.ToUpper(us)})),
			hs(current, but(gojwt.MapClaims{"aud": ""})),
			hs(current, but(gojwt.MapClaims{"aud": []string{}})),
			hs(current, but(gojwt.MapClaims{"aud": []any{us, 1}})),
			hs(current, but(gojwt.MapClaims{"aud": map[string]any{us: us}})),
			hs(current, but(gojwt.MapClaims{"iss": nil})),
			hs(current, but(gojwt.MapClaims{"iss": "https://evil.example"})),
			hs(current, but(gojwt.MapClaims{"iss": []string{"https://login.example.com"}})),
			hs(current, but(gojwt.MapClaims{"sub": 7})),
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"crit": []string{"b64"}, "b64": false}, good()),
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"crit": []string{}}, good()),
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"typ": "logout+jwt"}, good()),
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"typ": 7}, good()),
			sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"kid": []string{"r1"}}, good()),
			hs(current, but(gojwt.MapClaims{"padding": strings.Repeat("a", 20_000)})),
			strings.Repeat("a", 1<<20),
			strings.Repeat(".", 1<<20),
		), call(), call("Bearer"), call("Basic "+token), call(token), call("Bearer "+token, "Bearer "+token), call("Bearer "+token, "")))
}

func TestTokensThatReadersUnderstandDifferentlyAreRefused(t *testing.T) {
	p := plugin(t, bySecret(current))
	exp := fmt.Sprint(frameworktest.Start().Add(time.Hour).Unix())
	const header, payload = `{"alg":"HS256"}`, `{"sub":"jdoe","exp":EXP}`
	fill := func(text string) string { return strings.ReplaceAll(text, "EXP", exp) }
	frameworktest.RunBeforeSuite(t, p,
		bearers(assemble(header, fill(payload)), assemble(header, fill(`{"exp":EXP,"EXP":1,"Sub":"x"}`))),
		bearers(
			assemble(`{"alg":"none","alg":"HS256"}`, fill(payload)),
			assemble(`{"alg":"HS256","kid":"a","kid":"b"}`, fill(payload)),
			assemble(`{"Alg":"HS256"}`, fill(payload)),
			assemble(`{"alg":"hs256"}`, fill(payload)),
			assemble(`{"alg":"HS256","x":"`+"\xff"+`"}`, fill(payload)),
			assemble(`["HS256"]`, fill(payload)),
			assemble(`null`, fill(payload)),
			assemble(header+" x", fill(payload)),
			assemble(header, fill(`{"sub":"jdoe","sub":"admin","exp":EXP}`)),
			assemble(header, fill(`{"exp":1,"exp":EXP}`)),
			assemble(header, fill(`{"exp":EXP,"a":{"b":1,"b":2}}`)),
			assemble(header, fill(`{"EXP":EXP}`)),
			assemble(header, fill(`{"exp":EXP,"sub":null}`)),
			assemble(header, fill(`{"exp":EXP,"aud":null}`)),
			assemble(header, fill(`{"exp":EXP,"sub":"`+"\xff"+`"}`)),
			assemble(header, fill(`{"exp":EXP}{"exp":EXP}`)),
			assemble(header, `{"exp":1e400}`),
			assemble(header, `{"exp":null}`),
			assemble(header, `null`),
			assemble(header, `[]`),
			assemble(header, ``),
			assemble(header, strings.Repeat("[", 8000)),
		))
}

func TestTokensByPublishedKeys(t *testing.T) {
	i := usual(t)
	p := plugin(t, byKeys(i.URL))
	public, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	confused := func(secret string) string {
		return sign(gojwt.SigningMethodHS256, []byte(secret), map[string]any{"kid": "r1"}, good())
	}
	header := func(more map[string]any) string {
		return sign(gojwt.SigningMethodRS256, rsaKey(), more, good())
	}
	frameworktest.RunBeforeSuite(t, p,
		bearers(rs("r1", good()), es("e1", good())),
		bearers(
			confused(asPEM),
			confused(strings.TrimSpace(asPEM)),
			confused(string(public)),
			confused(string(rsaKey().N.Bytes())),
			confused(base64.RawURLEncoding.EncodeToString(rsaKey().N.Bytes())),
			sign(gojwt.SigningMethodNone, gojwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": "r1"}, good()),
			sign(gojwt.SigningMethodRS512, rsaKey(), map[string]any{"kid": "r1"}, good()),
			sign(gojwt.SigningMethodPS256, rsaKey(), map[string]any{"kid": "r1"}, good()),
			rs("e1", good()),
			es("r1", good()),
			header(nil),
			header(map[string]any{"kid": ""}),
			header(map[string]any{"kid": "R1"}),
			header(map[string]any{"kid": "r2"}),
			header(map[string]any{"kid": "../../../../dev/null"}),
			header(map[string]any{"kid": "r1' OR '1'='1"}),
			header(map[string]any{"kid": "r1\x00"}),
			header(map[string]any{"kid": []string{"r1"}}),
			header(map[string]any{"kid": strings.Repeat("r", 257)}),
			rs("r1", but(gojwt.MapClaims{"aud": nil})),
			rs("r1", but(gojwt.MapClaims{"aud": "https://elsewhere.example"})),
			rs("r1", but(gojwt.MapClaims{"exp": nil})),
			rs("r1", but(gojwt.MapClaims{"exp": frameworktest.Start().Unix() - 30})),
		))
	if asked := i.asked.Load(); asked != 1 {
		t.Errorf("the issuer was asked %d times", asked)
	}
}

// A forger brings a key of their own and says in the token where it is.
func TestKeysThatATokenBringsCountForNothing(t *testing.T) {
	forger := newIssuer(t, published("r1", ecKey().Public()), published("forged", ecKey().Public()))
	i := newIssuer(t, published("r1", rsaKey().Public()))
	p := plugin(t, byKeys(i.URL))
	own := published("r1", ecKey().Public())
	var tokens []string
	for _, id := range []string{"r1", "forged", forger.URL} {
		for name, value := range map[string]any{"jwk": own, "jku": forger.URL, "x5u": forger.URL, "x5c": []string{"MII="}, "x5t": "r1"} {
			tokens = append(tokens, sign(gojwt.SigningMethodES256, ecKey(), map[string]any{"kid": id, name: value}, good()))
		}
		tokens = append(tokens, sign(gojwt.SigningMethodES256, ecKey(), map[string]any{"kid": id}, but(gojwt.MapClaims{"iss": forger.URL, "jwks_host": forger.URL})))
	}
	frameworktest.RunBeforeSuite(t, p,
		bearers(sign(gojwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "r1", "jwk": own, "jku": forger.URL}, good())), bearers(tokens...))
	if asked := forger.asked.Load(); asked != 0 {
		t.Errorf("the forger was asked %d times", asked)
	}
}

func TestSeveralIssuersAreToldApart(t *testing.T) {
	first, second := newIssuer(t, published("k", rsaKey().Public())), newIssuer(t, published("k", ecKey().Public()))
	config := jwt.Defaults()
	config.Audience = []string{us}
	config.Issuers = map[string]string{"https://one.example": first.URL, "https://two.example": second.URL}
	p := plugin(t, config)
	frameworktest.RunBeforeSuite(t, p,
		bearers(rs("k", but(gojwt.MapClaims{"iss": "https://one.example"})), es("k", but(gojwt.MapClaims{"iss": "https://two.example"}))),
		bearers(
			rs("k", but(gojwt.MapClaims{"iss": "https://two.example"})),
			es("k", but(gojwt.MapClaims{"iss": "https://one.example"})),
			rs("k", but(gojwt.MapClaims{"iss": nil})),
			rs("k", but(gojwt.MapClaims{"iss": ""})),
			rs("k", but(gojwt.MapClaims{"iss": "https://three.example"})),
			rs("k", but(gojwt.MapClaims{"iss": first.URL})),
		))
	r := bearers(es("k", but(gojwt.MapClaims{"iss": "https://two.example"})))[0]
	if err := p.Before(t.Context(), r); err != nil || r.Identity() != "jwt:https://two.example jdoe" {
		t.Errorf("%q %v", r.Identity(), err)
	}
}

// Cisco's modules say the host of their keys in a claim of their own, and neither issuer nor expiry.
func TestIssuersMayBeToldApartByAnotherClaim(t *testing.T) {
	i := usual(t)
	config := jwt.Defaults()
	config.Audience, config.IssuerClaim, config.WithoutExpiry = []string{us}, "jwks_host", true
	config.Issuers = map[string]string{"visibility.amp.cisco.com": i.URL}
	p := plugin(t, config)
	module := func(host any) string {
		return rs("r1", gojwt.MapClaims{"jwks_host": host, "aud": us, "key": "of the service"})
	}
	frameworktest.RunBeforeSuite(t, p,
		bearers(module("visibility.amp.cisco.com")),
		bearers(
			module("visibility.eu.amp.cisco.com"), module("evil.example"), module(nil), module([]string{"visibility.amp.cisco.com"}),
			rs("r1", but(gojwt.MapClaims{"iss": "visibility.amp.cisco.com"})),
			rs("r1", gojwt.MapClaims{"jwks_host": "visibility.amp.cisco.com", "aud": us, "exp": 1}),
		))
}

func TestAudienceIsLookedAtEvenWhereNoneIsConfigured(t *testing.T) {
	strict := plugin(t, bySecret(current))
	frameworktest.RunBeforeSuite(t, strict, bearers(hs(current, but(gojwt.MapClaims{"aud": nil}))), bearers(hs(current, good())))
	config := bySecret(current)
	config.AnyAudience = true
	loose := plugin(t, config)
	frameworktest.RunBeforeSuite(t, loose, bearers(hs(current, but(gojwt.MapClaims{"aud": nil})), hs(current, good())), nil)
}

// An audience of nobody is neither one that was left out nor everybody.
func TestTokensForAnEmptyAudienceAreRefusedWhateverIsConfigured(t *testing.T) {
	loose, named := bySecret(current), bySecret(current)
	loose.AnyAudience, named.Audience = true, []string{us}
	for _, config := range []jwt.Config{bySecret(current), loose, named} {
		frameworktest.RunBeforeSuite(t, plugin(t, config), nil,
			bearers(hs(current, but(gojwt.MapClaims{"aud": []string{}})), hs(current, but(gojwt.MapClaims{"aud": map[string]any{}}))))
	}
}

// Else a stranger could make the server say 503, which people are called for, with any token at all.
func TestWhoCannotComeInByAnyKeyIsNotAskedToComeAgain(t *testing.T) {
	i := usual(t)
	clock := new(frameworktest.Clock)
	deps := frameworktest.Deps(t)
	deps.Now = clock.Now
	p, err := jwt.New(byKeys(i.URL), deps)
	if err != nil {
		t.Fatal(err)
	}
	status := func(token string) int {
		problem, ok := errors.AsType[*framework.Problem](p.Before(t.Context(), call("Bearer "+token)))
		if !ok {
			t.Fatal("passed, or failed otherwise")
		}
		return problem.Status
	}
	first := status(rs("new", good()))
	clock.Advance(time.Second)
	got := []int{
		first,
		status(rs("new", good())),
		status(rs("new", but(gojwt.MapClaims{"exp": frameworktest.Start().Add(-time.Hour).Unix()}))),
		status(rs("new", but(gojwt.MapClaims{"aud": "https://elsewhere.example"}))),
		status(rs("new", but(gojwt.MapClaims{"nbf": frameworktest.Start().Add(time.Hour).Unix()}))),
		status(sign(gojwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "new", "typ": "x"}, good())),
		status(rs("", good())),
	}
	if diff := cmp.Diff([]int{401, 503, 401, 401, 401, 401, 401}, got); diff != "" {
		t.Error(diff)
	}
	i.publish(published("new", rsaKey().Public()))
	clock.Advance(9 * time.Second)
	if err := p.Before(t.Context(), call("Bearer "+rs("new", good()))); err != nil {
		t.Errorf("who comes again when told: %v", err)
	}
}

func TestDocumentSaysThatKeysMayHaveToBeWaitedFor(t *testing.T) {
	if diff := cmp.Diff([][]int{nil, {503}}, [][]int{plugin(t, bySecret(current)).Refusals(), plugin(t, byKeys("https://a.example/keys")).Refusals()}); diff != "" {
		t.Error(diff)
	}
}

func TestListsThatAreThereAndEmptyAreMistakes(t *testing.T) {
	t.Setenv("JWT_SECRET", current)
	for text, want := range map[string]string{
		`{secrets: ["env:JWT_SECRET"], audience: []}`:                        "audience: is empty",
		`{secrets: ["env:JWT_SECRET"], any_audience: true, audience: []}`:    "audience: is empty",
		`{jwks: "https://a.example/keys", any_audience: true, audience: []}`: "audience: is empty",
		`{jwks: "https://a.example/keys", audience: [a], algorithms: []}`:    "algorithms: is empty",
		`{jwks: "https://a.example/keys", audience: [a], secrets: []}`:       "secrets: is empty",
		`{jwks: "https://a.example/keys", audience: [a], issuers: {}}`:       "issuers: is empty",
		`{jwks: "https://a.example/keys", audience: [a]}`:                    "",
	} {
		var node yaml.Node
		if err := yaml.Load([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		config := jwt.Defaults()
		if err := framework.DecodeConfig(&node, "jwt", &config); err != nil {
			t.Fatal(err)
		}
		_, err := jwt.New(config, frameworktest.Deps(t))
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error = %v, want %s…", text, err, want)
		}
	}
}

func TestTypeOfTokensCanBeDemanded(t *testing.T) {
	config := bySecret(current)
	config.AnyAudience, config.Typ = true, "at+jwt"
	p := plugin(t, config)
	typed := func(typ string) string {
		return sign(gojwt.SigningMethodHS256, []byte(current), map[string]any{"typ": typ}, good())
	}
	frameworktest.RunBeforeSuite(t, p, bearers(typed("at+jwt"), typed("application/AT+JWT")), bearers(typed("JWT"), typed(""), typed("text/at+jwt")))
}

func TestAlgorithmsCanBeNarrowed(t *testing.T) {
	config := byKeys(usual(t).URL)
	config.Algorithms = []string{"ES256"}
	p := plugin(t, config)
	frameworktest.RunBeforeSuite(t, p, bearers(es("e1", good())), bearers(rs("r1", good())))
}

func TestSubjectsAreIdentified(t *testing.T) {
	p := plugin(t, func() jwt.Config { c := bySecret(current); c.AnyAudience = true; return c }())
	identities := map[string]bool{}
	for subject, want := range map[string]string{
		"jdoe":                               "jwt:jdoe",
		"jdoe@lab.example":                   "jwt:jdoe@lab.example",
		"auth0|5f7c8ec7c33c6c004bbafe82":     "jwt:auth0|5f7c8ec7c33c6c004bbafe82",
		"":                                   "jwt",
		"j doe":                              "jwt:~" + framework.Fingerprint("j doe"),
		"a\nlevel=ERROR":                     "jwt:~" + framework.Fingerprint("a\nlevel=ERROR"),
		"jürgen":                             "jwt:~" + framework.Fingerprint("jürgen"),
		strings.Repeat("a", 128):             "jwt:" + strings.Repeat("a", 128),
		strings.Repeat("a", 129):             "jwt:~" + framework.Fingerprint(strings.Repeat("a", 129)),
		"~" + framework.Fingerprint("j doe"): "jwt:~" + framework.Fingerprint("~"+framework.Fingerprint("j doe")),
		"https://sts.windows.net/tenant/subject:1+2=3": "jwt:https://sts.windows.net/tenant/subject:1+2=3",
	} {
		r := bearers(hs(current, but(gojwt.MapClaims{"sub": subject})))[0]
		if err := p.Before(t.Context(), r); err != nil || r.Identity() != want {
			t.Errorf("%q: %q, %v", subject, r.Identity(), err)
		}
		if identities[r.Identity()] {
			t.Errorf("%q is also somebody else", r.Identity())
		}
		identities[r.Identity()] = true
	}
}

func TestLogTellsWhatIsWrong(t *testing.T) {
	config := byKeys(usual(t).URL)
	config.Issuer = "https://login.example.com"
	p := plugin(t, config)
	past := frameworktest.Start().Add(-time.Hour).Unix()
	future := frameworktest.Start().Add(time.Hour).Unix()
	got := map[string]string{}
	for name, token := range map[string]string{
		"expired":    rs("r1", but(gojwt.MapClaims{"exp": past})),
		"early":      rs("r1", but(gojwt.MapClaims{"nbf": future})),
		"from later": rs("r1", but(gojwt.MapClaims{"iat": future})),
		"audience":   rs("r1", but(gojwt.MapClaims{"aud": "x"})),
		"issuer":     rs("r1", but(gojwt.MapClaims{"iss": "x"})),
		"no expiry":  rs("r1", but(gojwt.MapClaims{"exp": nil})),
		"key":        rs("r9", good()),
		"signature":  rs("r1", good()) + "AAAA",
		"algorithm":  hs(current, good()),
		"type":       sign(gojwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "r1", "typ": "x"}, good()),
		"extension":  sign(gojwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "r1", "crit": []string{"x"}}, good()),
		"garbage":    "a.b.c",
		"unknown":    raw([]byte(`{"alg":"XS256"}`)) + "." + raw([]byte(`{}`)) + ".AAAA",
		"nothing":    "",
	} {
		got[name] = because(p.Before(t.Context(), call("Bearer "+token)))
	}
	want := map[string]string{
		"expired":    "token is expired",
		"early":      "token is not valid yet",
		"from later": "token used before issued",
		"audience":   "token has invalid audience",
		"issuer":     "token has invalid issuer",
		"no expiry":  "token is missing required claim",
		"key":        "token names no key that its issuer publishes",
		"signature":  "token signature is invalid",
		"algorithm":  "token signature is invalid",
		"type":       "token is of another type",
		"extension":  "token has an extension that must be understood and is not",
		"garbage":    "token is malformed",
		"unknown":    "token is unverifiable",
		"nothing":    "token is malformed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingLeaksSecretsOrTokens(t *testing.T) {
	p := plugin(t, bySecret(current))
	token := hs(current, but(gojwt.MapClaims{"aud": nil, "sub": "canary subject 01234567"}))
	var texts []string
	for _, value := range []string{token, token + "x", hs(wrong, good()), assemble(`{"alg":"HS256"}`, `{"exp":"canary-in-claim-0123"}`)} {
		r := call("Bearer " + value)
		err := p.Before(t.Context(), r)
		texts = append(texts, fmt.Sprint(err), fmt.Sprintf("%+v", err), r.Identity())
	}
	texts = append(texts, fmt.Sprintf("%+v", p.Security()), fmt.Sprintf("%+v", bySecret(current)))
	for _, canary := range []string{current, token, token[strings.LastIndex(token, ".")+1:], "canary-in-claim-0123", "canary subject 01234567"} {
		frameworktest.LeaksNoSecret(t, canary, texts...)
	}
	_, short := jwt.New(bySecret("canary-short-0123"), frameworktest.Deps(t))
	frameworktest.LeaksNoSecret(t, "canary-short-0123", short.Error())
}

func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	secret := bySecret(current)
	keys := byKeys("https://login.example.com/keys")
	with := func(base jwt.Config, change func(*jwt.Config)) jwt.Config { change(&base); return base }
	several := with(jwt.Defaults(), func(c *jwt.Config) {
		c.Audience, c.Issuers = []string{us}, map[string]string{"https://one.example": "https://one.example/keys"}
	})
	for _, c := range []struct {
		name   string
		config jwt.Config
		want   string
	}{
		{"no key", jwt.Defaults(), "one of secrets, jwks and issuers"},
		{"secrets and public keys", with(keys, func(c *jwt.Config) { c.Secrets = secret.Secrets }), "one of secrets, jwks and issuers"},
		{"one issuer and several", with(several, func(c *jwt.Config) { c.JWKS = "https://a.example" }), "one of secrets, jwks and issuers"},
		{"a short secret", bySecret(current, strings.Repeat("a", 31)), "secrets[1]: shorter than 32 bytes"},
		{"a public key as secret", bySecret("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"), "secrets[0]: is a key or certificate"},
		{"algorithms for secrets", with(secret, func(c *jwt.Config) { c.Algorithms = []string{"RS256"} }), "algorithms: secrets are for HS256"},
		{"no algorithm", with(keys, func(c *jwt.Config) { c.Algorithms = []string{"RS256", "none"} }), "algorithms[1]: one of"},
		{"HS256 with public keys", with(keys, func(c *jwt.Config) { c.Algorithms = []string{"HS256"} }), "algorithms[0]: one of"},
		{"public keys for anybody", with(keys, func(c *jwt.Config) { c.Audience = nil }), "audience: is needed"},
		{"an audience and any", with(keys, func(c *jwt.Config) { c.AnyAudience = true }), "any_audience: contradicts"},
		{"an empty audience", with(keys, func(c *jwt.Config) { c.Audience = []string{""} }), "audience: an empty name"},
		{"keys in the clear", with(keys, func(c *jwt.Config) { c.JWKS = "http://login.example.com/keys" }), "jwks: url is http"},
		{"keys with a password", with(keys, func(c *jwt.Config) { c.JWKS = "https://a:b@login.example.com/keys" }), "jwks: url holds a user"},
		{"keys in a file", with(keys, func(c *jwt.Config) { c.JWKS = "file:///keys" }), "jwks: url is not an absolute https"},
		{"one of several in the clear", with(several, func(c *jwt.Config) { c.Issuers = map[string]string{"a": "http://a.example"} }), "issuers: the address for a: url is http"},
		{"an issuer without a name", with(several, func(c *jwt.Config) { c.Issuers = map[string]string{"": "https://a.example"} }), "issuers: a name"},
		{"an issuer with a space", with(several, func(c *jwt.Config) { c.Issuers = map[string]string{"a b": "https://a.example"} }), "issuers: a name"},
		{"issuers and one", with(several, func(c *jwt.Config) { c.Issuer = "x" }), "issuer: issuers says"},
		{"a claim for one issuer", with(keys, func(c *jwt.Config) { c.IssuerClaim = "host" }), "issuer_claim: has no meaning"},
		{"no claim for several", with(several, func(c *jwt.Config) { c.IssuerClaim = "" }), "issuer_claim: 1 to 128"},
		{"a type that is none", with(keys, func(c *jwt.Config) { c.Typ = "a b" }), "typ: not a media type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := jwt.New(c.config, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want %s…", err, c.want)
			}
		})
	}
}

func FuzzTokens(f *testing.F) {
	for _, seed := range []string{hs(wrong, good()), rs("r1", good()), "a.b.c", raw([]byte(`{"alg":"none"}`)) + "." + raw([]byte(`{"exp":9e9}`)) + "."} {
		f.Add("Bearer " + seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := plugin(t, bySecret(current))
		if err := p.Before(t.Context(), call(value)); err == nil {
			t.Errorf("%q passed", value)
		}
	})
}

// FuzzSigned signs whatever header and payload there are: nothing crashes, and what passes is what it seems to be.
func FuzzSigned(f *testing.F) {
	f.Add(`{"alg":"HS256"}`, `{"sub":"jdoe","exp":1795180000}`)
	f.Add(`{"alg":"HS256","typ":"JWT","crit":[]}`, `{"aud":["a",null],"exp":1e300,"nbf":-0.5}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		p := plugin(t, bySecret(current))
		r := call("Bearer " + assemble(header, payload))
		if p.Before(t.Context(), r) != nil {
			return
		}
		claims := gojwt.MapClaims{}
		_, err := gojwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), claims,
			func(*gojwt.Token) (any, error) { return []byte(current), nil },
			gojwt.WithExpirationRequired(), gojwt.WithTimeFunc(frameworktest.Start), gojwt.WithLeeway(30*time.Second), gojwt.WithIssuedAt())
		if err != nil {
			t.Errorf("%s %s passed, and another reader says %v", header, payload, err)
		}
	})
}

func TestReadmeShowsWorkingConfigurations(t *testing.T) {
	t.Setenv("JWT_SECRET", current)
	t.Setenv("JWT_SECRET_OLD", previous)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		var shown struct {
			Before []map[string]yaml.Node `yaml:"before"`
		}
		if err := yaml.Load(block[1], &shown); err != nil {
			t.Fatal(err)
		}
		config, node := jwt.Defaults(), shown.Before[0]["jwt"]
		if err := framework.DecodeConfig(&node, "jwt", &config); err != nil {
			t.Fatal(err)
		}
		plugin(t, config)
	}
}

func TestKeysAreFetchedThroughTLS(t *testing.T) {
	i := usual(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*i.answer.Load())(w, r) }))
	t.Cleanup(server.Close)
	deps := frameworktest.Deps(t)
	p, err := jwt.New(byKeys(server.URL), deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Before(t.Context(), call("Bearer "+rs("r1", good()))); err == nil {
		t.Error("keys of a server whose certificate nobody vouches for are believed")
	}
	deps.HTTP = server.Client()
	if p, err = jwt.New(byKeys(server.URL), deps); err != nil {
		t.Fatal(err)
	}
	if err := p.Before(t.Context(), call("Bearer "+rs("r1", good()))); err != nil {
		t.Error(err)
	}
	server.Client().CloseIdleConnections()
}
