package plugins_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins"
)

const (
	canary = "canary-token-0123456789abcdef"
	card   = "4111111111111111"
)

type input struct {
	Body struct {
		Text string `json:"text" doc:"Any text"`
	}
}

type output struct {
	Text string `json:"text" doc:"The same text"`
}

// funnel serves POST /echo behind the plugins that the two YAML texts name and configure.
func funnel(t *testing.T, log *frameworktest.Log, before, after string) http.Handler {
	t.Helper()
	registry := framework.NewRegistry()
	plugins.Register(registry)
	if err := registry.Err(); err != nil {
		t.Fatal(err)
	}
	deps := frameworktest.Deps(t)
	deps.Log = log.Logger()
	chain := framework.Chain{
		Before: []framework.Named[framework.Before]{part[framework.Before](t, registry, deps, before)},
		After:  []framework.Named[framework.After]{part[framework.After](t, registry, deps, after)},
	}
	served, err := framework.NewFunnel(framework.Info{Title: "test"}, deps.Log, deps.Now)
	if err != nil {
		t.Fatal(err)
	}
	echo := framework.Endpoint[input, output]{
		Method: http.MethodPost, Path: "/echo", ID: "echo", Summary: "Echo",
		Handle: func(_ context.Context, in *input) (*output, error) { return &output{in.Body.Text}, nil },
	}
	if err := served.Mount(echo.Route(), chain); err != nil {
		t.Fatal(err)
	}
	return served
}

func part[P any](t *testing.T, registry *framework.Registry, deps framework.Deps, text string) framework.Named[P] {
	t.Helper()
	var entry map[string]yaml.Node
	if err := yaml.Load([]byte(text), &entry); err != nil {
		t.Fatal(err)
	}
	for name, node := range entry {
		made, err := registry.Plugin(name, &node, name, deps)
		if err != nil {
			t.Fatal(err)
		}
		return framework.Named[P]{Name: name, Part: made.(P)}
	}
	t.Fatal("no plugin")
	return framework.Named[P]{}
}

func post(handler http.Handler, target, body string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	maps.Copy(request.Header, header)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestTokensOpenTheFunnelAndStayOutOfTheLog(t *testing.T) {
	t.Setenv("FW_TEST_TOKEN", canary)
	const wrong = "canary-wrong-0123456789abcdef"
	for in, target := range map[string]func(token string) (string, http.Header){
		"authorization": func(token string) (string, http.Header) {
			return "/echo", http.Header{"Authorization": {"Bearer " + token}}
		},
		"header": func(token string) (string, http.Header) { return "/echo", http.Header{"X-Api-Token": {token}} },
		"query":  func(token string) (string, http.Header) { return "/echo?token=" + token, nil },
		"path":   func(token string) (string, http.Header) { return "/echo/" + token, nil },
	} {
		t.Run(in, func(t *testing.T) {
			var log frameworktest.Log
			handler := funnel(t, &log, `token: {secrets: ["env:FW_TEST_TOKEN"], in: `+in+`}`, "scrub: {cards: true}")
			var statuses []int
			for _, token := range []string{canary, wrong, "x"} {
				url, header := target(token)
				answer := post(handler, url, `{"text":"a"}`, header)
				statuses = append(statuses, answer.Code)
				frameworktest.LeaksNoSecret(t, canary, answer.Body.String())
				frameworktest.LeaksNoSecret(t, wrong, answer.Body.String())
			}
			if diff := cmp.Diff([]int{200, 401, 401}, statuses); diff != "" {
				t.Error(diff)
			}
			for _, secret := range []string{canary, wrong} {
				frameworktest.LeaksNoSecret(t, secret, log.String())
			}
			if !strings.Contains(log.String(), "identity=token:1") {
				t.Errorf("the log does not say who called: %s", log.String())
			}
		})
	}
}

func TestAnswersAndProblemsAreScrubbed(t *testing.T) {
	t.Setenv("FW_TEST_TOKEN", canary)
	var log frameworktest.Log
	handler := funnel(t, &log, `hmac: {secrets: ["env:FW_TEST_TOKEN"], header: X-Signature}`, "scrub: {cards: true}")
	// HMAC-SHA256 of the body under the canary, by: printf %s BODY | openssl dgst -sha256 -hmac CANARY
	const body = `{"text":"paid with ` + card + `"}`
	signed := http.Header{"X-Signature": {"4583b2d458bad9277bfc15ded5fcaf8c8159383c6b88083cb56167f69e88e21b"}}
	answer := post(handler, "/echo", body, signed)
	if want := `{"text":"paid with [card]"}`; answer.Code != http.StatusOK || answer.Body.String() != want {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	if refused := post(handler, "/echo", body+" ", signed); refused.Code != http.StatusUnauthorized {
		t.Errorf("another body under the same signature: %d", refused.Code)
	}
	frameworktest.LeaksNoSecret(t, card, log.String())
}
