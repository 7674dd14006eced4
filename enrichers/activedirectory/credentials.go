package activedirectory

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// retryRefused is how long a refused bind account is left alone: three tries in half an hour stay below a usual
// lockout policy (five), which would lock the account for everybody who uses it.
const retryRefused = 10 * time.Minute

// credentials keeps a wrong password from being tried again and again. Until a bind has succeeded there is one
// try at a time, and after a refusal none for a while.
type credentials struct {
	trial chan struct{} // holds the one who tries

	mu     sync.Mutex
	proven bool // the last bind succeeded
	until  time.Time
	err    *framework.ServiceError
}

// try binds, unless the credentials were refused a short time ago.
func (c *credentials) try(ctx context.Context, now func() time.Time, bind func() error) error {
	if !c.areProven() {
		select {
		case c.trial <- struct{}{}:
			defer func() { <-c.trial }()
		case <-ctx.Done():
			return &framework.ServiceError{Service: service, Op: "bind", Reason: "waited in vain for another bind to end", Err: ctx.Err()}
		}
		if err := c.refused(now()); err != nil {
			return err
		}
	}
	err := bind()
	c.remember(now(), err)
	return err
}

func (c *credentials) areProven() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proven
}

func (c *credentials) remember(now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	failure, ok := errors.AsType[*framework.ServiceError](err)
	switch {
	case err == nil:
		c.proven, c.err = true, nil
	case ok && failure.Status == ldap.LDAPResultInvalidCredentials:
		c.proven, c.until, c.err = false, now.Add(failure.RetryAfter), failure
	}
}

// refused returns the refusal while it stands.
func (c *credentials) refused(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || !now.Before(c.until) {
		return nil
	}
	again := *c.err
	again.RetryAfter = c.until.Sub(now)
	return &again
}
