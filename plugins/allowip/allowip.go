// Package allowip lets only calls from listed networks through.
package allowip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"funnelweb/framework"
)

// Config lists networks, each as an address, 192.0.2.7, or with the length of its prefix, 192.0.2.0/24, 2001:db8::/32.
type Config struct {
	// Allow lists who may call. At least one network is needed.
	Allow []string `yaml:"allow"`
	// Deny lists who among those may not.
	Deny []string `yaml:"deny"`
}

// Defaults lists nothing.
func Defaults() Config { return Config{} }

// Plugin compares the address of the client with the lists. It is no framework.Authenticator: an address says where a
// call comes from, not who makes it, and everyone behind one translator or proxy shares it.
type Plugin struct {
	allow, deny []netip.Prefix
	refusal     *framework.Problem
}

// New reads the lists.
func New(c Config, _ framework.Deps) (*Plugin, error) {
	if len(c.Allow) == 0 {
		return nil, errors.New("allow: at least one network is needed")
	}
	allow, allowErr := networks("allow", c.Allow)
	deny, denyErr := networks("deny", c.Deny)
	refusal := framework.NewProblem(http.StatusForbidden, "Calls from this address are not accepted here.")
	return &Plugin{allow, deny, refusal}, errors.Join(allowErr, denyErr)
}

func networks(key string, texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	var wrong []error
	for i, text := range texts {
		prefix, err := network(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s[%d]: %w", key, i, err))
		}
		all = append(all, prefix)
	}
	return all, errors.Join(wrong...)
}

// network reads an address or a prefix. IPv4 in the form of IPv6 (::ffff:192.0.2.0/120) becomes IPv4, as clients do.
func network(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		if address.Zone() != "" {
			return netip.Prefix{}, errors.New("has a zone, which only this machine knows; leave out what begins with %")
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errors.New("not a network; write it as 192.0.2.0/24, 2001:db8::/32 or a single address")
	}
	if prefix.Masked() != prefix {
		return netip.Prefix{}, fmt.Errorf("has bits behind its prefix; is it %s that is meant?", prefix.Masked())
	}
	const mapped = 96 // bits before the IPv4 address in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix, nil
}

// HeadersOnly is true: a caller who is refused is not waited for.
func (p *Plugin) HeadersOnly() bool { return true }

// Before lets the call go on when the client's address is in an allowed network and in no denied one. A client whose
// address is not known is refused.
func (p *Plugin) Before(_ context.Context, r *framework.Request) error {
	client := r.Client().Unmap().WithZone("")
	if !contains(p.allow, client) || contains(p.deny, client) {
		return p.refusal
	}
	return nil
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Refusals lists the status that callers from elsewhere get.
func (p *Plugin) Refusals() []int { return []int{http.StatusForbidden} }
