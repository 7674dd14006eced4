package framework

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// ServiceURL reads the base address of a service from a configuration: absolute, without user, query and fragment, and
// https unless the host is this machine, since credentials go with every call. The path has no slash at its end. No error
// quotes the text: people paste addresses with passwords in them.
func ServiceURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("url is missing")
	case err != nil || base.Hostname() == "" || base.Scheme != "https" && base.Scheme != "http":
		return nil, errors.New("url is not an absolute https address")
	case base.User != nil:
		return nil, errors.New("url holds a user or password; they have keys of their own")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("url has a query or fragment; give the base address alone")
	case base.Scheme == "http" && !isThisMachine(base.Hostname()):
		return nil, errors.New("url is http: the credentials would travel in the clear; only this machine may be reached so")
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func isThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// FitsHeader reports whether a secret can be sent as it is in an HTTP header: visible ASCII, and not empty. What net/http
// refuses, it quotes in some of its errors, so that a key is checked before.
func (s Secret) FitsHeader() bool {
	value := s.Reveal()
	return value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' })
}
