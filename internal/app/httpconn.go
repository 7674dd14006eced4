package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// httpConn is a connection of HTTP/1. What is not proper HTTP never reaches a handler: net/http answers it on the
// connection with a line of text. A write while no handler runs is such an answer, and a problem is sent in its place; so
// is one when the headers of a call stop arriving, which net/http does not answer at all.
type httpConn struct {
	net.Conn
	refuse func(remote net.Addr, encrypted bool, status int) []byte

	handling atomic.Bool // from the beginning of a handler until its answer has left
	begun    atomic.Bool // some of the next call has come
	refused  atomic.Bool
}

// refusalTimeout bounds the writing of a refusal, for which no handler's limit holds.
const refusalTimeout = time.Second

func (c *httpConn) http1() *httpConn { return c }

// next waits for the next call.
func (c *httpConn) next() {
	c.begun.Store(false)
	c.handling.Store(false)
}

// Read answers 408 when the headers of a call have not arrived in time.
func (c *httpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.handling.Load() {
		return n, err
	}
	if n > 0 {
		c.begun.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.begun.Load() {
		c.send(http.StatusRequestTimeout)
	}
	return n, err
}

// Write lets answers of handlers through and puts a problem in the place of others.
func (c *httpConn) Write(p []byte) (int, error) {
	if c.handling.Load() {
		return c.Conn.Write(p)
	}
	c.send(statusOf(p))
	return len(p), nil
}

// send sends one problem; the connection is closed after it.
func (c *httpConn) send(status int) {
	if c.refused.Swap(true) {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(refusalTimeout)) //nolint:forbidigo // deadlines are of the real clock
	_, encrypted := c.Conn.(*tls.Conn)
	_, _ = c.Conn.Write(c.refuse(c.RemoteAddr(), encrypted, status)) // who sends this may not listen
}

// CloseWrite ends our half of the connection.
func (c *httpConn) CloseWrite() error { return closeWrite(c.Conn) }

// statusOf reads the status of an answer of net/http: "HTTP/1.1 400 Bad Request…".
func statusOf(answer []byte) int {
	_, rest, _ := strings.Cut(string(answer[:min(len(answer), len("HTTP/1.1 400"))]), " ")
	if status, err := strconv.Atoi(rest); err == nil && status >= http.StatusBadRequest {
		return status
	}
	return http.StatusBadRequest
}

// httpsConn tells net/http that the connection is encrypted.
type httpsConn struct {
	*httpConn
	encrypted *tls.Conn
}

// ConnectionState is what net/http gives to handlers as Request.TLS.
func (c httpsConn) ConnectionState() tls.ConnectionState { return c.encrypted.ConnectionState() }

// httpListener watches connections of HTTP/1; those of HTTP/2 go to net/http as they are.
type httpListener struct {
	net.Listener
	refuse func(remote net.Addr, encrypted bool, status int) []byte
}

// Accept returns the next connection.
func (l httpListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	watched := &httpConn{Conn: accepted, refuse: l.refuse}
	encrypted, ok := accepted.(*tls.Conn)
	switch {
	case !ok:
		return watched, nil
	case encrypted.ConnectionState().NegotiatedProtocol == "h2":
		return encrypted, nil
	default:
		return httpsConn{watched, encrypted}, nil
	}
}

// httpConnKey finds the connection of a request.
type httpConnKey struct{}

func connContext(ctx context.Context, c net.Conn) context.Context {
	if watched, ok := c.(interface{ http1() *httpConn }); ok {
		return context.WithValue(ctx, httpConnKey{}, watched.http1())
	}
	return ctx
}
