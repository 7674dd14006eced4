package jira

import (
	"context"
	"net/http"
	"sync"
)

// identity remembers who we are: the token of a client is always the same user's.
type identity struct {
	mu sync.Mutex
	me account
}

// me returns whom Jira takes us for.
func (c *Client) me(ctx context.Context) (account, error) {
	c.identity.mu.Lock()
	me := c.identity.me
	c.identity.mu.Unlock()
	if me.complete() {
		return me, nil
	}
	if err := c.call(ctx, operation{name: "read who we are", method: http.MethodGet, path: "rest/api/2/myself"}, &me); err != nil {
		return account{}, err
	}
	c.identity.mu.Lock()
	defer c.identity.mu.Unlock()
	c.identity.me = me
	return me, nil
}
