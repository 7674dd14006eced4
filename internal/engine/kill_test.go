package engine

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"funnelweb/framework"
)

// childDir names, in the environment, the store in which a child process publishes.
const childDir = "FUNNELWEB_ENGINE_TEST_DIR"

// publishUntilKilled is the child: it publishes from several goroutines and prints the id of every event that was
// acknowledged, and never ends by itself.
func publishUntilKilled() {
	engine, err := Open(context.Background(), Options{
		Dir: os.Getenv(childDir), MaxStore: 256 << 20, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	var print sync.Mutex
	for worker := range 8 {
		go func() {
			for n := 0; ; n++ {
				event, err := framework.NewEvent("splunk.alert", fmt.Sprint(os.Getpid(), worker, n), map[string]int{"n": n})
				if err == nil {
					_, err = engine.Publish(context.Background(), event)
				}
				print.Lock()
				if err != nil {
					fmt.Println("error:", err)
				} else {
					fmt.Println(event.ID)
				}
				print.Unlock()
			}
		}()
	}
	select {}
}

// TestEveryAcknowledgedEventOutlivesKill kills the child at a random event, several times on one store, and then looks for
// every event that it acknowledged. Power loss is not tried here.
func TestEveryAcknowledgedEventOutlivesKill(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for range 4 {
		acknowledged = append(acknowledged, killAfter(t, dir, 1+rand.IntN(400))...)
	}
	engine := open(t, dir, nil)
	lost := 0
	for _, id := range acknowledged {
		if _, err := engine.Event(t.Context(), id); err != nil {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged events were lost", lost, len(acknowledged))
	}
	t.Logf("%d acknowledged events, %d lost", len(acknowledged), lost)
}

// killAfter lets the child acknowledge a number of events, kills it, and returns all that it acknowledged.
func killAfter(t *testing.T, dir string, events int) (ids []string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childDir+"="+dir)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if _, ok := sourceOf(lines.Text()); !ok {
			t.Errorf("the child says %s", strconv.Quote(lines.Text()))
			break
		}
		ids = append(ids, lines.Text())
		if len(ids) == events {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Process.Kill() // after an error; else it is dead already
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return ids
}
