package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Serving is the section server: how the server is reached, and what it bears.
type Serving struct {
	// TLS makes the server speak HTTPS. Without it only this machine may be served, unless Plaintext is said.
	TLS *TLS `yaml:"tls"`
	// Plaintext says that other machines may be served without TLS, because a proxy in front does it. Default false.
	Plaintext bool `yaml:"plaintext"`
	// TrustedProxies are the addresses and networks (CIDR) whose X-Forwarded-For is believed. Default none.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// ReadHeader is how long the handshake, and then the headers of a call, may take. Default 5s.
	ReadHeader time.Duration `yaml:"read_header"`
	// Read is how long a whole call may take to arrive, its body included. Default 20s.
	Read time.Duration `yaml:"read"`
	// Write is how long it may take from the headers of a call to the end of its answer. Default 60s.
	Write time.Duration `yaml:"write"`
	// Idle is how long a connection may wait for its next call. Default 2m.
	Idle time.Duration `yaml:"idle"`
	// MaxHeaderBytes bounds request line and headers together. Default 16384.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxConnections bounds connections. At the bound, one that waits without a call makes room. Default 20000.
	MaxConnections int `yaml:"max_connections"`
	// DrainDelay is how long calls are still taken after SIGTERM, while /ready says 503 so that load balancers go
	// elsewhere. Default 0s.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// Drain is how long after that calls and jobs under way may take to end. Default 10s.
	Drain time.Duration `yaml:"drain"`
}

// TLS is the section server.tls.
type TLS struct {
	// CertFile holds the certificate, then those between it and the authority, in PEM.
	CertFile string `yaml:"cert_file"`
	// KeyFile holds the private key in PEM.
	KeyFile string `yaml:"key_file"`
	// ClientCAFile holds authorities in PEM; then only clients with a certificate of one of them are served. Default none.
	ClientCAFile string `yaml:"client_ca_file"`
	// Reload is how often the files are looked at for a new certificate. Default 1m.
	Reload time.Duration `yaml:"reload"`
}

// The bounds of what may be configured.
const (
	leastHeaderBytes = 1 << 10 // a webhook with a signature and what proxies add
	mostHeaderBytes  = 1 << 20
	defaultReload    = time.Minute
)

func defaultServing() Serving {
	return Serving{
		ReadHeader: 5 * time.Second, Read: 20 * time.Second, Write: time.Minute, Idle: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, MaxConnections: 20_000, Drain: 10 * time.Second,
	}
}

// check finds what the decoder cannot. The mistakes have paths below server.
func (s *Serving) check(mistake func(path, message string)) {
	for path, limit := range map[string]time.Duration{
		"read_header": s.ReadHeader, "read": s.Read, "write": s.Write, "idle": s.Idle, "drain": s.Drain,
	} {
		if limit <= 0 {
			mistake("server."+path, "give a duration above 0, such as 10s: without a limit, slow senders keep connections for ever")
		}
	}
	if s.DrainDelay < 0 {
		mistake("server.drain_delay", "give a duration of at least 0s")
	}
	if s.MaxHeaderBytes < leastHeaderBytes || s.MaxHeaderBytes > mostHeaderBytes {
		mistake("server.max_header_bytes", fmt.Sprintf("give %d to %d", leastHeaderBytes, mostHeaderBytes))
	}
	if s.MaxConnections < 1 {
		mistake("server.max_connections", "give at least 1")
	}
	if _, err := s.proxies(); err != nil {
		mistake("server.trusted_proxies", err.Error())
	}
	if s.TLS != nil {
		s.TLS.check(mistake)
	}
}

func (t *TLS) check(mistake func(path, message string)) {
	if t.CertFile == "" || t.KeyFile == "" {
		mistake("server.tls", "cert_file and key_file are both needed")
	}
	if t.Reload < 0 {
		mistake("server.tls.reload", "give a duration above 0")
	}
}

// reload is how often to look for a new certificate.
func (t *TLS) reload() time.Duration {
	if t.Reload == 0 {
		return defaultReload
	}
	return t.Reload
}

// checkReach refuses an address that other machines reach in the clear, unless that is said: tokens and evidence would
// travel readable, and a proxy that was meant to stand in front can be walked around.
func (c *Config) checkReach() (path, message string) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16) // a port as a number: names differ from machine to machine
	}
	switch {
	case err != nil:
		return "listen", "give host:port, such as 127.0.0.1:8080"
	case c.Server.TLS != nil && c.Server.Plaintext:
		return "server.plaintext", "contradicts server.tls: remove one of them"
	case c.Server.TLS != nil || c.Server.Plaintext || isLoopback(host):
		return "", ""
	default:
		return "listen", "other machines could reach this address without TLS, and read every token. Give server.tls its cert_file and " +
			"key_file; or, where a proxy in front does TLS, say server: {plaintext: true}; or listen on 127.0.0.1"
	}
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// proxies reads the trusted proxies.
func (s *Serving) proxies() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for i, text := range s.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if address, alone := netip.ParseAddr(text); alone == nil {
			address = address.Unmap()
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("item %d is no address or network, such as 10.0.0.0/8", i+1)
		case prefix.Addr().Is4In6():
			return nil, fmt.Errorf("item %d: write IPv4 networks as such", i+1)
		case prefix.Bits() == 0:
			return nil, errors.New("everybody is no proxy: name the networks that yours are in")
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
