package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// maxPEM bounds a file of certificates or a key in bytes.
const maxPEM = 1 << 20

// certificate is the server's own, as its files hold it: connections get the newest, and those that are open keep theirs.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	current   atomic.Pointer[tls.Certificate]
	hash      [sha256.Size]byte // of the files in use
	complaint string            // of the last look at them, so that one mistake is logged once
}

// loadCertificate reads the files, which must hold a key and its certificate.
func loadCertificate(settings *TLS, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{certFile: settings.CertFile, keyFile: settings.KeyFile, log: log, now: now}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files and takes over what is new in them. When they do not fit together, as between the writing of one
// and of the other, the certificate in use stays.
func (c *certificate) load() (changed bool, err error) {
	chain, err := readPEM(c.certFile)
	if err != nil {
		return false, fmt.Errorf("cert_file: %w", err)
	}
	key, err := readPEM(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("key_file: %w", err)
	}
	hash := sha256.Sum256(append(append([]byte{}, chain...), key...))
	if c.current.Load() != nil && hash == c.hash {
		return false, nil
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return false, fmt.Errorf("cert_file and key_file do not make a certificate: %w", err)
	}
	c.hash = hash
	c.current.Store(&pair)
	if now := c.now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		c.log.Warn("the certificate is not valid now", "not_before", pair.Leaf.NotBefore, "not_after", pair.Leaf.NotAfter)
	}
	return true, nil
}

// watch looks at the files again and again until the context ends.
func (c *certificate) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.reload()
		}
	}
}

func (c *certificate) reload() {
	changed, err := c.load()
	switch {
	case err == nil && changed:
		c.log.Info("new certificate taken over", "not_after", c.current.Load().Leaf.NotAfter)
	case err != nil && err.Error() != c.complaint:
		c.log.Warn("the new certificate cannot be used; the old one stays", "err", err)
	}
	c.complaint = ""
	if err != nil {
		c.complaint = err.Error()
	}
}

// tlsConfig is TLS 1.3, or 1.2 with forward secrecy and authenticated encryption: what browsers and senders of the last ten
// years speak, and nothing else (RFC 9325 section 4.2).
func tlsConfig(settings *TLS, own *certificate) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.current.Load(), nil },
	}
	if settings.ClientCAFile == "" {
		return config, nil
	}
	authorities, err := readPEM(settings.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, errors.New("client_ca_file: holds no certificate in PEM")
	}
	return config, nil
}

func readPEM(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxPEM)
	}
	return text, err
}
