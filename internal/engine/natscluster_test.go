package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// binaries are those that tests of this run build, once.
type binaries struct {
	dir  string
	nats func() (string, error)
}

var built = newBinaries()

func newBinaries() *binaries {
	b := &binaries{}
	b.nats = sync.OnceValues(func() (string, error) {
		var err error
		if b.dir, err = os.MkdirTemp("", "funnelweb-engine-"); err != nil {
			return "", err
		}
		path := filepath.Join(b.dir, "nats-server")
		output, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build nats-server: %w\n%s", err, output)
		}
		return path, nil
	})
	return b
}

func (b *binaries) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// natsServer is one process of a real cluster.
type natsServer struct {
	config  string
	url     string
	log     string
	process *exec.Cmd
}

// natsCluster is a real cluster of nats-server processes on loopback addresses.
type natsCluster struct {
	servers []*natsServer
}

const clusterUser, clusterPassword = "funnelweb", "cluster-canary-password"

// startNATS starts a cluster that ends with the test; extra is added to the configuration of each server.
func startNATS(tb testing.TB, size int, extra string) *natsCluster {
	tb.Helper()
	binary, err := built.nats()
	if err != nil {
		tb.Fatal(err)
	}
	cluster := &natsCluster{}
	dir := tb.TempDir()
	var routes []string
	var clients, peers []string
	for i := range size {
		clients = append(clients, freeAddress(tb, i))
		peers = append(peers, freeAddress(tb, i))
		routes = append(routes, "nats://"+peers[i])
	}
	for i := range size {
		name := fmt.Sprintf("nats%d", i+1)
		text := fmt.Sprintf(`server_name: %s
listen: %q
max_payload: 8MB
jetstream { store_dir: %q, sync_interval: always, max_file_store: 1GB, max_memory_store: 16MB }
authorization { user: %s, password: %s }
%s
`, name, clients[i], filepath.Join(dir, name), clusterUser, clusterPassword, extra)
		if size > 1 {
			text += fmt.Sprintf("cluster { name: lab, listen: %q, routes: [%s] }\n", peers[i], strings.Join(routes, ", "))
		}
		server := &natsServer{
			config: filepath.Join(dir, name+".conf"), url: "nats://" + clients[i], log: filepath.Join(dir, name+".log"),
			process: exec.Command(binary),
		}
		if err := os.WriteFile(server.config, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		cluster.servers = append(cluster.servers, server)
		server.start(tb)
		tb.Cleanup(func() { server.kill(tb) })
	}
	return cluster
}

// freeAddress is a port that was free a moment ago, on an address of a machine's own.
func freeAddress(tb testing.TB, machine int) string {
	tb.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.10.%d:0", 71+machine))
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *natsServer) start(tb testing.TB) {
	tb.Helper()
	s.process = exec.Command(s.process.Path, "-c", s.config, "-l", s.log)
	if err := s.process.Start(); err != nil {
		tb.Fatal(err)
	}
}

// kill ends the process at once, if it runs.
func (s *natsServer) kill(tb testing.TB) {
	tb.Helper()
	if s.process.ProcessState != nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Error(err)
	}
	_ = s.process.Wait() // it was killed
}

func (s *natsServer) signal(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		tb.Fatal(err)
	}
}

func (c *natsCluster) urls() (urls []string) {
	for _, server := range c.servers {
		urls = append(urls, server.url)
	}
	return urls
}

func (c *natsCluster) options() *Cluster {
	return &Cluster{
		URLs: c.urls(), User: clusterUser, Password: framework.NewSecret(clusterPassword),
		Replicas: min(3, len(c.servers)),
	}
}

// join starts a replica on the cluster that is closed after the test.
func (c *natsCluster) join(tb testing.TB, change func(*Options)) *Engine {
	tb.Helper()
	opts := Options{
		Cluster: c.options(), MaxStore: 256 << 20, Now: time.Now,
		Log:   slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
		Retry: Retry{First: 10 * time.Millisecond, Max: 40 * time.Millisecond},
	}
	if change != nil {
		change(&opts)
	}
	engine, err := Open(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeEngine(tb, engine) })
	return engine
}

// clusterDeadline is deadline where machines die: elections and copies take their time on a busy machine.
const clusterDeadline = 3 * time.Minute

// untilCurrent waits until every stream has its copies on all servers.
func untilCurrent(tb testing.TB, engine *Engine) {
	tb.Helper()
	untilWithin(tb, clusterDeadline, "every stream has all its copies", func() bool {
		ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Second)
		defer cancel()
		count := 0
		listed := engine.js.ListStreams(ctx)
		for info := range listed.Info() {
			if !isCurrent(info) {
				return false
			}
			count++
		}
		return listed.Err() == nil && count >= 5
	})
}

// leaderOf is the server that leads the stream of events.
func leaderOf(tb testing.TB, cluster *natsCluster, engine *Engine) *natsServer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), deadline)
	defer cancel()
	stream, err := engine.streams.remake(ctx, "splunk")
	if err != nil {
		tb.Fatal(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	for i, server := range cluster.servers {
		if info.Cluster.Leader == fmt.Sprintf("nats%d", i+1) {
			return server
		}
	}
	tb.Fatalf("nobody leads: %+v", info.Cluster)
	return nil
}

func isCurrent(info *jetstream.StreamInfo) bool {
	if info.Cluster == nil || info.Cluster.Leader == "" {
		return false
	}
	for _, peer := range info.Cluster.Replicas {
		if !peer.Current || peer.Offline {
			return false
		}
	}
	return true
}
