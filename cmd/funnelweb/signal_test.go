package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// served starts the binary and returns it with its address, once it serves.
func served(t *testing.T, config string) (command *exec.Cmd, url string) {
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
			go func() { _, _ = io.Copy(io.Discard, log) }() // until the process ends
			return command, line.URL
		}
	}
	t.Fatal("it ends without serving")
	return nil, ""
}

func TestASecondSignalEndsADrainingServerAtOnce(t *testing.T) {
	command, url := served(t, "listen: 127.0.0.1:0\ndata: "+t.TempDir()+"\nserver: {drain_delay: 10m}\n")
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
	ended := make(chan error, 1)
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- command.Wait() }()
	select {
	case <-ctx.Done():
		t.Fatal("it still drains")
	case err := <-ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if status, unix := exit.Sys().(syscall.WaitStatus); !ok || !unix || status.Signal() != syscall.SIGTERM {
			t.Errorf("it ended with %v", err)
		}
	}
}
