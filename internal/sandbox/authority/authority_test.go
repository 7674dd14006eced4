package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"funnelweb/internal/sandbox/authority"
)

func TestCertificatesAreVerifiedByNameAndAddress(t *testing.T) {
	now := time.Now()
	ours, certificate := issue(t, now)
	stranger, err := authority.New(now)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		name   string
		trust  []byte
		server string
		ok     bool
	}{
		{"the name in the certificate is accepted", ours.PEM(), "dc1.lab.example", true},
		{"the address in the certificate is accepted", ours.PEM(), "127.0.0.1", true},
		{"another name is refused", ours.PEM(), "dc2.lab.example", false},
		{"another address is refused", ours.PEM(), "127.0.0.2", false},
		{"another authority is refused", stranger.PEM(), "dc1.lab.example", false},
	} {
		t.Run(one.name, func(t *testing.T) {
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(one.trust)
			err := handshake(t, certificate, &tls.Config{RootCAs: pool, ServerName: one.server})
			if (err == nil) != one.ok {
				t.Errorf("handshake: %v", err)
			}
		})
	}
}

func TestACertificateEndsWithItsAuthority(t *testing.T) {
	ours, certificate := issue(t, time.Now().Add(-31*24*time.Hour))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ours.PEM())
	if err := handshake(t, certificate, &tls.Config{RootCAs: pool, ServerName: "dc1.lab.example"}); err == nil {
		t.Error("a certificate of 31 days ago was accepted")
	}
}

func TestACertificateForNobodyIsRefused(t *testing.T) {
	ours, _ := issue(t, time.Now())
	if _, _, err := ours.Issue(); err == nil {
		t.Error("issued a certificate for no host")
	}
}

func issue(t *testing.T, now time.Time) (*authority.Authority, tls.Certificate) {
	t.Helper()
	ours, err := authority.New(now)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := ours.Issue("dc1.lab.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return ours, pair
}

// handshake returns what a client that dials the server says of its certificate.
func handshake(t *testing.T, certificate tls.Certificate, config *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1)) // shakes hands; the client tells what matters
			_ = conn.Close()
		}
	}()
	conn, dialErr := tls.Dial("tcp", listener.Addr().String(), config)
	if dialErr == nil {
		_ = conn.Close()
	}
	_ = listener.Close()
	<-done
	return dialErr
}
