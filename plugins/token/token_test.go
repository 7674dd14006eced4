package token_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/token"
)

const (
	current  = "canary-current-0123456789abcdef"
	previous = "canary-previous-0123456789abcde"
	wrong    = "canary-wrong-0123456789abcdefgh"
)

func secrets(values ...string) []framework.Secret {
	var all []framework.Secret
	for _, value := range values {
		all = append(all, framework.NewSecret(value))
	}
	return all
}

func plugin(t *testing.T, config token.Config) *token.Plugin {
	t.Helper()
	made, err := token.New(config, frameworktest.Deps(t))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// call makes a request whose path parameter "token" is the value of the header X-Path, which no plugin looks at.
func call(target string, header http.Header) *framework.Request {
	return frameworktest.Request("POST", target, `{"sid":"1"}`, header, "token", header.Get("X-Path"))
}

func TestEachPlaceTakesGoodTokensAndRefusesTheRest(t *testing.T) {
	both := secrets(current, previous)
	bearer := func(values ...string) *framework.Request { return call("/a", http.Header{"Authorization": values}) }
	header := func(values ...string) *framework.Request { return call("/a", http.Header{"X-Api-Token": values}) }
	query := func(raw string) *framework.Request { return call("/a?"+raw, nil) }
	path := func(value string) *framework.Request { return call("/a", http.Header{"X-Path": {value}}) }
	none := call("/a", nil)
	for _, c := range []struct {
		name      string
		config    token.Config
		good, bad []*framework.Request
	}{
		{
			"in the Authorization header",
			token.Config{Secrets: both, In: "authorization"},
			[]*framework.Request{bearer("Bearer " + current), bearer("bearer " + previous), bearer("BEARER  " + current)},
			[]*framework.Request{
				none, bearer("Bearer " + wrong), bearer(current), bearer("Basic " + current), bearer("Bearer"), bearer("Bearer "),
				bearer(""), bearer("Bearer "+current, "Bearer "+current), bearer("Bearer " + current + " "), bearer("Bearer " + current + ", Bearer " + current),
				bearer("Bearer " + current[:len(current)-1]), bearer("Bearer " + strings.ToUpper(current)), header(current), query("token=" + current), path(current),
			},
		},
		{
			"in a header of its own",
			token.Config{Secrets: both, In: "header"},
			[]*framework.Request{header(current), header(previous)},
			[]*framework.Request{none, header(wrong), header(""), header(current, current), header(current, wrong), header("Bearer " + current), query("token=" + current)},
		},
		{
			"in the query",
			token.Config{Secrets: both, In: "query"},
			[]*framework.Request{query("token=" + current), query("a=1&token=" + previous + "&b=2")},
			[]*framework.Request{
				none, query("token=" + wrong), query("token="), query("token"), query("token=" + current + "&token=" + current), query("token=" + current + "&token=" + wrong),
				query("Token=" + current), query("token=" + current + "&a=%zz"), query("a=1;token=" + current), header(current), bearer("Bearer " + current),
			},
		},
		{
			"in the path",
			token.Config{Secrets: both, In: "path"},
			[]*framework.Request{path(current), path(previous)},
			[]*framework.Request{none, path(wrong), path(""), path(current + "/"), query("token=" + current)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			frameworktest.RunBeforeSuite(t, plugin(t, c.config), c.good, c.bad)
		})
	}
}

func TestPlaceMayHaveAnotherName(t *testing.T) {
	header := plugin(t, token.Config{Secrets: secrets(current), In: "header", Name: "x-splunk-token"})
	if err := header.Before(t.Context(), call("/", http.Header{"X-Splunk-Token": {current}})); err != nil {
		t.Error(err)
	}
	query := plugin(t, token.Config{Secrets: secrets("with space & more +"), In: "query", Name: "key"})
	if err := query.Before(t.Context(), call("/?key="+url.QueryEscape("with space & more +"), nil)); err != nil {
		t.Error(err)
	}
}

func TestCallerIsIdentifiedByThePlaceOfTheSecret(t *testing.T) {
	p := plugin(t, token.Config{Secrets: secrets(current, previous), In: "header"})
	for value, want := range map[string]string{current: "token:1", previous: "token:2"} {
		r := call("/", http.Header{"X-Api-Token": {value}})
		if err := p.Before(t.Context(), r); err != nil || r.Identity() != want {
			t.Errorf("identity %q, %v; want %q", r.Identity(), err, want)
		}
	}
}

func TestRefusalChallengesAndLeaksNothing(t *testing.T) {
	for in, challenge := range map[string]string{"authorization": `Bearer realm="funnelweb"`, "header": "", "query": "", "path": ""} {
		p := plugin(t, token.Config{Secrets: secrets(current, previous), In: in})
		r := call("/a?token="+wrong, http.Header{"Authorization": {"Bearer " + wrong}, "X-Api-Token": {wrong}, "X-Path": {wrong}})
		problem, ok := errors.AsType[*framework.Problem](p.Before(t.Context(), r))
		if !ok {
			t.Fatalf("%s: not refused", in)
		}
		if got := problem.Header.Get("WWW-Authenticate"); got != challenge {
			t.Errorf("%s: challenge %q, want %q", in, got, challenge)
		}
		for _, canary := range []string{current, previous, wrong} {
			frameworktest.LeaksNoSecret(t, canary, problem.Error(), problem.Detail, problem.Header.Get("WWW-Authenticate"), r.Identity())
		}
	}
}

func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		config token.Config
		want   string
	}{
		{"no secret", token.Config{In: "header"}, "secrets: at least one is needed, or one of tokens"},
		{"an empty secret beside a good one", token.Config{In: "header", Secrets: secrets(current, "")}, "secrets[1]: shorter than 16 bytes"},
		{"a short secret", token.Config{In: "header", Secrets: secrets("hunter2-hunter2")}, "secrets[0]: shorter than 16 bytes"},
		{"an unknown place", token.Config{In: "cookie", Secrets: secrets(current)}, "in: one of authorization, header, query, path"},
		{"no place", token.Config{Secrets: secrets(current)}, "in: one of"},
		{"another name for Authorization", token.Config{In: "authorization", Name: "X-Auth", Secrets: secrets(current)}, "name: the Authorization header has no other name"},
		{"Authorization without its scheme", token.Config{In: "header", Name: "authorization", Secrets: secrets(current)}, "name: a token cannot be in the header Authorization"},
		{"a header that cannot be", token.Config{In: "header", Name: "X Token", Secrets: secrets(current)}, "name: not the name of a header"},
		{"a header of proxies", token.Config{In: "header", Name: "connection", Secrets: secrets(current)}, "name: Connection is about the connection"},
		{"a path parameter that cannot be", token.Config{In: "path", Name: "a/b", Secrets: secrets(current)}, "name: a path parameter"},
		{"a slash in a path token", token.Config{In: "path", Secrets: secrets("0123456789/abcdefg")}, "secrets[0]: has a slash"},
		{"dots as a path token", token.Config{In: "path", Secrets: secrets("................")}, "secrets[0]: has a slash"},
		{"a line feed in a header token", token.Config{In: "header", Secrets: secrets("0123456789abcdef\nx")}, "secrets[0]: has a space"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := token.New(c.config, frameworktest.Deps(t))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("error = %v, want %s…", err, c.want)
			}
			for _, secret := range c.config.Secrets {
				if secret.Reveal() != "" && strings.Contains(err.Error(), secret.Reveal()) {
					t.Error("the error tells the secret")
				}
			}
		})
	}
}

