package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// served starts the binary and returns it with its address, once it serves, and what it logs from then on until it ends.
func served(t *testing.T, config string) (command *exec.Cmd, url string, rest <-chan string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "funnelweb.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command = exec.Command(build(t), "serve", "--config", file)
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, URL string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "serving" {
			rest := make(chan string, 1)
			go func() { // until the process ends
				text, _ := io.ReadAll(log)
				rest <- string(text)
			}()
			return command, line.URL, rest
		}
	}
	t.Fatal("it ends without serving")
	return nil, "", nil
}

func TestASecondSignalEndsADrainingServerAtOnce(t *testing.T) {
	t.Setenv("SIGNAL_TOKEN", "a-token-of-enough-length")
	command, url, rest := served(t, "listen: 127.0.0.1:0\ndata: "+t.TempDir()+"\nserver: {drain_delay: 10m}\nendpoints: [{use: splunk, before: [{token: {secrets: [\"env:SIGNAL_TOKEN\"]}}]}]\n")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for draining := false; !draining; {
		select {
		case <-ctx.Done():
			t.Fatal("it does not say that it is not ready")
		case <-tick.C:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ready", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		draining = response.StatusCode == http.StatusServiceUnavailable
		response.Body.Close()
	}
	// A call that sends its body too slowly is under way.
	address := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /api/v1/splunk/alert HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a-token-of-enough-length\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(answer, "100") {
		t.Fatalf("%q, %v", answer, err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		t.Fatal("it still drains")
	case lines := <-rest: // it has ended
		const want = `"level":"WARN","msg":"work under way is abandoned","why":"a second signal ends the server at once","requests":1,"jobs":0}`
		if strings.Count(lines, want) != 1 {
			t.Errorf("the log says\n%s", lines)
		}
	}
	exit, ok := errors.AsType[*exec.ExitError](command.Wait())
	if !ok {
		t.Fatal("it ended as if it had drained")
	}
	if status, unix := exit.Sys().(syscall.WaitStatus); !unix || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", exit)
	}
}
