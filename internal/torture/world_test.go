package torture

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"funnelweb/configs"
	"funnelweb/framework"
	"funnelweb/internal/sandbox/directory"
	"funnelweb/internal/sandbox/jira"
	"funnelweb/internal/sandbox/virustotal"
)

// world is everything around one server: the services, which live on in the test's own process whatever happens to the
// server, its configuration, and its senders' secrets.
type world struct {
	dir     string // secrets, configuration and log
	data    string // the server's
	config  string // path
	url     string
	http    *http.Client
	secrets map[string]framework.Secret

	mayForget   bool            // events may be gone, as too old by the clock or for room, or dead, as failing for a day by the clock
	ticketsOnly bool            // what becomes of tickets does not count: their alerts may have been given up for room
	excused     map[string]bool // tickets, and alerts by marker, of whose enrichment, and events of whose runs, nothing is expected

	latest *server // of its processes

	jira       *jira.Server
	directory  *directory.Server
	virusTotal *virustotal.Server
}

// options change a world.
type options struct {
	data      string // where the server keeps its data; a directory of its own when empty
	searchLag time.Duration
	now       func() time.Time
	retry     string // of engine.embedded; what suits most when empty
	extra     string // more members of engine.embedded
}

// jiraUser logs in to the Jira stand-in.
const jiraUser = "bot@lab.example"

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	if o.now == nil {
		o.now = time.Now
	}
	dir := t.TempDir()
	w := &world{dir: dir, data: o.data, config: filepath.Join(dir, "funnelweb.yaml"), secrets: map[string]framework.Secret{}, excused: map[string]bool{}}
	if w.data == "" {
		w.data = filepath.Join(dir, "data")
	}
	for _, name := range []string{"jira-token", "jira-webhook-secret", "ad-password", "vt-key", "threatstack-key", "splunk-token", "archive-token"} {
		w.secret(t, name)
	}
	address := freeAddress(t)
	w.url = "http://" + address
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.http = &http.Client{Timeout: 30 * time.Second, Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	w.startServices(t, o)
	w.write(t, "ad-ca.pem", string(w.directory.CAPEM()))
	config := strings.NewReplacer(
		"127.0.0.1:8080", address,
		"./funnelweb-data", w.data,
		"funnelweb-sandbox/", dir+"/",
		"http://127.0.0.1:8081", w.jira.URL(),
		"http://127.0.0.1:8082/api/v3", w.virusTotal.URL(),
		"http://127.0.0.1:8083/api/v1", "http://127.0.0.1:9/api/v1", // nobody asks Threat Stack here
		"ldaps://127.0.0.1:8636", w.directory.URL(),
		"per_minute: 4, per_day: 500", "per_minute: 100000, per_day: 0", // a start asks once
		"retry_first: 500ms, retry_max: 5s", or(o.retry, "retry_first: 100ms, retry_max: 1s")+o.extra,
	).Replace(string(configs.Demo))
	w.write(t, "funnelweb.yaml", config)
	return w
}

func (w *world) startServices(t *testing.T, o options) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	w.jira, err = jira.Start(context.Background(), jira.Options{
		User: jiraUser, Token: w.secrets["jira-token"], Projects: map[string][]string{"SEC": {"Task"}},
		WebhookURL: w.url + "/api/v1/jira/webhook", WebhookSecret: w.secrets["jira-webhook-secret"],
		RetryDelay: time.Second, SearchLag: o.searchLag, Now: o.now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.jira.Close() })
	w.directory, err = directory.Start(context.Background(), directory.Options{BindPassword: w.secrets["ad-password"], Now: o.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.directory.Close() })
	w.virusTotal, err = virustotal.Start(context.Background(), virustotal.Options{Key: w.secrets["vt-key"], Now: o.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.virusTotal.Close() })
}

func (w *world) secret(t *testing.T, name string) {
	t.Helper()
	text := rand.Text()
	w.secrets[name] = framework.NewSecret(text)
	w.write(t, name, text)
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freeAddress is one that the server can take again after each start: Jira sends its webhooks there. Where the whole of
// 127.0.0.0/8 is this machine it is not on 127.0.0.1, from which others call and may be given the port while the server is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+mathrand.IntN(250), mathrand.IntN(250), 2+mathrand.IntN(250))
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// keepsSecrets looks for the secrets in what the server has logged.
func (w *world) keepsSecrets(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(w.logFile())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for name, secret := range w.secrets {
		if bytes.Contains(log, []byte(secret.Reveal())) {
			t.Errorf("%s is in the log", name)
		}
	}
}

func (w *world) logFile() string { return filepath.Join(w.dir, "server.log") }

// logTail is the end of what the server has logged.
func (w *world) logTail() string {
	log, err := os.ReadFile(w.logFile())
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-3000):])
}

// operatorToken is the one that the server made at its first start.
func (w *world) operatorToken() (string, error) {
	token, err := framework.ResolveSecret("file:" + filepath.Join(w.data, "access-token"))
	if err != nil {
		return "", fmt.Errorf("read the access token: %w", err)
	}
	return token.Reveal(), nil
}
