package activedirectory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// maxAnswer bounds what a server may send in one lookup, in bytes. An account with 1,000 groups needs 100 KiB;
// decoded, the bytes may take a hundredfold.
const maxAnswer = 1 << 20

var errTooMuch = errors.New("the server sent more than 1 MiB")

// session is a bound connection to one domain controller, for the length of one lookup.
type session struct {
	conn      *ldap.Conn
	now       func() time.Time
	timeLimit int      // seconds, for the server
	elsewhere []string // domains that the server referred to in place of searching them
}

// ask runs a lookup in a session of its own, on the first domain controller that answers. The lookup may run
// again on the next one.
func (e *Enricher) ask(ctx context.Context, op string, lookup func(*session) error) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return e.failure(op, "", ctx.Err())
	}
	err := e.credentials.refused(e.now())
	if err != nil {
		return err
	}
	for _, controller := range e.inTurn() {
		err = e.askOne(ctx, op, controller, lookup)
		if err == nil || ctx.Err() != nil || !mayAnswerElsewhere(err) {
			return err
		}
	}
	return err
}

// askOne looks up at one controller, on a connection that was used before where there is one. Where that turns out to be dead it
// connects anew: a connection that broke while nobody used it is no failure.
func (e *Enricher) askOne(ctx context.Context, op string, controller server, lookup func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	if l := e.kept(ctx, controller); l != nil {
		err := e.use(ctx, op, controller, l, lookup)
		if ctx.Err() != nil || !broken(err) && !unbound(err) {
			return err
		}
	}
	l, err := e.open(ctx, controller)
	if err == nil {
		err = e.use(ctx, op, controller, l, lookup)
	}
	e.pools[controller].note(err, e.now())
	return err
}

// use runs a lookup, and keeps the connection if it is as good as before.
func (e *Enricher) use(ctx context.Context, op string, controller server, l *link, lookup func(*session) error) error {
	intact, err := l.run(ctx, e, lookup)
	if intact && err == nil {
		e.pools[controller].put(l, e.now())
	} else {
		l.close()
	}
	if err != nil {
		return e.failure(op, controller.address, err)
	}
	return nil
}

// open connects and binds, within the time of ctx.
func (e *Enricher) open(ctx context.Context, controller server) (*link, error) {
	wire, err := dial(ctx, controller.address)
	if err != nil {
		return nil, e.failure("connect", controller.address, first(ctx.Err(), err))
	}
	// go-ldap knows no context and StartTLS no deadline: closing the socket ends every wait inside it.
	stop := context.AfterFunc(ctx, func() { _ = wire.Close() })
	defer stop()
	conn, err := e.encrypt(ctx, controller, wire)
	if err != nil {
		_ = wire.Close()
		return nil, e.failure("start TLS", controller.address, first(ctx.Err(), wire.overrun(), err))
	}
	opened := &link{conn: conn, wire: wire, opened: e.now()}
	err = e.credentials.try(ctx, e.now, func() error {
		if err := conn.Bind(e.config.BindDN, e.config.Password.Reveal()); err != nil {
			return e.failure("bind", controller.address, first(ctx.Err(), wire.overrun(), err))
		}
		return nil
	})
	if err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

// first returns the first error: what ended a session explains more than what go-ldap made of it.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wire is the socket. It counts what comes in.
type wire struct {
	net.Conn
	left atomic.Int64
}

func dial(ctx context.Context, address string) (*wire, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	counted := &wire{Conn: conn}
	counted.left.Store(maxAnswer)
	return counted, nil
}

// Read reads until more than maxAnswer bytes have come in.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.left.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}

func (w *wire) overrun() error {
	if w.left.Load() < 0 {
		return errTooMuch
	}
	return nil
}

// encrypt returns a connection on which every further byte is encrypted to the verified server.
func (e *Enricher) encrypt(ctx context.Context, controller server, wire *wire) (*ldap.Conn, error) {
	config := e.tlsConfig(controller)
	if controller.plaintext {
		conn := e.start(wire, false)
		if err := conn.StartTLS(config); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
	encrypted := tls.Client(wire, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return e.start(encrypted, true), nil
}

func (e *Enricher) start(wire net.Conn, encrypted bool) *ldap.Conn {
	conn := ldap.NewConn(wire, encrypted)
	conn.SetTimeout(e.config.Timeout)
	conn.Start()
	return conn
}

// search returns at most limit entries below base, and whether there are more. It is never called with a filter
// that holds unescaped text. An answer without its end mark is an error, never an empty result.
func (s *session) search(base, filter string, limit int, attributes ...string) ([]*ldap.Entry, bool, error) {
	request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		limit, s.timeLimit, false, filter, attributes, nil)
	request.EnforceSizeLimit = true // Samba and others ignore the limit
	result, err := s.conn.Search(request)
	// The server's own limit, and the library's when a server sends more than it was asked for.
	limited := ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || errors.Is(err, ldap.ErrSizeLimitExceeded)
	if result != nil {
		s.elsewhere = append(s.elsewhere, otherDomains(result.Referrals)...)
	}
	if limited && len(result.Entries) > 0 {
		return result.Entries, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return result.Entries, false, nil
}

// read returns one entry by its name.
func (s *session) read(dn string, attributes ...string) (*ldap.Entry, error) {
	request := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		1, s.timeLimit, false, "(objectClass=*)", attributes, nil)
	request.EnforceSizeLimit = true
	result, err := s.conn.Search(request)
	if err != nil {
		return nil, err
	}
	if len(result.Entries) != 1 {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, fmt.Errorf("%d entries for one name", len(result.Entries)))
	}
	return result.Entries[0], nil
}

// hidden reports whether an error of read or search is about those entries alone: they are gone, or not for our
// eyes. Anything else says that the session is of no more use.
func hidden(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultReferral, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultNoSuchAttribute,
		ldap.LDAPResultOperationsError, ldap.LDAPResultUnwillingToPerform)
}
