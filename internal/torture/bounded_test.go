package torture

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/internal/engine"
	"funnelweb/internal/sandbox/fault"
)

var waiting = flag.Int("torture.waiting", 50_000, "events that wait")

// TestManyWaitingEvents has events wait for a Jira that is down, and reports what the server takes: the bar for a million, each
// of 1 KB, is 250 MB and 5 s until it is ready. All of them are recognised when they are delivered again.
func TestManyWaitingEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.jira.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable})
	running, _ := w.mustStart(t) // makes the queues
	w.stop(t, running)
	event := func(n int) framework.Event {
		one, err := framework.NewEvent("splunk.alert", strconv.Itoa(n), map[string]string{"note": strings.Repeat("x", 900)})
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	store := func(ctx context.Context, from, to int) (duplicates int) {
		opened, err := engine.Open(ctx, engine.Options{Dir: filepath.Join(w.data, "events"), Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := opened.Close(ctx); err != nil {
				t.Error(err)
			}
		}()
		for n := from; n < to; n += 500 {
			var batch []framework.Event
			for i := n; i < min(n+500, to); i++ {
				batch = append(batch, event(i))
			}
			receipts, err := opened.Publish(ctx, batch...)
			if err != nil {
				t.Fatal(err)
			}
			for _, receipt := range receipts {
				if receipt.Duplicate {
					duplicates++
				}
			}
		}
		return duplicates
	}
	if got := store(t.Context(), 0, *waiting); got != 0 {
		t.Errorf("%d of the events were there before", got)
	}
	running, took := w.mustStart(t)
	rest(t.Context(), 5*time.Second) // the workers fail, over and over
	t.Logf("%d events wait: ready after %s, resident %d MB, at most %d MB", *waiting, seconds(took),
		memory(t, running, "VmRSS")>>20, memory(t, running, "VmHWM")>>20)
	running.kill()
	running, took = w.mustStart(t)
	t.Logf("after kill -9: ready after %s, resident %d MB", seconds(took), memory(t, running, "VmRSS")>>20)
	w.stop(t, running)
	if got := store(t.Context(), *waiting-500, *waiting); got != 500 {
		t.Errorf("%d of 500 events were recognised when they came again", got)
	}
}

// memory reads a figure of a process in bytes (proc(5), status).
func memory(t *testing.T, s *server, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if os.IsNotExist(err) {
		return 0 // not on this system
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			kilobytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatal(name, " is not in the status of the process: ", err)
	return 0
}

// TestAFloodIsRefusedAndADrainAbandonsNothing sends more than the store may hold while Jira is down: the rest is 503 with
// Retry-After, and the server lives. When Jira is back everything is done, and a drain under load leaves nothing behind.
func TestAFloodIsRefusedAndADrainAbandonsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{extra: ", max_store_mb: 1"})
	w.mayForget, w.ticketsOnly = true, true
	w.jira.Faults().Add(fault.Fault{Status: http.StatusServiceUnavailable})
	running, _ := w.mustStart(t)
	sent := newTally()
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	senders := w.send(sending, sent, rand.New(rand.NewPCG(1, 2)), 8, 60_000, 0)
	if err := until(t, func() error { return w.refuses(t.Context(), sent) }); err != nil {
		t.Fatalf("a flood: %v\n%s", err, w.logTail())
	}
	stop()
	senders.Wait()
	if sent.hasty > 0 {
		t.Errorf("%d answers were 503 without Retry-After", sent.hasty)
	}
	select {
	case <-running.ended:
		t.Fatalf("the server ended: %v", running.err)
	default:
	}
	t.Logf("accepted %d, refused %v", sent.count(), sent.statuses())
	w.jira.Faults().Clear()
	if err := until(t, func() error { // it works under the drain
		if len(w.jira.Issues()) == 0 {
			return errors.New("no ticket")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.stop(t, running)
	t.Logf("drained in %s", seconds(time.Since(began)))
	running = w.start(t) // it is not ready before it has made room
	var a account
	w.settle(t, sent, &a)
	if len(a.lost)+len(a.twice) > 0 {
		t.Errorf("lost %q, twice %q", a.lost, a.twice)
	}
	if running.command.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("the server is gone")
	}
	w.stop(t, running)
}
