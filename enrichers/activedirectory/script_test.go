package activedirectory

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/internal/sandbox/authority"
)

// Parts of LDAP messages (RFC 4511), tags as they are on the wire.
const (
	opBindResponse   = 0x61
	opSearchEntry    = 0x64
	opSearchDone     = 0x65
	opExtendedResult = 0x78
)

// script is a server that says what it is told to, which a real one cannot be made to.
type script struct {
	address string
	caFile  string
	config  *tls.Config
	served  atomic.Int64 // connections
}

// serve runs say for every connection, over TLS unless it is plaintext. All of them have ended when the test has.
func serve(t *testing.T, plaintext bool, say func(*dialogue)) *script {
	t.Helper()
	issuer, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := issuer.Issue("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	made := &script{config: &tls.Config{Certificates: []tls.Certificate{pair}}, caFile: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(made.caFile, issuer.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	made.address = listener.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			made.served.Add(1)
			if !plaintext {
				conn = tls.Server(conn, made.config)
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				say(&dialogue{Conn: conn, from: bufio.NewReader(conn), script: made})
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return made
}

// dialogue is one connection to a script.
type dialogue struct {
	net.Conn
	from   *bufio.Reader
	script *script
	heard  func(body []byte) // of each request, past its length
}

// next reads one request, of less than 64 KiB, and returns its message id.
func (d *dialogue) next() (id byte, ok bool) {
	header := make([]byte, 2)
	if _, err := io.ReadFull(d.from, header); err != nil {
		return 0, false
	}
	length := int(header[1])
	if header[1] >= 0x80 {
		long := make([]byte, header[1]&0x7f)
		if _, err := io.ReadFull(d.from, long); err != nil {
			return 0, false
		}
		length = 0
		for _, b := range long {
			length = length<<8 | int(b)
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(d.from, body); err != nil || length < 3 {
		return 0, false
	}
	if d.heard != nil {
		d.heard(body)
	}
	return body[2], true
}

// tlv writes a value with its tag and length.
func tlv(tag byte, values ...[]byte) []byte {
	var value []byte
	for _, one := range values {
		value = append(value, one...)
	}
	return append([]byte{tag, 0x82, byte(len(value) >> 8), byte(len(value))}, value...)
}

func message(id byte, op []byte) []byte { return tlv(0x30, tlv(0x02, []byte{id}), op) }

// result sends a response that ends an operation.
func (d *dialogue) result(id, op, code byte, words string) {
	_, _ = d.Write(message(id, tlv(op, tlv(0x0a, []byte{code}), tlv(0x04), tlv(0x04, []byte(words)))))
}

// bind lets the caller in.
func (d *dialogue) bind() bool {
	id, ok := d.next()
	if ok {
		d.result(id, opBindResponse, 0, "")
	}
	return ok
}

// rest reads until the caller goes.
func (d *dialogue) rest() { _, _ = io.Copy(io.Discard, d.from) }

func entry(id byte, dn, attribute, value string) []byte {
	return message(id, tlv(opSearchEntry, tlv(0x04, []byte(dn)),
		tlv(0x30, tlv(0x30, tlv(0x04, []byte(attribute)), tlv(0x31, tlv(0x04, []byte(value)))))))
}

func (s *script) configuration(plaintext bool) Config {
	config := validConfig()
	config.URL, config.CAFile, config.Timeout = "ldaps://"+s.address, s.caFile, 5*time.Second
	if plaintext {
		config.URL, config.StartTLS = "ldap://"+s.address, true
	}
	return config
}