func TestDocumentSaysWhereTheTokenGoes(t *testing.T) {
	for in, want := range map[string]framework.SecurityScheme{
		"authorization": {Type: "http", Scheme: "bearer"},
		"header":        {Type: "apiKey", In: "header", Name: "X-Api-Token"},
		"query":         {Type: "apiKey", In: "query", Name: "token"},
		"path":          {},
	} {
		p := plugin(t, token.Config{Secrets: secrets(current), In: in})
		if diff := cmp.Diff(want, p.Security()); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
		if segment := p.PathSegment(); (segment == "token") != (in == "path") {
			t.Errorf("%s: path segment %q", in, segment)
		}
	}
}

func TestReadmeShowsAWorkingConfiguration(t *testing.T) {
	t.Setenv("SPLUNK_TOKEN", current)
	t.Setenv("SOC_TOKEN", "canary-soc-0123456789abcdef")
	t.Setenv("ONCALL_TOKEN", "canary-on-call-0123456789abcdef")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	old := t.TempDir() + "/old"
	if err := os.WriteFile(old, []byte(previous+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)[1]
	block = []byte(strings.ReplaceAll(string(block), "/run/secrets/splunk-token-old", old))
	var shown struct {
		Before []map[string]yaml.Node `yaml:"before"`
	}
	if err := yaml.Load(block, &shown); err != nil {
		t.Fatal(err)
	}
	config := token.Defaults()
	node := shown.Before[0]["token"]
	if err := framework.DecodeConfig(&node, "token", &config); err != nil {
		t.Fatal(err)
	}
	p := plugin(t, config)
	for _, value := range []string{current, previous} {
		if err := p.Before(t.Context(), call("/?token="+value, nil)); err != nil {
			t.Error(err)
		}
	}
}
