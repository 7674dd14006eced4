package app

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"funnelweb/framework"
	"funnelweb/internal/engine"
)

// Engine has one member set; embedded when it has none.
type Engine struct {
	// Embedded stores events under Data.
	Embedded *Embedded `yaml:"embedded"`
	// NATS stores events in a cluster, which any number of servers share.
	NATS *NATS `yaml:"nats"`
	// Inline stores nothing: a call is answered when its automations are done.
	Inline *Inline `yaml:"inline"`
}

// Inline is the engine of a machine without a disk.
type Inline struct {
	// Timeout is how long a call may wait for its automations. Default 25s.
	Timeout time.Duration `yaml:"timeout"`
	// MaxMemoryMB bounds what is kept in memory, in MiB: recent events, ledger, quotas. Default 64.
	MaxMemoryMB int64 `yaml:"max_memory_mb"`
}

// defaultInlineTimeout ends before the senders and gateways that give a call 30 s.
const defaultInlineTimeout = 25 * time.Second

// Jobs says how automations work.
type Jobs struct {
	// RetryFirst is the wait after the first failed attempt of a job. Default 1s.
	RetryFirst time.Duration `yaml:"retry_first"`
	// RetryMax is the longest wait between attempts. Default 10m.
	RetryMax time.Duration `yaml:"retry_max"`
	// GiveUpAfter is how long a job is tried before it becomes a dead letter. Default 24h.
	GiveUpAfter time.Duration `yaml:"give_up_after"`
	// Workers is how many events each job works on at once, in each server. Default 4.
	Workers int `yaml:"workers"`
}

// Embedded is the engine inside the process.
type Embedded struct {
	// MaxStoreMB bounds all stored events in MiB. Default 8192, and never more than half of what the disk has for it, with what is stored already.
	MaxStoreMB int64 `yaml:"max_store_mb"`

	Jobs `yaml:",inline"`
}

// NATS is an external cluster with JetStream.
type NATS struct {
	// URLs of all its servers: tls://host:port or nats://host:port.
	URLs []string `yaml:"urls"`
	// User and Password, Credentials or NKey say who the server is. Credentials is the text of a .creds file, NKey a seed.
	User        string           `yaml:"user"`
	Password    framework.Secret `yaml:"password"`
	Credentials framework.Secret `yaml:"credentials"`
	NKey        framework.Secret `yaml:"nkey"`
	// TLS says how servers are verified, and what they verify.
	TLS *ClientTLS `yaml:"tls"`
	// Plaintext allows clear text to other machines. Default false.
	Plaintext bool `yaml:"plaintext"`
	// Replicas is how many of its servers hold each event: 1, 3 or 5. Default 3.
	Replicas int `yaml:"replicas"`
	// Prefix begins all names in the cluster; servers with the same one share everything. Default funnelweb.
	Prefix string `yaml:"prefix"`
	// MaxStoreMB bounds all stored events in MiB, on each server that holds them. Default 8192.
	MaxStoreMB int64 `yaml:"max_store_mb"`

	Jobs `yaml:",inline"`
}

