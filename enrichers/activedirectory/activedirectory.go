// Package activedirectory tells who a user, a mail address or a computer is, as Active Directory knows them: name,
// state of the account, privileges, logon and password times. It only reads.
package activedirectory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// service is how findings and errors name the directory.
const service = "activedirectory"

// maxConnections bounds the lookups, and with them the connections, at one time.
const maxConnections = 4

const (
	// For kept an answer serves others who ask the same: long enough for a burst of alerts about one user, short
	// enough that an account which was just disabled is not shown as enabled.
	kept = time.Minute
	// The formatVersion changes when findings are put into other words: kept ones are not used any more then.
	formatVersion = "v2"
)

// Config says how to reach the directory.
type Config struct {
	URL        string           `yaml:"url"`         // ldaps://host[:636], or ldap://host[:389] with start_tls
	MoreURLs   []string         `yaml:"more_urls"`   // further domain controllers, asked in turn when one does not answer
	BindDN     string           `yaml:"bind_dn"`     // account to read with: a DN, user@domain or DOMAIN\user
	Password   framework.Secret `yaml:"password"`    // of that account
	BaseDN     string           `yaml:"base_dn"`     // where to search, the whole tree below it
	CAFile     string           `yaml:"ca_file"`     // PEM with the authorities to trust; the system's when empty
	ServerName string           `yaml:"server_name"` // name in the certificate; the URL's host when empty
	StartTLS   bool             `yaml:"start_tls"`   // upgrade a plain ldap:// connection before anything is sent
	Timeout    time.Duration    `yaml:"timeout"`     // for one domain controller, from dialling to the last answer
	Fresh      time.Duration    `yaml:"fresh"`       // how long a finding may be used
}

// Defaults returns a configuration that lacks only the directory: 10 s for an answer, findings good for 15 minutes.
func Defaults() Config { return Config{Timeout: 10 * time.Second, Fresh: 15 * time.Minute} }

// Enricher looks accounts up. Make one with New.
type Enricher struct {
	config      Config
	servers     []server
	authorities *x509.CertPool // nil means the system's
	base        *ldap.DN
	domain      string // DNS name that the DC parts of the base spell, lower case
	now         func() time.Time
	answers     framework.Answers
	slots       chan struct{}
	pools       map[server]*pool
	credentials *credentials
}

// server is one domain controller.
type server struct {
	address   string // host:port
	name      string // that its certificate must carry
	plaintext bool   // upgraded with StartTLS before anything is sent
}

// New checks the configuration and reads the CA file. Nothing is sent before the first lookup.
func New(config Config, deps framework.Deps) (*Enricher, error) {
	enricher := &Enricher{
		config: config, now: deps.Now, answers: deps.Answers, slots: make(chan struct{}, maxConnections),
		credentials: &credentials{trial: make(chan struct{}, 1)}, pools: map[server]*pool{},
	}
	var errs []error
	for _, address := range append([]string{config.URL}, config.MoreURLs...) {
		controller, err := parseServer(address, config)
		errs = append(errs, err)
		enricher.servers = append(enricher.servers, controller)
		enricher.pools[controller] = &pool{}
	}
	base, err := ldap.ParseDN(config.BaseDN)
	if err != nil || len(base.RDNs) == 0 {
		errs = append(errs, errors.New(`base_dn must be a distinguished name such as "DC=example,DC=com"`))
	} else {
		enricher.base, enricher.domain = base, dnsName(base)
	}
	if config.BindDN == "" || config.Password.IsZero() {
		errs = append(errs, errors.New("bind_dn and password are required: Active Directory tells strangers nothing"))
	}
	if config.Timeout <= 0 || config.Fresh <= 0 {
		errs = append(errs, errors.New("timeout and fresh must be longer than 0"))
	}
	enricher.authorities, err = readAuthorities(config.CAFile)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return enricher, nil
}

// parseServer refuses every way of sending the password in the clear.
func parseServer(text string, config Config) (server, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Path != "" && parsed.Path != "/" {
		return server{}, errors.New("url must be ldaps://host or ldaps://host:port, with no more to it")
	}
	found := server{name: parsed.Hostname()}
	if config.ServerName != "" {
		found.name = config.ServerName
	}
	port := parsed.Port()
	switch {
	case parsed.Scheme == "ldaps" && config.StartTLS:
		return server{}, errors.New("start_tls goes with ldap://; ldaps:// is encrypted from the first byte")
	case parsed.Scheme == "ldaps":
		if port == "" {
			port = ldap.DefaultLdapsPort
		}
	case parsed.Scheme == "ldap" && config.StartTLS:
		found.plaintext = true
		if port == "" {
			port = ldap.DefaultLdapPort
		}
	case parsed.Scheme == "ldap":
		return server{}, errors.New("ldap:// would send the password in the clear: use ldaps://, or set start_tls: true")
	default:
		return server{}, errors.New("url must begin with ldaps://, or with ldap:// and start_tls: true")
	}
	found.address = net.JoinHostPort(parsed.Hostname(), port)
	return found, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // crypto/tls takes a nil pool as the system's
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

func (e *Enricher) tlsConfig(controller server) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.authorities, ServerName: controller.name}
}

// Kinds are user (account name, user@domain or DOMAIN\user), email and host.
func (e *Enricher) Kinds() []framework.Kind {
	return []framework.Kind{framework.User, framework.Email, framework.Host}
}

// Enrich looks the indicator up. An account that does not exist, or a name that several share, is a finding.
// Errors are ServiceErrors.
func (e *Enricher) Enrich(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	if !slices.Contains(e.Kinds(), indicator.Kind) {
		return framework.Finding{}, &framework.ServiceError{
			Service: service, Op: "look up", Permanent: true, Reason: "a directory knows users, mail addresses and hosts only",
		}
	}
	question := fmt.Sprintf("%s %v as %s below %s %s: %s", e.config.URL, e.config.MoreURLs, e.config.BindDN, e.config.BaseDN, formatVersion, indicator)
	return framework.FindingOnce(ctx, e.answers, service, question, kept, func(ctx context.Context) (framework.Finding, error) {
		return e.lookUp(ctx, indicator)
	})
}

func (e *Enricher) lookUp(ctx context.Context, indicator framework.Indicator) (framework.Finding, error) {
	finding := framework.Finding{Source: service, Indicator: indicator, AskedAt: e.now().UTC()}
	finding.StaleAt = finding.AskedAt.Add(e.config.Fresh)
	err := e.ask(ctx, "look up "+string(indicator.Kind), func(s *session) error {
		var err error
		finding.Summary, finding.Facts, err = e.describe(s, indicator)
		return err
	})
	if err != nil {
		return framework.Finding{}, err
	}
	return finding, nil
}

// Check binds and reads the base of the search.
func (e *Enricher) Check(ctx context.Context) error {
	return e.ask(ctx, "check", func(s *session) error {
		_, err := s.read(e.config.BaseDN, "objectClass")
		return err
	})
}
