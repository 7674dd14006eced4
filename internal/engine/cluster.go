package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"funnelweb/framework"
)

// Cluster is an external NATS cluster with JetStream. Every engine with its URLs and Prefix is a replica of one: they
// share events, queues, ledger, quotas, runs and dead letters, and must have one configuration.
type Cluster struct {
	// URLs of its servers: nats://host:port or tls://host:port. Name all; servers that these tell of are not used.
	URLs []string
	// User and Password, Credentials or NKey say who the engine is; all may be empty.
	User     string
	Password framework.Secret
	// Credentials is the text of a .creds file: a JWT and its seed.
	Credentials framework.Secret
	// NKey is the seed of a user's key.
	NKey framework.Secret
	// TLS is how servers are verified; nil for the defaults where a URL says tls, else clear text.
	TLS *tls.Config
	// Plaintext allows clear text to servers that are not on this machine.
	Plaintext bool
	// Replicas is how many servers hold each stream: 1, 3 or 5; 3 when 0.
	Replicas int
	// Prefix begins all names in the cluster: 1 to 32 of a-z, 0-9 and -, beginning with a letter; funnelweb when empty.
	Prefix string
}

const (
	defaultPrefix   = "funnelweb"
	defaultReplicas = 3

	minServerVersion = "2.14.7" // older ones lost acknowledged messages under lazy sync or a late election
	minServerPayload = 2 << 20  // the ledger's largest entry, and headers

	clusterTimeout = 12 * time.Second       // for one operation: elections usually took 4 to 9 s
	clusterTry     = time.Second            // for one call of it
	clusterWait    = 100 * time.Millisecond // between two
	clusterStart   = 30 * time.Second       // for a cluster that starts at the same time

	// How a server that does not answer is noticed: two pings unanswered. The system would take minutes.
	pingEvery   = 2 * time.Second
	lostPings   = 2
	connectTime = 2 * time.Second
)

// complete fills in defaults.
func (c Cluster) complete() *Cluster {
	if c.Replicas == 0 {
		c.Replicas = defaultReplicas
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	return &c
}

// startCluster connects, and refuses a server that cannot be trusted with events.
func startCluster(ctx context.Context, opts Options) (*nats.Conn, error) {
	options, err := opts.Cluster.connectOptions(opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, opts.startWait)
	defer cancel()
	var conn *nats.Conn
	err = patience{try: opts.startWait, wait: time.Second}.do(ctx, func(context.Context) (err error) {
		conn, err = nats.Connect(strings.Join(opts.Cluster.URLs, ","), options...)
		return explainConnect(err)
	})
	if err != nil {
		return nil, err
	}
	if err := suitable(conn.ConnectedServerVersion(), conn.MaxPayload()); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (c *Cluster) connectOptions(opts Options) ([]nats.Option, error) {
	log := opts.Log
	options := []nats.Option{
		nats.Name("funnelweb"), nats.MaxReconnects(-1), nats.Timeout(connectTime),
		nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 250*time.Millisecond),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(lostPings), nats.FlusherTimeout(connectTime),
		nats.ReconnectBufSize(-1), // what cannot be sent now is sent again by who knows whether it is still wanted
		// A server could tell of others by addresses that no certificate names, or in clear text elsewhere.
		nats.IgnoreDiscoveredServers(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Error("store connection", "err", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Warn("a store server is gone", "err", err) }),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			log.Info("connected to a store server", "server", conn.ConnectedServerName())
			if err := suitable(conn.ConnectedServerVersion(), conn.MaxPayload()); err != nil {
				log.Error("a store server is not suitable", "err", err)
			}
		}),
	}
	if c.secure() {
		settings := c.TLS
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		options = append(options, nats.Secure(settings))
	}
	switch {
	case !c.Credentials.IsZero():
		options = append(options, nats.UserCredentialBytes([]byte(c.Credentials.Reveal())))
	case !c.NKey.IsZero():
		key, err := nkeys.FromSeed([]byte(c.NKey.Reveal()))
		if err != nil {
			return nil, errors.New("nkey: is not the seed of a user's key")
		}
		public, err := key.PublicKey()
		if err != nil {
			return nil, errors.New("nkey: is not the seed of a user's key")
		}
		options = append(options, nats.Nkey(public, key.Sign))
	case c.User != "":
		options = append(options, nats.UserInfo(c.User, c.Password.Reveal()))
	}
	return options, nil
}