// ClientTLS is TLS towards a service.
type ClientTLS struct {
	// CAFile holds the authorities of the service in PEM. Default those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the client's own certificate and key in PEM.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// check finds values that the engine would refuse, each with its path.
func (e *Engine) check(mistake func(path, message string)) {
	chosen := 0
	for _, one := range []bool{e.Embedded != nil, e.NATS != nil, e.Inline != nil} {
		if one {
			chosen++
		}
	}
	if chosen > 1 {
		mistake("engine", "choose one of embedded, nats and inline")
	}
	if e.Inline != nil && (e.Inline.Timeout < 0 || e.Inline.MaxMemoryMB < 0) {
		mistake("engine.inline", "timeout and max_memory_mb must not be negative")
	}
	if e.Embedded != nil {
		e.Embedded.check("engine.embedded", e.Embedded.MaxStoreMB, mistake)
	}
	if e.NATS != nil {
		e.NATS.check("engine.nats", e.NATS.MaxStoreMB, mistake)
	}
}

func (j *Jobs) check(path string, maxStoreMB int64, mistake func(path, message string)) {
	if maxStoreMB < 0 || j.Workers < 0 || j.RetryFirst < 0 || j.RetryMax < 0 || j.GiveUpAfter < 0 {
		mistake(path, "max_store_mb, workers, retry_first, retry_max and give_up_after must not be negative")
	}
	first, most := cmp.Or(j.RetryFirst, time.Second), cmp.Or(j.RetryMax, 10*time.Minute)
	if most < first {
		mistake(path, fmt.Sprintf("retry_max (%s) must not be below retry_first (%s)", most, first))
	}
}

func (j *Jobs) retry() engine.Retry {
	return engine.Retry{First: j.RetryFirst, Max: j.RetryMax, GiveUpAfter: j.GiveUpAfter}
}

// engineOptions are those of the engine that a configuration chooses. The error joins what is wrong with a cluster's
// settings, each beginning with its key below engine.nats.
func engineOptions(config *Config, options Options, observer engine.Observer) (engine.Options, error) {
	made := engine.Options{Log: options.Log.With("part", "engine"), Now: options.Now, Observer: observer}
	if chosen := config.Engine.NATS; chosen != nil {
		cluster, err := chosen.cluster()
		made.Cluster, made.MaxStore, made.Workers, made.Retry = cluster, chosen.MaxStoreMB<<20, chosen.Workers, chosen.retry()
		return made, err
	}
	if chosen := config.Engine.Inline; chosen != nil {
		made.Inline, made.MaxStore, made.JobTimeout = true, chosen.MaxMemoryMB<<20, cmp.Or(chosen.Timeout, defaultInlineTimeout)
		return made, nil
	}
	chosen := config.Engine.Embedded
	if chosen == nil {
		chosen = &Embedded{}
	}
	made.Dir, made.MaxStore, made.Workers, made.Retry = config.eventsDir(), chosen.MaxStoreMB<<20, chosen.Workers, chosen.retry()
	return made, nil
}

// nodeAt returns the node under keys, or the last that is there.
func nodeAt(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				node = node.Content[i+1]
				break
			}
		}
	}
	return node
}

// sourcesOf are the sources of event types, once each.
func sourcesOf(types []string) []string {
	var sources []string
	for _, eventType := range types {
		source, _, _ := strings.Cut(eventType, ".")
		sources = append(sources, source)
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

func (n *NATS) cluster() (*engine.Cluster, error) {
	settings, err := n.TLS.config()
	cluster := &engine.Cluster{
		URLs: n.URLs, User: n.User, Password: n.Password, Credentials: n.Credentials, NKey: n.NKey,
		TLS: settings, Plaintext: n.Plaintext, Replicas: n.Replicas, Prefix: n.Prefix,
	}
	return cluster, errors.Join(err, cluster.Check())
}

// config reads the files. A client's certificate is read again for each connection, so that a new one needs no restart.
func (c *ClientTLS) config() (*tls.Config, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no settings, and no mistake
	}
	made := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs []error
	if c.CAFile != "" {
		made.RootCAs = x509.NewCertPool()
		text, err := readPEM(c.CAFile)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("tls.ca_file: %w", err))
		case !made.RootCAs.AppendCertsFromPEM(text):
			errs = append(errs, errors.New("tls.ca_file: holds no certificate in PEM"))
		}
	}
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		errs = append(errs, errors.New("tls.cert_file: give cert_file and key_file together"))
	case c.CertFile != "":
		if _, err := c.own(nil); err != nil {
			errs = append(errs, fmt.Errorf("tls.cert_file: %w", err))
		}
		made.GetClientCertificate = c.own
	}
	return made, errors.Join(errs...)
}

func (c *ClientTLS) own(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	for _, name := range []string{c.CertFile, c.KeyFile} {
		if _, err := os.Stat(name); err != nil {
			return nil, err
		}
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file and key_file do not make a certificate: %w", err)
	}
	return &pair, nil
}
