package framework

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// maxAuthorities bounds a file of authorities in bytes.
const maxAuthorities = 1 << 20

// Wrapper is a http.RoundTripper around another one, as those are that measure, trace or bound the calls of Deps.HTTP.
type Wrapper interface {
	http.RoundTripper
	// Around returns a copy around what change makes of the inner one.
	Around(change func(http.RoundTripper) http.RoundTripper) http.RoundTripper
}

// Trusting returns a client that does all that the given one does, and trusts the authorities of a file in PEM in place of the
// system's. Where the file is "" it is a copy. Its errors name the file.
func Trusting(client *http.Client, file string) (*http.Client, error) {
	own := *client
	if file == "" {
		return &own, nil
	}
	authorities, err := readAuthorities(file)
	if err != nil {
		return nil, err
	}
	changed := false
	var change func(http.RoundTripper) http.RoundTripper
	change = func(inner http.RoundTripper) http.RoundTripper {
		if inner == nil {
			inner = http.DefaultTransport
		}
		switch one := inner.(type) {
		case *http.Transport:
			changed = true
			return trusting(one, authorities)
		case Wrapper:
			return one.Around(change)
		default:
			return inner
		}
	}
	own.Transport = change(client.Transport)
	if !changed {
		return nil, errors.New("the HTTP client cannot be told whom to trust")
	}
	return &own, nil
}

func trusting(transport *http.Transport, authorities *x509.CertPool) *http.Transport {
	own := transport.Clone()
	if own.TLSClientConfig == nil {
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	own.TLSClientConfig.RootCAs = authorities
	return own
}

func readAuthorities(name string) (*x509.CertPool, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxAuthorities))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", name)
	}
	return authorities, nil
}
