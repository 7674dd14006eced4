package app_test

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/framework/frameworktest"
)

func TestTLSServesHTTP2AndHTTP1WithStrictTransportSecurity(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "")
	base, _ := start(t, text, nil)
	if !strings.HasPrefix(base, "https://127.0.0.1:") {
		t.Fatalf("it says that it serves at %s", base)
	}
	for version, http2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		client := ca.client(t, http2)
		response, body := fetch(t, client, base+"/status")
		if response.StatusCode != http.StatusOK || response.Proto != version || response.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("%s: status %d %s, headers %v", version, response.StatusCode, response.Proto, response.Header)
		}
		if !strings.Contains(body, "ok") || response.TLS.Version != tls.VersionTLS13 {
			t.Errorf("%s: TLS %x: %s", version, response.TLS.Version, body)
		}
		response, body = fetch(t, client, base+"/nowhere")
		isProblem(t, response, body, http.StatusNotFound)
	}
}

func TestOldAndWeakTLSIsRefused(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "")
	base, _ := start(t, text, nil)
	address := strings.TrimPrefix(base, "https://")
	for name, test := range map[string]struct {
		config *tls.Config
		fits   bool
	}{
		"TLS 1.3": {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"TLS 1.2": {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.1": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"TLS 1.2 without authentication of what is encrypted": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"TLS 1.2 without forward secrecy":                     {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"a protocol that is not spoken":                       {&tls.Config{NextProtos: []string{"smtp"}}, false},
	} {
		test.config.RootCAs = ca.pool
		conn, err := tls.Dial("tcp", address, test.config)
		if (err == nil) != test.fits {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestANewCertificateIsTakenOverWithoutDroppingConnections(t *testing.T) {
	ca := newAuthority(t)
	text, dir := ca.secured(t, "")
	var log frameworktest.Log
	base, _ := start(t, text, &log)
	old := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1"})
	reader := bufio.NewReader(old)
	served := func() int64 {
		conn, ok := dial(t, base, &tls.Config{RootCAs: ca.pool, ServerName: "127.0.0.1"}).(*tls.Conn)
		if !ok {
			t.Fatal("no TLS")
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := served(); got != 2 {
		t.Fatalf("certificate %d is served first, want 2", got)
	}

	certificate, key := ca.issue(t, 3)
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "the old one stays") })
	if got := served(); got != 2 {
		t.Errorf("while only one of the files is new, certificate %d is served, want 2", got)
	}
	write(t, dir, certificate, key)
	eventually(t, func() bool { return served() == 3 })

	write(t, dir, []byte("nonsense"), key)
	eventually(t, func() bool { return strings.Count(log.String(), "the old one stays") >= 2 })
	if got := served(); got != 3 {
		t.Errorf("with broken files, certificate %d is served, want 3", got)
	}
	if _, err := io.WriteString(old, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if response, _ := hear(t, reader); response.StatusCode != http.StatusOK {
		t.Errorf("on the old connection: status %d", response.StatusCode)
	}
	block, _ := pem.Decode(key)
	frameworktest.LeaksNoSecret(t, string(block.Bytes[len(block.Bytes)-40:]), log.String())
}

func TestOneMistakeInNewFilesIsLoggedOnce(t *testing.T) {
	ca := newAuthority(t)
	text, dir := ca.secured(t, "")
	var log frameworktest.Log
	_, drain := start(t, text, &log)
	_, other := ca.issue(t, 3)
	whole := filepath.Join(dir, "new.pem") // moved over the old one: no half of it is seen
	if err := errors.Join(os.WriteFile(whole, other, 0o600), os.Rename(whole, filepath.Join(dir, "key.pem"))); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "the old one stays") })
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil { // another mistake: it has been looked at again
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "no such file") })
	if err := drain(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "the old one stays"); got != 2 {
		t.Errorf("two mistakes are logged %d times:\n%s", got, log.String())
	}
}

