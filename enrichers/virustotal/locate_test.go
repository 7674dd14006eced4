package virustotal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func hostOf(t *testing.T, value string) string {
	t.Helper()
	parsed, err := url.Parse(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToLower(parsed.Hostname())
}

func TestWhatOfAURLIsSent(t *testing.T) {
	const secret = "s3cr3t-t0ken-in-url"
	plain := func(text string) string { return "/urls/" + base64.RawURLEncoding.EncodeToString([]byte(text)) }
	hashed := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "/urls/" + hex.EncodeToString(sum[:])
	}
	cases := []struct{ name, in, want string }{
		{"a URL", "http://evil.example/a%2Fb", plain("http://evil.example/a%2Fb")},
		{"no path", "http://evil.example", plain("http://evil.example/")},
		{"a port that says nothing", "https://evil.example:443/x", plain("https://evil.example/x")},
		{"a port that says something", "http://evil.example:443/x", plain("http://evil.example:443/x")},
		{"user and password", "https://u:" + secret + "@evil.example/", plain("https://evil.example/")},
		{"a fragment", "https://evil.example/#" + secret, plain("https://evil.example/")},
		{"a query", "https://evil.example/?t=" + secret, hashed("https://evil.example/?t=" + secret)},
		{"a query and no path", "https://evil.example?t=" + secret, hashed("https://evil.example/?t=" + secret)},
		{"an empty query", "https://evil.example/?", hashed("https://evil.example/?")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			indicator, err := framework.ParseIndicator(framework.URL, c.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := locate(indicator)
			if err != nil || got.path != c.want {
				t.Errorf("got %q, %v, want %q", got.path, err, c.want)
			}
			if (got.caveat() != nil) != strings.Contains(c.in, "?") {
				t.Errorf("caveat %v", got.caveat())
			}
			frameworktest.LeaksNoSecret(t, secret, got.path)
		})
	}
}
