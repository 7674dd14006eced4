package sambatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// ports are those that Samba listens on. They cannot be changed, so each controller has an address of its own.
func ports() []string { return []string{"389", "636", "3268", "3269"} }

// reserve takes a loopback address for the length of the test. Holding a further port of it is what keeps another
// process that looks for an address from taking the same.
func reserve(tb testing.TB) string {
	tb.Helper()
	const lock = "10636"
	for n := 1; n < 255; n++ {
		address := fmt.Sprintf("127.0.10.%d", n)
		held, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(address, lock))
		if err != nil {
			continue
		}
		if !free(tb, address) {
			_ = held.Close()
			continue
		}
		tb.Cleanup(func() { _ = held.Close() })
		return address
	}
	tb.Fatal("no address in 127.0.10.0/24 has its LDAP ports free")
	return ""
}

func free(tb testing.TB, address string) bool {
	tb.Helper()
	for _, port := range ports() {
		listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(address, port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

// serve runs the controller until the test ends.
func serve(tb testing.TB, programs programs, dir, address string, config *tls.Config) {
	tb.Helper()
	logPath := filepath.Join(dir, "log", "stdout")
	log, err := os.Create(logPath)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.WithoutCancel(tb.Context())) // tb.Context ends before the cleanup
	server := command(ctx, programs.server, "-s", filepath.Join(dir, "etc", "smb.conf"),
		"-i", "-M", "single", "--no-process-group", "--debug-stdout")
	server.Stdout, server.Stderr = log, log
	// With -i the server ends when its input ends: at our wish, and also when this process is killed.
	input, err := server.StdinPipe()
	if err == nil {
		err = server.Start()
	}
	_ = log.Close() // the server has its own
	if err != nil {
		kill()
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Wait() // it ends with an error code as a matter of course
	}()
	tb.Cleanup(func() {
		_ = input.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			tb.Error("the domain controller did not end by itself")
		}
		kill()
		<-done
	})
	if err := await(tb.Context(), net.JoinHostPort(address, "636"), config, done); err != nil {
		said, _ := os.ReadFile(logPath) // for the message only
		tb.Fatalf("the domain controller does not answer: %v\n%s", err, tail(string(said)))
	}
}

// await returns when the server shakes hands.
func await(ctx context.Context, address string, config *tls.Config, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-ended:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return err
		}
	}
}