func TestWhereClientsNeedCertificatesOthersAreRefused(t *testing.T) {
	ca, strangers := newAuthority(t), newAuthority(t)
	text, dir := ca.secured(t, "")
	if err := os.WriteFile(filepath.Join(dir, "clients.pem"), ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	base, _ := start(t, strings.Replace(text, "reload:", "client_ca_file: "+filepath.Join(dir, "clients.pem")+", reload:", 1), nil)
	for name, test := range map[string]struct {
		of   *authority
		fits bool
	}{"one of ours": {ca, true}, "a stranger's": {strangers, false}, "none": {nil, false}} {
		client := ca.client(t, false)
		if test.of != nil {
			certificate, key := test.of.issue(t, 4)
			pair, err := tls.X509KeyPair(certificate, key)
			if err != nil {
				t.Fatal(err)
			}
			client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
		response, err := client.Get(base + "/status")
		if (err == nil) != test.fits {
			t.Errorf("with %s certificate: %v", name, err)
		}
		if err == nil {
			response.Body.Close()
		}
	}
}

func TestHTTPSpokenWhereTLSIsExpectedIsAnsweredInWords(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "")
	base, _ := start(t, text, nil)
	conn := dial(t, strings.Replace(base, "https", "http", 1), nil)
	response, body := say(t, conn, "GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
	if problem := isProblem(t, response, body, http.StatusBadRequest); !strings.Contains(problem.Detail, "https") {
		t.Errorf("it says %q", problem.Detail)
	}
	closed(t, conn)
}

func TestFilesThatMakeNoCertificateAreMistakesOfTheConfiguration(t *testing.T) {
	ca := newAuthority(t)
	certificate, key := ca.issue(t, 2)
	_, other := ca.issue(t, 3)
	for name, test := range map[string]struct {
		certificate, key []byte
		want             string
	}{
		"a key of another certificate": {certificate, other, "do not make a certificate"},
		"no certificate in the file":   {key, key, "do not make a certificate"},
		"no key in the file":           {certificate, certificate, "do not make a certificate"},
		"nothing in the files":         {nil, nil, "do not make a certificate"},
		"far too much in the file":     {make([]byte, 2<<20), key, "larger than 1048576 bytes"},
		"authorities that are none":    {certificate, key, "client_ca_file: holds no certificate in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, test.certificate, test.key)
			path := func(name string) string { return filepath.Join(dir, name) }
			got := mistakes(t, "\nserver: {tls: {client_ca_file: "+path("key.pem")+", cert_file: "+path("cert.pem")+", key_file: "+path("key.pem")+"}}")
			text := strings.Join(got, "\n")
			if !strings.HasPrefix(text, "line 2: server.tls: ") || !strings.Contains(text, test.want) {
				t.Errorf("got %q, want %q", text, test.want)
			}
			block, _ := pem.Decode(key)
			frameworktest.LeaksNoSecret(t, string(block.Bytes[len(block.Bytes)-40:]), text)
		})
	}
}

func TestACertificateThatHasExpiredIsToldInTheLog(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "")
	var log frameworktest.Log
	late := options(t, &log)
	late.Now = new(frameworktest.Clock).Now // a fixed day, long before or after
	if _, err := build(t, text, late); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "the certificate is not valid now") {
		t.Errorf("the log says:\n%s", log.String())
	}
}

func TestHeadersThatAreTooLargeAreAProblemOnHTTP2Too(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "  max_header_bytes: 4096")
	base, _ := start(t, text, nil)
	client := ca.client(t, true)
	for size, status := range map[int]int{1000: http.StatusOK, 5000: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequest(http.MethodGet, base+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-A", strings.Repeat("x", size))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != status || response.ProtoMajor != 2 {
			t.Errorf("%d bytes: status %d on %s", size, response.StatusCode, response.Proto)
		}
		if status != http.StatusOK {
			isProblem(t, response, string(body), status)
		}
	}
}

func TestABrokenHandshakeKeepsNobodyWaiting(t *testing.T) {
	ca := newAuthority(t)
	text, _ := ca.secured(t, "")
	base, drain := start(t, text, nil)
	for range 20 { // never say a word
		dial(t, strings.Replace(base, "https", "http", 1), nil)
	}
	conn := dial(t, strings.Replace(base, "https", "http", 1), nil)
	if _, err := conn.Write([]byte{0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	closed(t, conn)
	if response, _ := fetch(t, ca.client(t, true), base+"/status"); response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := drain(); err != nil { // does not wait for the silent ones
		t.Error(err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(base, "https://")); err == nil {
		t.Error("it still accepts")
	} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Error(err)
	}
}
