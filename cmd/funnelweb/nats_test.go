package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// nats starts a real nats-server with JetStream, user funnelweb and the password in NATS_PASSWORD's place, and sets a
// variable to its URL: nats VARIABLE.
func nats(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := os.MkdirTemp("", "funnelweb-nats-")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	binary := filepath.Join(dir, "nats-server")
	if output, err := exec.Command("go", "build", "-o", binary, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		ts.Fatalf("build nats-server: %v\n%s", err, output)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := listener.Addr().String()
	ts.Check(listener.Close())
	config := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nmax_payload: 8MB\njetstream { store_dir: %q, sync_interval: always }\n"+
		"authorization { user: funnelweb, password: cluster-canary-password }\n", address, filepath.Join(dir, "store"))
	ts.Check(os.WriteFile(config, []byte(text), 0o600))
	server := exec.Command(binary, "-c", config, "-l", filepath.Join(dir, "log"))
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
	})
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for listening := false; !listening; {
		select {
		case <-limit:
			ts.Fatalf("nats-server does not start")
		case <-tick.C:
		}
		if connection, err := net.Dial("tcp", address); err == nil {
			ts.Check(connection.Close())
			listening = true
		}
	}
	ts.Setenv(args[0], "nats://"+address)
}
