package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// refusal opens an engine that must not open, and returns what people are told.
func refusal(t *testing.T, cluster *Cluster) string {
	t.Helper()
	var log frameworktest.Log // the connection may tell something after Open is done
	engine, err := Open(t.Context(), Options{Cluster: cluster, Now: time.Now, startWait: 3 * time.Second, Log: log.Logger()})
	if err == nil {
		closeEngine(t, engine)
		t.Fatal("it opened")
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), log.String()} {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret is told: %s", text)
		}
	}
	service, ok := errors.AsType[*framework.ServiceError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	return service.Public()
}

func TestAClusterThatCannotBeUsedIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		extra  string
		change func(*Cluster)
		want   string
	}{
		"a server alone": {
			"", func(c *Cluster) { c.Replicas = 3 },
			"nats: open: replicas: 3 needs a cluster of as many servers, and this server is alone: give it a cluster, or say replicas: 1",
		},
		"without JetStream": {
			"jetstream: disabled", func(*Cluster) {},
			"nats: open: JetStream does not answer: add jetstream {} to the servers, and to the account",
		},
		"a wrong password": {
			"", func(c *Cluster) { c.Password = framework.NewSecret("another-canary") },
			"nats: connect: the servers refuse the user, credentials or nkey: check them",
		},
		"messages that are too small": {
			"max_payload: 1MB", func(*Cluster) {},
			"nats: connect: the server takes messages of 1048576 bytes only; set max_payload: 8MB in its configuration",
		},
		"TLS that it does not speak": {
			"", func(c *Cluster) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS12} },
			"nats: connect: the servers do not speak TLS: switch it on there, or leave tls and tls:// out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := startNATS(t, 1, test.extra).options()
			test.change(cluster)
			if diff := cmp.Diff(test.want, refusal(t, cluster)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTLSIsVerifiedAndAnNKeyLogsIn(t *testing.T) {
	t.Parallel()
	certificate, key, authorities := ownCertificate(t)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	cluster := startNATS(t, 1, fmt.Sprintf("tls { cert_file: %q, key_file: %q }\nauthorization { users: [{nkey: %s}] }", certificate, key, public))
	secure := &Cluster{URLs: []string{strings.Replace(cluster.servers[0].url, "nats://", "tls://", 1)}, NKey: framework.NewSecret(string(seed)), Replicas: 1}
	want := "nats: connect: the certificate of a server cannot be verified: check tls.ca_file and the host names in urls"
	if diff := cmp.Diff(want, refusal(t, secure)); diff != "" {
		t.Error(diff)
	}
	secure.TLS = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	engine := cluster.join(t, func(o *Options) { o.Cluster = secure })
	publish(t, engine, alert(t, "first"))
	if !engine.conn.TLSRequired() {
		t.Error("the connection is in clear text")
	}
}

// ownCertificate makes a certificate for the loopback addresses of clusters.
func ownCertificate(t *testing.T) (certificate, key string, authorities *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nats"}, IPAddresses: []net.IP{net.ParseIP("127.0.10.71")},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	for name, body := range map[string][]byte{certificate: text, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})} {
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authorities = x509.NewCertPool()
	authorities.AppendCertsFromPEM(text)
	return certificate, key, authorities
}

func TestServersThatAreTooOldAreRefused(t *testing.T) {
	for version, want := range map[string]bool{
		"2.14.7": false, "2.14.10": false, "2.15.0": false, "3.0.0": false, "v2.15.2": false, "2.15.0-RC.1": false,
		"2.14.6": true, "2.9.99": true, "1.99.99": true, "2.14": true, "": true, "latest": true,
	} {
		if got := older(version, minServerVersion); got != want {
			t.Errorf("%q is older: %v", version, got)
		}
	}
	if err := suitable("2.10.1", 8<<20); !strings.Contains(framework.Reason(err), "NATS 2.10.1; update it to 2.14.7") {
		t.Errorf("got %v", err)
	}
}