// suitable refuses servers that are too old or take too little.
func suitable(version string, maxPayload int64) error {
	if older(version, minServerVersion) {
		return clusterError("connect", fmt.Sprintf("the server is NATS %s; update it to %s or later", framework.Line(version, 40), minServerVersion), nil)
	}
	if maxPayload < minServerPayload {
		return clusterError("connect", fmt.Sprintf("the server takes messages of %d bytes only; set max_payload: 8MB in its configuration", maxPayload), nil)
	}
	return nil
}

// older compares versions such as 2.15.2; what follows a - is left out.
func older(version, least string) bool {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	have, want := strings.Split(version, "."), strings.Split(least, ".")
	for i := range want {
		number := -1 // what is no number is older than anything
		if i < len(have) {
			if parsed, err := strconv.Atoi(have[i]); err == nil {
				number = parsed
			}
		}
		if wanted, _ := strconv.Atoi(want[i]); number != wanted {
			return number < wanted
		}
	}
	return false
}

func clusterError(op, reason string, cause error) error {
	return &framework.ServiceError{Service: "nats", Op: op, Reason: reason, Err: cause}
}

// explainConnect says what to do about a connection that cannot be made; what time may cure is not final.
func explainConnect(err error) error {
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return final{clusterError("connect", "the servers refuse the user, credentials or nkey: check them", err)}
	case errors.As(err, &certificate):
		return final{clusterError("connect", "the certificate of a server cannot be verified: check tls.ca_file and the host names in urls", err)}
	case errors.Is(err, nats.ErrSecureConnWanted):
		return final{clusterError("connect", "the servers do not speak TLS: switch it on there, or leave tls and tls:// out", err)}
	case errors.Is(err, nats.ErrNoServers):
		return clusterError("connect", "no server answers: check urls, and that the servers run", err)
	}
	return clusterError("connect", "no connection could be made; the log has the cause", err)
}

// Codes of refusals in jetstream_errors_generated.go of nats-server/v2 v2.15.2.
const (
	codeNoPeers      jetstream.ErrorCode = 10005
	codeNoResources  jetstream.ErrorCode = 10023
	codeNoStorage    jetstream.ErrorCode = 10047
	codeNotClustered jetstream.ErrorCode = 10074
)

// explainOpen says what to do about a cluster that refuses to make streams; what time may cure is not final.
func (e *Engine) explainOpen(err error) error {
	if err == nil || !e.shared() {
		return err
	}
	refusal, _ := errors.AsType[*jetstream.APIError](err)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return clusterError("open", "JetStream does not answer: add jetstream {} to the servers, and to the account", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return final{clusterError("open", "JetStream is not enabled for this user's account: add jetstream {} to the servers, and to the account", err)}
	case refusal == nil:
		return err
	case refusal.ErrorCode == codeNotClustered:
		reason := fmt.Sprintf("replicas: %d needs a cluster of as many servers, and this server is alone: give it a cluster, or say replicas: 1", e.replicas())
		return final{clusterError("open", reason, err)}
	case refusal.ErrorCode == codeNoPeers:
		reason := fmt.Sprintf("replicas: %d needs as many servers with JetStream and room; fewer are there", e.replicas())
		return clusterError("open", reason, err) // they may still be starting
	}
	return err
}

// shared reports whether other replicas use the store too.
func (e *Engine) shared() bool { return e.opts.Cluster != nil }

// replicas is how many servers hold each stream.
func (e *Engine) replicas() int {
	if !e.shared() {
		return 1
	}
	return e.opts.Cluster.Replicas
}

// patience is how often one call is repeated, and timeout for how long in all.
func (e *Engine) patience() patience {
	if !e.shared() {
		return patience{}
	}
	return patience{try: clusterTry, wait: clusterWait}
}

// setup is patience for what makes streams and queues, which takes a cluster longer. Of several replicas that make the
// same at once not all may be answered.
func (e *Engine) setup() patience {
	patient := e.patience()
	patient.try *= 5
	return patient
}

func (e *Engine) timeout() time.Duration {
	if !e.shared() {
		return storeTimeout
	}
	return clusterTimeout
}
