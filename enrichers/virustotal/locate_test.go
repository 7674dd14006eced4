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
	const token = "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJ"
	plain := func(text string) string { return "/urls/" + base64.RawURLEncoding.EncodeToString([]byte(text)) }
	hashed := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "/urls/" + hex.EncodeToString(sum[:])
	}
	config := validConfig("https://www.virustotal.com/api/v3")
	config.InternalNames = []string{"corp.example.com"}
	enricher := newEnricher(t, config)
	cases := []struct{ name, in, want string }{
		{"a URL", "http://evil.example/a%2Fb", plain("http://evil.example/a%2Fb")},
		{"no path", "http://evil.example", plain("http://evil.example/")},
		{"a port that says nothing", "https://evil.example:443/x", plain("https://evil.example/x")},
		{"a port that says something", "http://evil.example:443/x", plain("http://evil.example:443/x")},
		{"user and password", "https://u:" + secret + "@evil.example/", plain("https://evil.example/")},
		{"a fragment", "https://evil.example/#" + secret, plain("https://evil.example/")},
		{"a query", "https://evil.example/?t=" + secret, hashed("https://evil.example/?t=" + secret)},
		{"a query and no path", "https://evil.example?t=" + secret, hashed("https://evil.example/?t=" + secret)},
		{"a mail address in the path", "https://evil.example/u/jdoe@lab.example", hashed("https://evil.example/u/jdoe@lab.example")},
		{"a mail address in the path, escaped", "https://evil.example/u/jdoe%40lab.example", hashed("https://evil.example/u/jdoe%40lab.example")},
		{"a URL in the path", "https://proxy.example/http://intranet/x", hashed("https://proxy.example/http://intranet/x")},
		{"a URL in the path, escaped twice", "https://proxy.example/http%253A%252F%252Fintranet", hashed("https://proxy.example/http%253A%252F%252Fintranet")},
		{"a URL in the path, escaped thrice", "https://proxy.example/http%25253A%25252F%25252Fintranet", hashed("https://proxy.example/http%25253A%25252F%25252Fintranet")},
		{"an internal name in the path", "https://evil.example/for/wiki.corp.example.com/x", hashed("https://evil.example/for/wiki.corp.example.com/x")},
		{"a private address in the path", "https://evil.example/10.1.2.3:80-x", hashed("https://evil.example/10.1.2.3:80-x")},
		{"a public address and a version in the path", "https://evil.example/8.8.8.8/v1.2.3/x.exe", plain("https://evil.example/8.8.8.8/v1.2.3/x.exe")},
		{"what looks like a token in the path", "https://evil.example/reset/" + token, hashed("https://evil.example/reset/" + token)},
		{"a long word in the path", "https://evil.example/internationalization-of-names/", plain("https://evil.example/internationalization-of-names/")},
		{"an empty query", "https://evil.example/?", hashed("https://evil.example/?")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			indicator, err := framework.ParseIndicator(framework.URL, c.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := enricher.locate(indicator)
			if err != nil || got.path != c.want {
				t.Errorf("got %q, %v, want %q", got.path, err, c.want)
			}
			if (got.caveat() != nil) != got.hashed {
				t.Errorf("caveat %v", got.caveat())
			}
			frameworktest.LeaksNoSecret(t, secret, got.path)
		})
	}
}
