package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"funnelweb/internal/app"
)

// childVariable names the configuration that this test binary serves in place of running tests, so that a server can be
// measured alone.
const childVariable = "FUNNELWEB_TEST_CHILD"

// figures are what a server holds, in bytes, after its garbage was collected.
type figures struct {
	Heap, Stacks int64 // of the Go runtime
	RSS, Peak    int64 // of the process, as the system counts; 0 where it does not tell
	Goroutines   int
}

// own is what counts for a bound: RSS holds what the collector has not given back yet, and the race detector's shadow.
func (f figures) own() int64 { return f.Heap + f.Stacks }

// child serves until its input ends. It tells its address, and its figures for each line that it is sent.
func child(file string) error {
	config, err := app.ReadConfig(file)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	server, err := app.Build(ctx, config, parts(), app.Options{
		Version: "test", Log: slog.New(slog.DiscardHandler), Now: time.Now, TokenFile: filepath.Join(filepath.Dir(file), "token"),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, func(url string) { fmt.Println(url) }) }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := json.NewEncoder(os.Stdout).Encode(measure()); err != nil {
			return err
		}
	}
	stop()
	return <-ended
}

func measure() figures {
	runtime.GC()
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	f := figures{Heap: int64(memory.HeapAlloc), Stacks: int64(memory.StackInuse), Goroutines: runtime.NumGoroutine()}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return f
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			f.RSS = kilobytes << 10
		case "VmHWM:":
			f.Peak = kilobytes << 10
		}
	}
	return f
}

// running is a server in a process of its own.
type running struct {
	base  string
	input io.Writer
	lines *bufio.Scanner
}

// startChild serves a configuration in a process of its own until the test ends.
func startChild(t *testing.T, text string) *running {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "funnelweb.yaml")
	for name, content := range map[string]string{file: text, filepath.Join(dir, "token"): goodToken} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(os.Args[0], "-test.run=^$")
	command.Env = append(os.Environ(), childVariable+"="+file)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("the server's process: %v", err)
		}
	})
	r := &running{input: input, lines: bufio.NewScanner(output)}
	r.base = r.line(t)
	return r
}

func (r *running) line(t *testing.T) string {
	t.Helper()
	if !r.lines.Scan() {
		t.Fatalf("the server's process has ended: %v", r.lines.Err())
	}
	return r.lines.Text()
}

func (r *running) figures(t *testing.T) figures {
	t.Helper()
	if _, err := io.WriteString(r.input, "\n"); err != nil {
		t.Fatal(err)
	}
	var f figures
	if err := json.Unmarshal([]byte(r.line(t)), &f); err != nil {
		t.Fatal(err)
	}
	return f
}
