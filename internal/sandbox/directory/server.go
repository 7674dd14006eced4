// Package directory is a strict stand-in for Active Directory: LDAP with TLS over real loopback sockets, in memory,
// read-only. It logs in, searches and refuses as a domain controller does, in its words, and can be told to misbehave.
// What it does follows [MS-ADTS] and is compared with Samba in the tests.
package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
	"funnelweb/internal/sandbox/authority"
	"funnelweb/internal/sandbox/fault"
)

// Options say what Start starts.
type Options struct {
	Addr         string // where to listen for ldaps; 127.0.0.1:0 when empty
	StartTLSAddr string // where to listen for ldap with StartTLS; 127.0.0.1:0 when empty

	// Users and Groups are in the directory, below BaseDN. Story when there are no Users.
	Users  []User
	Groups []Group
	BaseDN string // DC=lab,DC=example when empty

	// BindDN is an account for a service: CN=svc-funnelweb,OU=Service Accounts and the base when empty. It is made
	// unless it is one of the Users, and must then be in an organizational unit right below the base.
	BindDN       string
	BindPassword framework.Secret // required

	Now func() time.Time // required
	Log *slog.Logger     // required
}

// Server is a running stand-in.
type Server struct {
	faults fault.Faults
	log    *slog.Logger
	caPEM  []byte
	tls    *tls.Config
	bindDN string

	mu     sync.RWMutex // guards what a lockout changes in domain, and the rest
	domain *domain
	conns  map[net.Conn]struct{}
	done   []Operation

	ldaps, plain net.Listener
	stop         context.CancelFunc
	running      sync.WaitGroup
}

// Start makes a certificate authority, listens and serves until Close is called or the context ends.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, fmt.Errorf("start the Active Directory stand-in: %w", err)
	}
	server := &Server{log: options.Log, bindDN: options.BindDN, conns: map[net.Conn]struct{}{}}
	var err error
	if server.domain, err = newDomain(options.BaseDN, options.Now); err == nil {
		err = server.domain.populate(options.Users, options.Groups)
	}
	if err == nil {
		err = server.domain.service(options.BindDN, options.BindPassword)
	}
	if err == nil {
		err = server.certify(options.Now())
	}
	if err == nil {
		err = server.listen(ctx, options)
	}
	if err != nil {
		return nil, fmt.Errorf("start the Active Directory stand-in: %w", err)
	}
	ctx, server.stop = context.WithCancel(ctx)
	server.running.Go(func() { server.accept(ctx, server.ldaps, true) })
	server.running.Go(func() { server.accept(ctx, server.plain, false) })
	server.running.Go(func() {
		<-ctx.Done()
		server.closeSockets()
	})
	return server, nil
}

func (o *Options) complete() error {
	for _, one := range []struct {
		value    *string
		fallback string
	}{
		{&o.Addr, "127.0.0.1:0"}, {&o.StartTLSAddr, "127.0.0.1:0"}, {&o.BaseDN, "DC=lab,DC=example"},
	} {
		if *one.value == "" {
			*one.value = one.fallback
		}
	}
	if o.BindDN == "" {
		o.BindDN = "CN=svc-funnelweb,OU=Service Accounts," + o.BaseDN
	}
	switch {
	case o.BindPassword.IsZero():
		return errors.New("a password for the bind DN is required")
	case o.Now == nil || o.Log == nil:
		return errors.New("a clock and a log are required")
	}
	if len(o.Users) == 0 {
		o.Users, o.Groups = Story(o.Now())
	}
	return nil
}

// certify makes the server's certificate. Its key is in memory only.
func (s *Server) certify(now time.Time) error {
	signer, err := authority.New(now)
	if err != nil {
		return err
	}
	certificate, key, err := signer.Issue(s.domain.host, "127.0.0.1")
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	s.caPEM = signer.PEM()
	s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return nil
}

func (s *Server) listen(ctx context.Context, options Options) error {
	var err error
	if s.ldaps, err = (&net.ListenConfig{}).Listen(ctx, "tcp", options.Addr); err != nil {
		return err
	}
	if s.plain, err = (&net.ListenConfig{}).Listen(ctx, "tcp", options.StartTLSAddr); err != nil {
		_ = s.ldaps.Close() // the other error is the one to tell
	}
	return err
}

// URL is where the directory is reached with TLS: ldaps://127.0.0.1:port.
func (s *Server) URL() string { return "ldaps://" + s.ldaps.Addr().String() }

// StartTLSURL is where it is reached without TLS until StartTLS: ldap://127.0.0.1:port.
func (s *Server) StartTLSURL() string { return "ldap://" + s.plain.Addr().String() }

// CAPEM is the authority that signed the server's certificate, which is for 127.0.0.1 and dc1.lab.example.
func (s *Server) CAPEM() []byte { return s.caPEM }

// BaseDN is the root of the domain.
func (s *Server) BaseDN() string { return s.domain.base.dn }

// BindDN is the account for a service.
func (s *Server) BindDN() string { return s.bindDN }

// Faults are what it is told to do wrong. The operations are "connect", "starttls", "bind <name>" and "search <base>".
// Status is an LDAP result code up to 199; 429 stands for busy (51), 503 for unavailable (52), any other for other (80).
// HTML sends Body, or a web page, which is no LDAP. CutAfter does all of the operation, of a search the first entry, and
// closes the connection.
func (s *Server) Faults() *fault.Faults { return &s.faults }

// Close closes all connections and returns when everything has ended.
func (s *Server) Close() error {
	s.stop()
	s.running.Wait()
	return nil
}

func (s *Server) closeSockets() {
	_ = s.ldaps.Close() // closing is all that is wanted
	_ = s.plain.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// accept serves connections until the listener is closed.
func (s *Server) accept(ctx context.Context, listener net.Listener, encrypted bool) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("the Active Directory stand-in stopped listening", "err", err)
			}
			return
		}
		if !s.keep(ctx, conn) {
			_ = conn.Close()
			continue
		}
		s.running.Go(func() {
			defer s.forget(conn)
			s.serve(ctx, conn, encrypted)
		})
	}
}

// keep notes a connection, so that Close can close it.
func (s *Server) keep(ctx context.Context, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) forget(conn net.Conn) {
	_ = conn.Close() // it may be closed already
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// Operation is one that a client asked for.
type Operation struct {
	Name   string // bind, search, starttls, whoami, modify, add, delete, rename, compare or extended
	Target string // the name of a bind, the base of a search
	Code   int    // LDAP result code
}

// maxOperations bounds how many operations are remembered.
const maxOperations = 1000

// Operations returns what was asked for, the oldest first: at most the last 1,000 operations.
func (s *Server) Operations() []Operation {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]Operation(nil), s.done...)
}

func (s *Server) note(ctx context.Context, name, target string, code int) {
	s.log.DebugContext(ctx, "directory operation", "operation", name, "target", framework.Line(target, 200),
		"result", ldap.LDAPResultCodeMap[uint16(code)]) //nolint:gosec // a result code
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.done) == maxOperations {
		s.done = s.done[1:]
	}
	s.done = append(s.done, Operation{Name: name, Target: target, Code: code})
}
