package directory

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const (
	idleTime = 15 * time.Minute // between requests: MaxConnIdleTime of Active Directory
	ioTime   = 10 * time.Second // for a handshake, and for an answer to be taken
)

// session is one connection. Its requests are carried out one after the other.
type session struct {
	*Server
	conn      net.Conn
	reader    *bufio.Reader
	encrypted bool
	bound     *entry // nil: anonymous
	pages     map[string]page
}

// serve carries out requests until the client leaves, is cut off or sends what is no LDAP.
func (s *Server) serve(ctx context.Context, conn net.Conn, encrypted bool) {
	client := &session{Server: s, conn: conn, reader: bufio.NewReader(conn), pages: map[string]page{}}
	if met := client.meet(ctx, "connect", request{}); met != carryOut {
		return
	}
	if encrypted {
		if err := client.encrypt(ctx); err != nil {
			s.log.DebugContext(ctx, "no TLS with a client", "err", err)
			return
		}
	}
	for alive := true; alive; {
		idle := time.AfterFunc(idleTime, func() { _ = conn.Close() })
		asked, err := readRequest(client.reader)
		idle.Stop()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.log.DebugContext(ctx, "a client was cut off", "err", err)
			}
			return
		}
		alive = client.handle(ctx, asked)
	}
}

// encrypt puts TLS over the connection.
func (s *session) encrypt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ioTime)
	defer cancel()
	over := tls.Server(s.conn, s.tls)
	if err := over.HandshakeContext(ctx); err != nil {
		return err
	}
	s.conn, s.reader, s.encrypted = over, bufio.NewReader(over), true
	return nil
}

// handle carries out one request and reports whether the connection goes on.
func (s *session) handle(ctx context.Context, r request) bool {
	switch r.op.Tag {
	case ldap.ApplicationBindRequest:
		return s.bind(ctx, r)
	case ldap.ApplicationSearchRequest:
		return s.search(ctx, r)
	case ldap.ApplicationExtendedRequest:
		return s.extended(ctx, r)
	case ldap.ApplicationAbandonRequest:
		return true // what it refers to has been answered
	case ldap.ApplicationUnbindRequest:
		return false
	default:
		return s.refuse(ctx, r)
	}
}

// refuse answers everything that would change the directory, and compare.
func (s *session) refuse(ctx context.Context, r request) bool {
	operations := map[ber.Tag]struct {
		name   string
		answer ber.Tag
	}{
		ldap.ApplicationModifyRequest:   {"modify", ldap.ApplicationModifyResponse},
		ldap.ApplicationAddRequest:      {"add", ldap.ApplicationAddResponse},
		ldap.ApplicationDelRequest:      {"delete", ldap.ApplicationDelResponse},
		ldap.ApplicationModifyDNRequest: {"rename", ldap.ApplicationModifyDNResponse},
		ldap.ApplicationCompareRequest:  {"compare", ldap.ApplicationCompareResponse},
	}
	operation, known := operations[r.op.Tag]
	if !known {
		return false
	}
	refused := result{
		code:    ldap.LDAPResultInsufficientAccessRights,
		message: "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n",
	}
	if s.bound == nil {
		refused = notBound()
	}
	s.note(ctx, operation.name, "", refused.code)
	return s.send(refused.encode(r.id, operation.answer))
}

// notBound is the answer to those who did not log in.
func notBound() result {
	return result{
		code: ldap.LDAPResultOperationsError,
		message: "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must " +
			"be completed on the connection., data 0, v4563",
	}
}

func (s *session) extended(ctx context.Context, r request) bool {
	const startTLS, whoAmI = "1.3.6.1.4.1.1466.20037", ldap.ControlTypeWhoAmI
	if len(r.op.Children) == 0 {
		return false
	}
	switch r.op.Children[0].Data.String() {
	case startTLS:
		return s.startTLS(ctx, r)
	case whoAmI:
		s.note(ctx, "whoami", "", ldap.LDAPResultSuccess)
		return s.send(envelope(r.id, result{}.extended(s.whoAmI())))
	default:
		unknown := result{
			code:    ldap.LDAPResultProtocolError,
			message: "0000203D: LdapErr: DSID-0C090C7D, comment: Unknown extended request OID, data 0, v4563",
		}
		s.note(ctx, "extended", "", unknown.code)
		return s.send(unknown.encode(r.id, ldap.ApplicationExtendedResponse))
	}
}

// whoAmI is the authorization identity of RFC 4532, which is empty for nobody.
func (s *session) whoAmI() string {
	if s.bound == nil {
		return ""
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return "u:" + s.domain.shortName + `\` + s.bound.first("sAMAccountName")
}

func (s *session) startTLS(ctx context.Context, r request) bool {
	met := s.meet(ctx, "starttls", r)
	if met == answered || met == gone {
		return met == answered
	}
	var answer result
	if s.encrypted || s.reader.Buffered() > 0 { // nothing may follow before the handshake (RFC 4511 section 4.14.1)
		answer = result{
			code:    ldap.LDAPResultOperationsError,
			message: "00002105: LdapErr: DSID-0C0910D7, comment: TLS or SSL already in effect, data 0, v4563",
		}
	}
	s.note(ctx, "starttls", "", answer.code)
	if !s.send(answer.encode(r.id, ldap.ApplicationExtendedResponse)) || answer.code != 0 || met == cutAfter {
		return answer.code != 0 && met != cutAfter
	}
	if err := s.encrypt(ctx); err != nil {
		s.log.DebugContext(ctx, "no TLS with a client", "err", err)
		return false
	}
	s.bound = nil
	return true
}

// send writes messages and reports whether the client took them.
func (s *session) send(packets ...*ber.Packet) bool {
	var out bytes.Buffer
	for _, packet := range packets {
		out.Write(packet.Bytes())
	}
	return s.write(out.Bytes())
}

func (s *session) write(raw []byte) bool {
	conn := s.conn
	slow := time.AfterFunc(ioTime, func() { _ = conn.Close() })
	defer slow.Stop()
	_, err := conn.Write(raw)
	return err == nil
}
