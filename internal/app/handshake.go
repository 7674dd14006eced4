package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// handshakeListener shakes hands before net/http gets a connection, so that it is known which protocol was agreed. Slow
// handshakes hold up nobody: each has a goroutine of its own, and there are no more of them than connections.
type handshakeListener struct {
	net.Listener
	handshake
	done    <-chan struct{}
	cancel  context.CancelFunc
	results chan acceptResult
	group   sync.WaitGroup
}

// handshake is how to shake hands.
type handshake struct {
	config  *tls.Config
	timeout time.Duration
	log     *slog.Logger
	refuse  func(remote net.Addr) []byte // answers those who speak HTTP
}

type acceptResult struct {
	conn net.Conn
	err  error
}

// listenTLS begins to accept from a listener. Close ends it and waits for every handshake.
func listenTLS(ctx context.Context, inner net.Listener, how handshake) *handshakeListener {
	ctx, cancel := context.WithCancel(ctx)
	l := &handshakeListener{Listener: inner, handshake: how, done: ctx.Done(), cancel: cancel, results: make(chan acceptResult)}
	l.group.Go(func() { l.acceptAll(ctx) })
	return l
}

// Accept returns the next connection on which hands were shaken.
func (l *handshakeListener) Accept() (net.Conn, error) {
	select {
	case result := <-l.results:
		return result.conn, result.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops accepting and breaks off the handshakes under way.
func (l *handshakeListener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.group.Wait()
	return err
}

// acceptAll runs until the listener is closed. Other errors, such as too many open files, go to net/http, which waits a
// while before it calls Accept again.
func (l *handshakeListener) acceptAll(ctx context.Context) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.deliver(acceptResult{err: err})
		default:
			l.group.Go(func() { l.shake(ctx, conn) })
		}
	}
}

func (l *handshakeListener) deliver(result acceptResult) {
	select {
	case l.results <- result:
	case <-l.done:
		if result.conn != nil {
			_ = result.conn.Close() // nobody has heard of it
		}
	}
}

func (l *handshakeListener) shake(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	encrypted := tls.Server(conn, l.config)
	err := encrypted.HandshakeContext(ctx)
	if err == nil {
		l.deliver(acceptResult{conn: encrypted})
		return
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
		_ = conn.SetWriteDeadline(time.Now().Add(refusalTimeout)) //nolint:forbidigo // deadlines are of the real clock
		_, _ = conn.Write(l.refuse(conn.RemoteAddr()))
		_ = closeWrite(conn)
	}
	l.log.Debug("handshake broken off", "client", conn.RemoteAddr().String(), "err", err)
	_ = conn.Close() // the handshake has failed: nothing can be lost
}

// looksLikeHTTP reports whether somebody spoke HTTP where TLS was to be spoken.
func looksLikeHTTP(start [5]byte) bool {
	switch string(start[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	default:
		return false
	}
}
