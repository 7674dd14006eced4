package framework

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestTheClientIsBelievedOnlyAsFarAsTrustedProxiesSayIt(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		trusted    []netip.Prefix
		want       string
	}{
		{"no proxy is trusted", "10.0.0.1:5", []string{"198.51.100.7"}, nil, "10.0.0.1"},
		{"the peer is no proxy of ours", "203.0.113.9:5", []string{"198.51.100.7"}, trusted, "203.0.113.9"},
		{"a trusted proxy names the client", "10.0.0.1:5", []string{"198.51.100.7"}, trusted, "198.51.100.7"},
		{"the client forged an address before it", "10.0.0.1:5", []string{"192.0.2.1, 198.51.100.7"}, trusted, "198.51.100.7"},
		{"two proxies, in two headers", "10.0.0.1:5", []string{"192.0.2.1, 198.51.100.7", "10.2.2.2"}, trusted, "198.51.100.7"},
		{"all are proxies", "10.0.0.1:5", []string{"10.3.3.3"}, trusted, "10.3.3.3"},
		{"nonsense ends it", "10.0.0.1:5", []string{"198.51.100.7, unknown"}, trusted, "invalid IP"},
		{"an address with a port", "10.0.0.1:5", []string{"198.51.100.7:4711"}, trusted, "198.51.100.7"},
		{"IPv6 in brackets", "10.0.0.1:5", []string{"[2001:db8::1]"}, trusted, "2001:db8::1"},
		{"IPv6 with a port", "10.0.0.1:5", []string{"[2001:db8::1]:443"}, trusted, "2001:db8::1"},
		{"a comma too many", "10.0.0.1:5", []string{"198.51.100.7,"}, trusted, "invalid IP"},
		{"no header", "10.0.0.1:5", nil, trusted, "10.0.0.1"},
		{"IPv6, mapped IPv4", "[fd00::1]:5", []string{"::ffff:198.51.100.7"}, trusted, "198.51.100.7"},
		{"no peer", "pipe", nil, trusted, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := clientAddr(r, c.trusted); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
