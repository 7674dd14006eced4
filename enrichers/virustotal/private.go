package virustotal

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"funnelweb/framework"
)

// privateNames are the top-level names that are never delegated: RFC 6761, RFC 6762 appendix G, RFC 8375, ICANN's
// choice of .internal in 2024, and what is in use at home and in companies. The reverse zones hold addresses.
func privateNames() []string {
	return []string{
		"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
		"test", "invalid", "in-addr.arpa", "ip6.arpa",
	}
}

// parseNames checks the configured names and returns them with ours, in lower case without dots around them.
func parseNames(configured []string) ([]string, error) {
	names := privateNames()
	for _, name := range configured {
		name = strings.ToLower(strings.Trim(name, "."))
		if name == "" || strings.ContainsAny(name, "/:*@ ") {
			return nil, errors.New("internal_names are domains such as corp.example.com; all names below them are meant, too")
		}
		names = append(names, name)
	}
	return names, nil
}

func parseNetworks(configured []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range configured {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, errors.New("internal_networks are blocks of addresses such as 203.0.113.0/24")
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// private says why an indicator must not be sent, or returns "".
func (e *Enricher) private(indicator framework.Indicator) string {
	switch indicator.Kind {
	case framework.IP:
		address, err := netip.ParseAddr(indicator.Value)
		if err != nil {
			return "the address cannot be read"
		}
		return e.privateAddress(address)
	case framework.Domain:
		return e.privateName(indicator.Value)
	case framework.URL:
		target, err := url.Parse(indicator.Value)
		if err != nil {
			return "the URL cannot be read"
		}
		return e.privateName(target.Hostname())
	default: // hashes tell nothing
	}
	return ""
}

// privateName judges the host of a URL, which may be an address, and a domain.
func (e *Enricher) privateName(host string) string {
	host = strings.ToLower(strings.Trim(host, "."))
	if address, err := netip.ParseAddr(host); err == nil {
		return e.privateAddress(address)
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		// Browsers fold some of them into ASCII: a full-width 1 is a 1 (UTS 46).
		return "the host has letters that may stand for others; ask for it in its xn-- form"
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case last == host:
		return "a name of one part is internal"
	case last == "" || last[0] >= '0' && last[0] <= '9':
		// Browsers take 0x7f.1 and 10.1 for addresses (WHATWG URL, "ends in a number").
		return "the host is an address in an odd form, which may be private"
	}
	if e.isBelow(host) {
		return "the name is internal"
	}
	return ""
}

func (e *Enricher) isBelow(host string) bool {
	return slices.ContainsFunc(e.internal, func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) })
}

// isInternal reports whether a word is a private address, or an internal name of more than one part.
func (e *Enricher) isInternal(word string) bool {
	word = strings.ToLower(strings.Trim(word, "."))
	if address, err := netip.ParseAddr(word); err == nil {
		return e.privateAddress(address) != ""
	}
	return strings.Contains(word, ".") && e.isBelow(word)
}

func (e *Enricher) privateAddress(address netip.Addr) string {
	address = embedded(address.Unmap().WithZone(""))
	switch {
	case isPrivate(address):
		return "the address is private or reserved"
	case slices.ContainsFunc(e.networks, func(network netip.Prefix) bool { return network.Contains(address) }):
		return "the address is internal"
	default:
		return ""
	}
}

// reserved are the blocks without a meaning outside their own network (IANA special-purpose registries, read
// 2026-11) that netip has no word for. Those for documentation are sent: they tell nothing of anybody.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b:1::/48"), // NAT64 of one's own (RFC 8215)
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// isPrivate reports whether an address is of no public network.
func isPrivate(address netip.Addr) bool {
	return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsMulticast() ||
		address.IsUnspecified() || slices.ContainsFunc(reserved(), func(block netip.Prefix) bool { return block.Contains(address) })
}

// embedded returns the IPv4 address in one of NAT64 (64:ff9b::/96, RFC 6052), 6to4 (2002::/16, RFC 3056) or of the form
// ::10.0.0.1 (RFC 4291 2.5.5.1), else the address.
func embedded(address netip.Addr) netip.Addr {
	bytes := address.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(address), netip.MustParsePrefix("::/96").Contains(address) && bytes[12] != 0:
		return netip.AddrFrom4([4]byte(bytes[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(address):
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	default:
		return address
	}
}
