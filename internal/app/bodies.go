package app

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"funnelweb/framework"
)

// A body is kept in memory until its signature is checked, so that anybody can make the server keep bodies. The first
// freeBody bytes of each are within the bound on connections; what goes beyond is taken from one store for all, of
// sharedBodies bytes. Whoever fills it stops other large bodies for a while, and no small one: webhooks are small.
const (
	freeBody     = 16 << 10
	sharedBodies = 128 << 20
	busyAfter    = 5 * time.Second
)

// bodies is what the bodies of all calls under way hold beyond their free part, in bytes.
type bodies struct{ shared atomic.Int64 }

// boundedRequestBody charges a body for what has come of it.
type boundedRequestBody struct {
	io.ReadCloser
	bodies  *bodies
	read    int64
	charged int64
}

// bound returns the request with its body bounded, and what to call when the call has ended.
func (b *bodies) bound(r *http.Request) (release func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() {}
	}
	body := &boundedRequestBody{ReadCloser: r.Body, bodies: b}
	r.Body = body
	return func() { b.shared.Add(-body.charged) }
}

// Read is an error, a Problem that asks to come again, when there is no room for more.
func (b *boundedRequestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if more := b.read - freeBody - b.charged; more > 0 {
		b.charged += more
		if b.bodies.shared.Add(more) > sharedBodies {
			return 0, framework.Unavailable("Too many large bodies are under way. Nothing was stored.", busyAfter, nil)
		}
	}
	return n, err
}
