package token_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
	"funnelweb/plugins/token"
)

// bearer is the form of the header (RFC 6750 section 2.1), with any number of spaces.
var bearer = regexp.MustCompile(`^(?i:Bearer) +(.*)$`)

// Wherever a token may be sent, what passes is one of the secrets as another reader of the request finds it, and every
// refusal has the same words.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"Bearer " + current, "bearer  " + current, current, "token=" + current, "token=%63anary", "a=1&token=" + current + "&token=", "", "\x00", current + "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		for in, request := range map[string]*framework.Request{
			"authorization": call("/a", http.Header{"Authorization": {sent}}),
			"header":        call("/a", http.Header{"X-Api-Token": {sent}}),
			"query":         withQuery(sent),
			"path":          call("/a", http.Header{"X-Path": {sent}}),
		} {
			p := plugin(t, token.Config{Secrets: secrets(current, previous), In: in})
			err := p.Before(t.Context(), request)
			if err == nil != found(in, request) {
				t.Errorf("%s: %q: %v", in, sent, err)
			}
			if (request.Identity() == "token:1") != (err == nil) {
				t.Errorf("%s: %q is %q", in, sent, request.Identity())
			}
			if err != nil && err.Error() != plugin(t, token.Config{Secrets: secrets(current), In: in}).Before(t.Context(), call("/a", nil)).Error() {
				t.Errorf("%s: %q is refused with other words: %v", in, sent, err)
			}
		}
	})
}

func withQuery(raw string) *framework.Request {
	r := frameworktest.Request("POST", "/a", "{}", nil)
	r.URL.RawQuery = raw
	return r
}

// found reports whether the current secret is in its place, and nothing else.
func found(in string, r *framework.Request) bool {
	switch in {
	case "authorization":
		match := bearer.FindStringSubmatch(r.Header.Get("Authorization"))
		return match != nil && match[1] == current
	case "header":
		return r.Header.Get("X-Api-Token") == current
	case "query":
		values, err := url.ParseQuery(r.URL.RawQuery)
		return err == nil && len(values["token"]) == 1 && values.Get("token") == current
	default:
		return r.Header.Get("X-Path") == current
	}
}
