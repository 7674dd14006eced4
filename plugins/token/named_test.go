package token_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/token"
)

func TestATokenWithANameIsThatCallerAndGoodForItsScopes(t *testing.T) {
	const soc, onCall = "canary-soc-0123456789abcdef", "canary-on-call-0123456789abcdef"
	p := plugin(t, token.Config{In: "header", Secrets: secrets(current), Tokens: []token.Token{
		{Name: "soc", Secret: framework.NewSecret(soc), Scopes: []framework.Scope{framework.ScopeRead}},
		{Name: "on-call", Secret: framework.NewSecret(onCall), Scopes: framework.Scopes()},
		{Name: "old-soc", Secret: framework.NewSecret(previous)},
	}})
	type caller struct {
		Name        string
		Read, Admin bool
	}
	for sent, want := range map[string]caller{
		soc: {"token:soc", true, false}, onCall: {"token:on-call", true, true}, current: {"token:1", true, true}, previous: {"token:old-soc", true, true},
	} {
		r := call("/", http.Header{"X-Api-Token": {sent}})
		if err := p.Before(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got := caller{r.Identity(), r.May(framework.ScopeRead), r.May(framework.ScopeAdmin)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if err := p.Before(t.Context(), call("/", http.Header{"X-Api-Token": {wrong}})); err == nil {
		t.Error("another token was let in")
	}
}

func TestTokensWithNamesThatCannotBeMeantAreRefused(t *testing.T) {
	good := framework.NewSecret(current)
	for name, c := range map[string]struct {
		token token.Token
		want  string
	}{
		"no name":              {token.Token{Secret: good}, "tokens[0].name: 1 to 63 of a-z, 0-9, - and _, beginning with a letter"},
		"a name like a place":  {token.Token{Name: "2", Secret: good}, "tokens[0].name: 1 to 63 of a-z, 0-9, - and _, beginning with a letter"},
		"a name of two lines":  {token.Token{Name: "soc\nadmin", Secret: good}, "tokens[0].name: 1 to 63 of a-z, 0-9, - and _, beginning with a letter"},
		"no scope":             {token.Token{Name: "soc", Secret: good, Scopes: []framework.Scope{}}, "tokens[0].scopes: name at least one, or leave them out for all"},
		"an unknown scope":     {token.Token{Name: "soc", Secret: good, Scopes: []framework.Scope{"read", "write"}}, "tokens[0].scopes: [read admin] are all there are"},
		"no secret":            {token.Token{Name: "soc"}, "tokens[0].secret: shorter than 16 bytes, so it could be guessed; make one with: openssl rand -hex 32"},
		"one of secrets again": {token.Token{Name: "soc", Secret: framework.NewSecret(previous)}, "tokens[0].secret: is also that of token:1, so that nobody could tell them apart"},
	} {
		_, err := token.New(token.Config{In: "header", Secrets: secrets(previous), Tokens: []token.Token{c.token}}, frameworktest.Deps(t))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		frameworktest.LeaksNoSecret(t, current, err.Error())
		frameworktest.LeaksNoSecret(t, previous, err.Error())
	}
}
