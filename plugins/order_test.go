package plugins_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins"
)

// broken is a plugin of both kinds that passes, fails or panics.
type broken struct{ how string }

func (b broken) do() error {
	switch b.how {
	case "error":
		return errors.New("broken by " + canary)
	case "panic":
		panic("broken by " + canary)
	default:
		return nil
	}
}

func (b broken) Before(context.Context, *framework.Request) error { return b.do() }

func (b broken) After(context.Context, *framework.Request, *framework.Response) error { return b.do() }

// brokenConfig is its configuration.
type brokenConfig struct {
	How string `yaml:"how"`
}

// server is a funnel with one route whose handler counts its calls.
type server struct {
	handler http.Handler
	log     *frameworktest.Log
	clock   *frameworktest.Clock
	handled int
	answer  func() error // nil: the handler succeeds
}

// serve mounts POST /echo behind the plugins of a configuration, as an endpoint's node has them.
func serve(t *testing.T, text string) *server {
	t.Helper()
	s, err := mount(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mount is serve, with the mistake that the funnel finds in the configuration.
func mount(t *testing.T, text string) (*server, error) {
	t.Helper()
	registry := framework.NewRegistry()
	plugins.Register(registry)
	framework.AddPlugin(registry, "broken", func() brokenConfig { return brokenConfig{} }, func(c brokenConfig, _ framework.Deps) (broken, error) {
		return broken{c.How}, nil
	})
	var node struct {
		Public        bool                   `yaml:"public"`
		Before, After []map[string]yaml.Node `yaml:",omitempty"`
	}
	if err := yaml.Load([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	s := &server{log: new(frameworktest.Log), clock: new(frameworktest.Clock)}
	deps := frameworktest.Deps(t)
	deps.Log, deps.Now = s.log.Logger(), s.clock.Now
	chain := framework.Chain{Public: node.Public}
	chain.Before = list[framework.Before](t, registry, deps, node.Before)
	chain.After = list[framework.After](t, registry, deps, node.After)
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	funnel.TrustProxies([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}) // httptest.NewRequest comes from there
	echo := framework.Endpoint[input, output]{
		Method: http.MethodPost, Path: "/echo", ID: "echo", Summary: "Echo",
		Handle: func(_ context.Context, in *input) (*output, error) {
			s.handled++
			if s.answer != nil {
				return nil, s.answer()
			}
			return &output{in.Body.Text}, nil
		},
	}
	s.handler = funnel
	return s, funnel.Mount(echo.Route(), chain)
}

func list[P any](t *testing.T, registry *framework.Registry, deps framework.Deps, entries []map[string]yaml.Node) []framework.Named[P] {
	t.Helper()
	var all []framework.Named[P]
	for _, entry := range entries {
		for name, node := range entry {
			made, err := registry.Plugin(name, &node, name, deps)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, framework.Named[P]{Name: name, Part: made.(P)})
		}
	}
	return all
}

func (s *server) post(header http.Header, body string) *httptest.ResponseRecorder {
	return post(s.handler, "/echo", body, header)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// statuses makes calls with some tokens, one after the other.
func (s *server) statuses(tokens ...string) []int {
	var all []int
	for _, token := range tokens {
		all = append(all, s.post(bearer(token), `{"text":"a"}`).Code)
	}
	return all
}

func TestPluginsRunInTheOrderOfTheConfiguration(t *testing.T) {
	t.Setenv("FW_TEST_TOKEN", canary)
	const tokens, slow = `{token: {secrets: ["env:FW_TEST_TOKEN"]}}`, `{ratelimit: {rate: 2/h, by: address}}`
	for _, c := range []struct {
		name, config string
		tokens       []string
		want         []int
	}{
		{"the limit first counts who guesses", "before: [" + slow + ", " + tokens + "]", []string{"x", "y", canary}, []int{401, 401, 429}},
		{"the limit behind counts who is let in", "before: [" + tokens + ", " + slow + "]", []string{"x", "y", canary, canary, canary, "x"}, []int{401, 401, 200, 200, 429, 401}},
		{"the network first hides whether a token is good", `before: [{allowip: {allow: [198.51.100.1]}}, ` + tokens + "]", []string{canary, "x"}, []int{403, 403}},
		{"the network behind does not", `before: [` + tokens + `, {allowip: {allow: [198.51.100.1]}}]`, []string{canary, "x"}, []int{403, 401}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, serve(t, c.config).statuses(c.tokens...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimitByIdentityBeforeAnybodyIsKnownIsAMistakeAtTheStart(t *testing.T) {
	t.Setenv("FW_TEST_TOKEN", canary)
	const tokens, limit = `{token: {secrets: ["env:FW_TEST_TOKEN"]}}`, `{ratelimit: {rate: 2/h}}`
	for config, wrong := range map[string]bool{
		"before: [" + limit + ", " + tokens + "]":                                          true,
		"{public: true, before: [" + limit + "]}":                                          true,
		"before: [{ratelimit: {rate: 2/h, by: address}}, " + limit + ", " + tokens + "]":   true,
		"before: [" + tokens + ", " + limit + "]":                                          false,
		"before: [{ratelimit: {rate: 2/h, by: address}}, " + tokens + ", " + limit + "]":   false,
		"{public: true, before: [{ratelimit: {rate: 2/h, by: header, header: X-Tenant}}]}": false,
	} {
		_, err := mount(t, config)
		if told := err != nil && strings.Contains(err.Error(), "ratelimit needs to know who is calling"); told != wrong {
			t.Errorf("%s: error %v", config, err)
		}
	}
}

func TestAfterPluginsRunInTheOrderOfTheConfiguration(t *testing.T) {
	const first, second = `{scrub: {patterns: [{name: first, pattern: 'E-[0-9]+'}]}}`, `{scrub: {patterns: [{name: second, pattern: '\[first\]'}]}}`
	for order, want := range map[string]string{first + ", " + second: `{"text":"[second]"}`, second + ", " + first: `{"text":"[first]"}`} {
		if got := serve(t, "public: true\nafter: ["+order+"]").post(nil, `{"text":"E-1"}`).Body.String(); got != want {
			t.Errorf("%s: %s", order, got)
		}
	}
}

func TestPluginThatFailsEndsTheCallWithoutData(t *testing.T) {
	const good, mark = `{scrub: {cards: true}}`, "of the handler"
	for _, how := range []string{"error", "panic"} {
		bad := `{broken: {how: ` + how + `}}`
		for _, c := range []struct {
			name, config string
			handled      int
		}{
			{"before", "before: [{broken: {}}, " + bad + "]\nafter: [" + good + "]", 0},
			{"before the one that limits", "before: [" + bad + ", {ratelimit: {rate: 1/h, by: address}}]", 0},
			{"after", "after: [" + bad + "]", 2},
			{"after another one", "after: [" + good + ", " + bad + "]", 2},
			{"after, and others behind it", "after: [" + bad + ", " + good + "]", 2},
		} {
			t.Run(how+" "+c.name, func(t *testing.T) {
				s := serve(t, "public: true\n"+c.config)
				for range 2 {
					answer := s.post(nil, `{"text":"`+mark+`"}`)
					if answer.Code != http.StatusInternalServerError || answer.Header().Get("Content-Type") != framework.ProblemType {
						t.Errorf("%d %s", answer.Code, answer.Header())
					}
					frameworktest.LeaksNoSecret(t, canary, answer.Body.String())
					frameworktest.LeaksNoSecret(t, mark, answer.Body.String())
				}
				if s.handled != c.handled {
					t.Errorf("the handler ran %d times", s.handled)
				}
				if strings.Count(s.log.String(), "broken by "+canary) != 2 {
					t.Errorf("the log does not say why: %s", s.log.String())
				}
			})
		}
	}
}

func TestRefusalsAreScrubbedToo(t *testing.T) {
	s := serve(t, "public: true\nafter: [{scrub: {cards: true, keys: true}}]")
	s.answer = func() error { return framework.NewProblem(http.StatusConflict, "There is a "+card+" already.") }
	answer := s.post(nil, `{"text":"a"}`)
	if answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), "There is a [card] already.") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// stripe signs a body as Stripe does.
func stripe(secret string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(stamp + "." + body))
	return http.Header{"Stripe-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}
}

func TestDeliveryThatWasNotTakenInMayComeAgain(t *testing.T) {
	t.Setenv("FW_TEST_SECRET", canary)
	const body = `{"text":"a"}`
	s := serve(t, `before: [{hmac: {preset: stripe, secrets: ["env:FW_TEST_SECRET"]}}]`)
	same := stripe(canary, s.clock.Now(), body)
	var got []int
	try := func() { got = append(got, s.post(same, body).Code) }
	s.answer = func() error { return framework.Unavailable("The store is full.", time.Second, nil) }
	try()
	s.answer = func() error { return errors.New("cut off") }
	try()
	s.answer = func() error { panic("broken") }
	try()
	s.answer = nil
	try()
	try()
	s.clock.Advance(time.Second)
	same = stripe(canary, s.clock.Now(), body)
	try()
	if diff := cmp.Diff([]int{503, 500, 500, 200, 409, 200}, got); diff != "" {
		t.Error(diff)
	}
	// Where replays pass, the endpoint decides.
	s = serve(t, `before: [{hmac: {preset: stripe, replays: pass, secrets: ["env:FW_TEST_SECRET"]}}]`)
	got, same = nil, stripe(canary, s.clock.Now(), body)
	try()
	try()
	if diff := cmp.Diff([]int{200, 200}, got); diff != "" {
		t.Error(diff)
	}
}

// All plugins of one registry are one server's: what came in on one route does not come in on another by the same secret.
func TestDeliveryOfOneEndpointIsAReplayOnAnother(t *testing.T) {
	t.Setenv("FW_TEST_SECRET", canary)
	registry := framework.NewRegistry()
	plugins.Register(registry)
	clock := new(frameworktest.Clock)
	deps := frameworktest.Deps(t)
	deps.Now = clock.Now
	funnel, err := framework.NewFunnel(framework.Info{Title: "test"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	var node []map[string]yaml.Node
	if err := yaml.Load([]byte(`[{hmac: {preset: stripe, secrets: ["env:FW_TEST_SECRET"]}}]`), &node); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/one", "/other"} {
		echo := framework.Endpoint[input, output]{
			Method: http.MethodPost, Path: path, ID: path[1:], Summary: "Echo",
			Handle: func(_ context.Context, in *input) (*output, error) { return &output{in.Body.Text}, nil },
		}
		if err := funnel.Mount(echo.Route(), framework.Chain{Before: list[framework.Before](t, registry, deps, node)}); err != nil {
			t.Fatal(err)
		}
	}
	const body = `{"text":"a"}`
	signed := stripe(canary, clock.Now(), body)
	got := []int{post(funnel, "/one", body, signed).Code, post(funnel, "/other", body, signed).Code, post(funnel, "/one", body, signed).Code}
	if diff := cmp.Diff([]int{200, 409, 409}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNetworksAreThoseOfTheClientBehindATrustedProxy(t *testing.T) {
	s := serve(t, `{public: true, before: [{allowip: {allow: [198.51.100.0/24]}}, {ratelimit: {rate: 1/h, by: address}}]}`)
	via := func(addresses string) int {
		return s.post(http.Header{"X-Forwarded-For": {addresses}}, `{"text":"a"}`).Code
	}
	var got []int
	for _, addresses := range []string{"198.51.100.1", "198.51.100.1", "203.0.113.1, 198.51.100.2", "198.51.100.3, 203.0.113.1", "", "::ffff:198.51.100.4"} {
		got = append(got, via(addresses))
	}
	if diff := cmp.Diff([]int{200, 429, 200, 403, 403, 200}, got); diff != "" {
		t.Error(diff)
	}
	stranger := httptest.NewRequest(http.MethodPost, "/echo", strings.NewReader(`{"text":"a"}`))
	stranger.RemoteAddr = "203.0.113.1:1234"
	stranger.Header.Set("X-Forwarded-For", "198.51.100.9")
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, stranger)
	if recorder.Code != http.StatusForbidden {
		t.Errorf("who is no proxy is believed: %d", recorder.Code)
	}
}

// Every authenticating plugin, with what is good, what is not and what both hold that must stay inside.
func TestCredentialsStayOutOfAnswersAndLog(t *testing.T) {
	const secret = "canary-secret-0123456789abcdefghij"
	t.Setenv("FW_TEST_SECRET", secret)
	now := frameworktest.Start()
	token, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, gojwt.MapClaims{"sub": "jdoe", "exp": now.Add(time.Hour).Unix()}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	basic := func(password string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("jdoe:"+password))}}
	}
	const body = `{"text":"a"}`
	for name, c := range map[string]struct {
		config    string
		good, bad http.Header
		identity  string
		hidden    []string
	}{
		"basic": {`{basic: {users: [{name: jdoe, password: "env:FW_TEST_SECRET"}]}}`, basic(secret), basic(secret + "x"), "basic:jdoe", []string{secret}},
		"jwt":   {`{jwt: {secrets: ["env:FW_TEST_SECRET"]}}`, bearer(token), bearer(token + "x"), "jwt:jdoe", []string{secret, token, strings.Split(token, ".")[2]}},
		"token": {`{token: {secrets: ["env:FW_TEST_SECRET"]}}`, bearer(secret), bearer(secret + "x"), "token:1", []string{secret}},
		"hmac":  {`{hmac: {preset: stripe, secrets: ["env:FW_TEST_SECRET"], replays: pass}}`, stripe(secret, now, body), stripe(secret, now, body+"x"), "hmac:1", []string{secret}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "before: ["+c.config+"]\nafter: [{scrub: {keys: true}}]")
			var texts []string
			for want, header := range map[int]http.Header{http.StatusOK: c.good, http.StatusUnauthorized: c.bad} {
				answer := s.post(header, body)
				if answer.Code != want {
					t.Errorf("%d, not %d", answer.Code, want)
				}
				texts = append(texts, answer.Body.String(), fmt.Sprint(answer.Header()))
			}
			if !strings.Contains(s.log.String(), "identity="+c.identity) {
				t.Errorf("the log does not say who called: %s", s.log.String())
			}
			for _, hidden := range c.hidden {
				frameworktest.LeaksNoSecret(t, hidden, append(texts, s.log.String())...)
			}
		})
	}
}
