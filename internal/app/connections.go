package app

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// boundedListener bounds how many connections there are. At the bound, the connection that has waited longest without a
// call under way is closed to make room for the next one, so that somebody who only opens connections keeps nobody out.
type boundedListener struct {
	net.Listener
	slots  chan struct{} // holds one token for each connection
	closed chan struct{}
	once   sync.Once

	mutex   sync.Mutex
	waiting list.List // of *boundConn, the longest waiting first
}

func newBoundedListener(inner net.Listener, limit int) *boundedListener {
	return &boundedListener{Listener: inner, slots: make(chan struct{}, limit), closed: make(chan struct{})}
}

// Accept waits for a connection and for room for it.
func (l *boundedListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
		return l.track(accepted), nil
	default:
	}
	l.evict()
	select {
	case l.slots <- struct{}{}:
		return l.track(accepted), nil
	case <-l.closed:
		_ = accepted.Close() // nobody has heard of it
		return nil, net.ErrClosed
	}
}

// Close stops accepting.
func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *boundedListener) track(accepted net.Conn) *boundConn {
	c := &boundConn{Conn: accepted, listener: l}
	c.setWaiting(true)
	return c
}

// evict closes the connection that has waited longest. With none, all are busy: those are bounded by the time limits.
func (l *boundedListener) evict() {
	l.mutex.Lock()
	longest := l.waiting.Front()
	l.mutex.Unlock()
	if longest != nil {
		_ = longest.Value.(*boundConn).Close() //nolint:forcetypeassert // holds nothing else; an error means it is closed already
	}
}

// boundConn gives its slot back when it is closed.
type boundConn struct {
	net.Conn
	listener *boundedListener
	element  *list.Element // in listener.waiting, or nil; guarded by listener.mutex
	gone     bool          // guarded by listener.mutex
}

// setWaiting puts the connection at the end of those that wait without a call, or takes it out.
func (c *boundConn) setWaiting(waiting bool) {
	c.listener.mutex.Lock()
	defer c.listener.mutex.Unlock()
	if c.element != nil {
		c.listener.waiting.Remove(c.element)
		c.element = nil
	}
	if waiting && !c.gone {
		c.element = c.listener.waiting.PushBack(c)
	}
}

// Close closes the connection; its slot is free then.
func (c *boundConn) Close() error {
	c.listener.mutex.Lock()
	first := !c.gone
	c.gone = true
	c.listener.mutex.Unlock()
	c.setWaiting(false)
	err := c.Conn.Close()
	if first {
		<-c.listener.slots
	}
	return err
}

// CloseWrite lets net/http end its half, so that a client that is still sending can read the answer.
func (c *boundConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// connState hears from net/http what becomes of a connection.
func connState(c net.Conn, state http.ConnState) {
	for {
		switch layer := c.(type) {
		case *boundConn:
			layer.setWaiting(state == http.StateIdle || state == http.StateNew)
			return
		case interface{ http1() *httpConn }:
			if state == http.StateIdle {
				layer.http1().next()
			}
			c = layer.http1().Conn
		case interface{ NetConn() net.Conn }: // of crypto/tls
			c = layer.NetConn()
		default:
			return
		}
	}
}

// spareFiles are for everything but connections: the store, the archive, calls to services.
const spareFiles = 512

// maxConnections is the configured bound, or what the system's limit on open files leaves room for.
func (s *Server) maxConnections() int {
	configured, files := s.config.Server.MaxConnections, openFiles()
	fits := fitting(configured, files)
	if fits < configured {
		s.options.Log.Info("the limit on open files leaves room for fewer connections than server.max_connections; raise it (ulimit -n)",
			"connections", fits, "max_connections", configured, "open_files", files)
	}
	return fits
}

// fitting keeps files apart for other uses; files is 0 where no limit is known.
func fitting(configured int, files uint64) int {
	limit := max(files/2, files-min(files, spareFiles))
	if files == 0 || uint64(configured) <= limit { //nolint:gosec // at least 1
		return configured
	}
	return int(limit) //nolint:gosec // less than configured
}
