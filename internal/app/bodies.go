package app

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"funnelweb/framework"
)

// A body is kept in memory until its signature is checked, so that anybody can make the server keep bodies. What all calls
// under way have sent so far is bounded twice: the first smallBody bytes of each by smallBodies together, what goes beyond
// by largeBodies. Webhooks are small, so that whoever sends many large bodies stops nobody else's small ones. All in bytes.
const (
	smallBody   = 16 << 10
	smallBodies = 512 << 20
	largeBodies = 128 << 20
	busyAfter   = 5 * time.Second
)

// bodies is what the bodies of all calls under way hold.
type bodies struct{ small, large atomic.Int64 }

// bound returns the request with its body charged for what comes of it, and what to call when the call has ended. The
// request is a copy: net/http looks at the body of its own.
func (b *bodies) bound(r *http.Request) (bounded *http.Request, release func()) {
	if r.ContentLength == 0 {
		return r, func() {}
	}
	body := &chargedBody{ReadCloser: r.Body, bodies: b}
	bounded = new(http.Request)
	*bounded = *r
	bounded.Body = body
	return bounded, body.release
}

// chargedBody counts what has come of a body.
type chargedBody struct {
	io.ReadCloser
	bodies       *bodies
	small, large int64
}

// Read is an error, a Problem that asks to come again, when there is no room for more.
func (c *chargedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	small := min(int64(n), smallBody-c.small)
	large := int64(n) - small
	c.small += small
	c.large += large
	if c.bodies.small.Add(small) > smallBodies || c.bodies.large.Add(large) > largeBodies && large > 0 {
		return 0, framework.Unavailable("Too many calls with bodies are under way. Nothing was stored.", busyAfter, nil)
	}
	return n, err
}

func (c *chargedBody) release() {
	c.bodies.small.Add(-c.small)
	c.bodies.large.Add(-c.large)
}
