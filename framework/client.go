package framework

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxForwarded bounds how many addresses of X-Forwarded-For are looked at.
const maxForwarded = 32

// clientAddr tells who calls. What a proxy says is believed only as far as it was said by a trusted one: the header is read
// from its end, where the nearest proxy wrote, and the first address that is not trusted is the client's. Where a trusted proxy
// wrote what is no address the client is not known: taking the proxy for it would lend callers the proxy's rights.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	if !contains(trusted, client) {
		return client
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= max(0, len(said)-maxForwarded) && contains(trusted, client); i-- {
		text := strings.TrimSpace(said[i])
		if text == "" && len(said) == 1 {
			return client // the proxy itself calls
		}
		client = forwardedAddr(text)
	}
	return client
}

// forwardedAddr reads an address as proxies write it: alone, in brackets, or with a port.
func forwardedAddr(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	address, _ := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return address.Unmap().WithZone("")
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
