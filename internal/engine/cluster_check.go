package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/nats-io/nkeys"
)

// prefixPattern leaves out the characters that join a prefix with the rest of a name.
var prefixPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Check returns every mistake, joined, each beginning with the key of the configuration that it is about. What only the
// servers know is found by Open.
func (c *Cluster) Check() error {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("urls: name the servers, such as [tls://nats1.example.com:4222]"))
	}
	for i, text := range c.URLs {
		if err := c.checkURL(text); err != nil {
			errs = append(errs, fmt.Errorf("urls[%d]: %w", i, err))
		}
	}
	return errors.Join(append(errs, c.checkIdentity(), c.checkNames())...)
}

func (c *Cluster) checkNames() error {
	var errs []error
	switch c.Replicas {
	case 0, 1, 3, 5:
	default:
		errs = append(errs, errors.New("replicas: must be 1, 3 or 5: an even number bears no more failures"))
	}
	if c.Prefix != "" && !prefixPattern.MatchString(c.Prefix) || c.Prefix == "ev" || c.Prefix == "redo" {
		errs = append(errs, errors.New("prefix: must be 1 to 32 of a-z, 0-9 and -, begin with a letter, and not be ev or redo"))
	}
	return errors.Join(errs...)
}

// checkURL quotes nothing: somebody may have written a password there.
func (c *Cluster) checkURL(text string) error {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Hostname() == "":
		return errors.New("must be of the form nats://host:port or tls://host:port")
	case parsed.User != nil:
		return errors.New("must hold no user and password: give user and password as keys of their own")
	case parsed.Scheme != "nats" && parsed.Scheme != "tls":
		return errors.New("must begin with nats:// or tls://")
	case strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		return errors.New("must end behind the port")
	case !c.secure() && !c.Plaintext && !isLoopback(parsed.Hostname()):
		return errors.New("would send events and secrets in clear text to another machine: use tls://, or say plaintext: true if the network is yours alone")
	}
	return nil
}

func (c *Cluster) checkIdentity() error {
	given := 0
	for _, one := range []bool{!c.Credentials.IsZero(), !c.NKey.IsZero(), c.User != "" || !c.Password.IsZero()} {
		if one {
			given++
		}
	}
	switch {
	case given > 1:
		return errors.New("user: give one of user with password, credentials, and nkey")
	case (c.User == "") != c.Password.IsZero():
		return errors.New("user: give user and password together")
	case c.NKey.IsZero():
		return nil
	}
	if _, err := nkeys.FromSeed([]byte(c.NKey.Reveal())); err != nil {
		return errors.New("nkey: is not the seed of a user's key") // the cause might quote it
	}
	return nil
}

// secure reports whether connections use TLS. One tls:// is enough: no server is spoken to in clear text then.
func (c *Cluster) secure() bool {
	for _, text := range c.URLs {
		if strings.HasPrefix(text, "tls://") {
			return true
		}
	}
	return c.TLS != nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
