// Package ratelimit bounds how often one caller may call.
package ratelimit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"funnelweb/framework"
)

// Whom calls are counted by.
const (
	byIdentity = "identity"
	byAddress  = "address"
	byHeader   = "header"
)

// Bounds of the configuration. A million callers are some 100 MB.
const (
	defaultCallers = 100_000
	maxCallers     = 1_000_000
	maxBurst       = 1_000_000
	maxWindow      = 366 * 24 * time.Hour
	maxPerSecond   = 1_000_000 // times are whole nanoseconds: up to this rate they are right to a thousandth
)

// Config says how often who may call.
type Config struct {
	// Rate is how often, as "10/s" (s, m, h or d) or {count: 10, per: 1s}.
	Rate Rate `yaml:"rate"`
	// Burst is how many calls may come at once after a pause, 1 to 1,000,000; the count of the rate when left out.
	Burst Number `yaml:"burst"`
	// By is whom calls are counted by: identity (who an earlier plugin found to be calling, the default), address or
	// header.
	By string `yaml:"by"`
	// Header is the name of the header when counted by header.
	Header string `yaml:"header"`
	// Callers is how many are remembered, 1 to 1,000,000; 100,000 when left out. When that many are in use, all others
	// share one allowance.
	Callers Number `yaml:"callers"`
}

// Defaults counts by identity. A rate has to be given.
func Defaults() Config { return Config{By: byIdentity} }

// Plugin refuses calls that come too often.
type Plugin struct {
	by, header string
	now        func() time.Time
	callers    *table
	policy     string
}

// New refuses a configuration without a rate.
func New(c Config, d framework.Deps) (*Plugin, error) {
	c.Burst, c.Callers = cmp.Or(c.Burst, Number(c.Rate.Count)), cmp.Or(c.Callers, defaultCallers)
	if err := check(c); err != nil {
		return nil, err
	}
	interval := c.Rate.Per / time.Duration(c.Rate.Count)
	return &Plugin{
		by: c.By, header: http.CanonicalHeaderKey(c.Header), now: d.Now,
		callers: newTable(interval, int(c.Burst), int(c.Callers)),
		policy:  fmt.Sprintf(`"calls";q=%d;w=%d`, c.Rate.Count, seconds(c.Rate.Per)),
	}, nil
}

func check(c Config) error {
	if c.Rate == (Rate{}) {
		return errors.New("rate: is needed, as 10/s or {count: 10, per: 1s}")
	}
	if err := c.Rate.check(); err != nil {
		return err
	}
	switch {
	case c.Burst < 1 || c.Burst > maxBurst:
		return fmt.Errorf("burst: 1 to %d", maxBurst)
	case maxWindow/time.Duration(c.Burst) < c.Rate.Per/time.Duration(c.Rate.Count):
		return errors.New("burst: would take longer than a year to be allowed again")
	case c.Callers < 1 || c.Callers > maxCallers:
		return fmt.Errorf("callers: 1 to %d", maxCallers)
	default:
		return checkBy(c)
	}
}

func checkBy(c Config) error {
	switch {
	case c.By != byIdentity && c.By != byAddress && c.By != byHeader:
		return errors.New("by: one of identity, address, header")
	case c.By != byHeader && c.Header != "":
		return errors.New("header: has no meaning unless by is header")
	case c.By == byHeader && framework.CheckHeader(c.Header) != nil:
		return fmt.Errorf("header: %w", framework.CheckHeader(c.Header))
	default:
		return nil
	}
}

// errNobody cannot be where the funnel minds NeedsIdentity. Elsewhere it is answered with a 500: to let the call go on
// would be no limit.
var errNobody = errors.New("by: identity, and no plugin before this one has found out who is calling")

// HeadersOnly is true: a caller who is refused is not waited for.
func (p *Plugin) HeadersOnly() bool { return true }

// Before lets the call go on unless its caller has used up what is allowed.
func (p *Plugin) Before(_ context.Context, r *framework.Request) error {
	caller, err := p.caller(r)
	if err != nil {
		return err
	}
	wait := p.callers.take(caller, p.now())
	if wait == 0 {
		return nil
	}
	after := strconv.Itoa(seconds(wait))
	problem := framework.NewProblem(http.StatusTooManyRequests, "Too many calls. Try again after the seconds in Retry-After.")
	problem.Header = http.Header{
		"Retry-After":      {after},
		"Ratelimit-Policy": {p.policy}, // draft-ietf-httpapi-ratelimit-headers-10
		"Ratelimit":        {`"calls";r=0;t=` + after},
	}
	return problem
}

// caller makes of who is calling what is counted by: a hash, so that memory holds neither names nor long headers.
func (p *Plugin) caller(r *framework.Request) (key, error) {
	name := ""
	switch p.by {
	case byIdentity:
		if name = r.Identity(); name == "" {
			return key{}, errNobody
		}
	case byAddress:
		name = network(r.Client())
	default: // without the header, or with two, a call counts for all that do so
		if values := r.Header[p.header]; len(values) == 1 {
			name = values[0]
		}
	}
	sum := sha256.Sum256([]byte(name))
	return key(sum[:len(key{})]), nil
}

// subscriber is how much of an IPv6 address tells callers apart: one caller has all of a /64 (RFC 6177), and could
// call from another address in it each time.
const subscriber = 64

func network(client netip.Addr) string {
	client = client.Unmap().WithZone("")
	if client.Is6() {
		prefix, err := client.Prefix(subscriber)
		if err == nil {
			client = prefix.Addr()
		}
	}
	return client.String()
}

// seconds rounds up: a caller that comes back after them is let through.
func seconds(wait time.Duration) int { return int(math.Ceil(wait.Seconds())) }

// Refusals lists the status that callers over their allowance get.
func (p *Plugin) Refusals() []int { return []int{http.StatusTooManyRequests} }

// NeedsIdentity reports whether calls are counted by who an earlier plugin found to be calling.
func (p *Plugin) NeedsIdentity() bool { return p.by == byIdentity }
