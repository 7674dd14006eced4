package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"funnelweb/framework"
)

// childDir names, in the environment, the directory in which a child process works.
const childDir = "FUNNELWEB_ENGINE_TEST_DIR"

// killOptions are those of child and parent.
func killOptions(o *Options) {
	o.Retry = Retry{First: 5 * time.Millisecond, Max: 20 * time.Millisecond}
}

// publishUntilKilled is the child: it publishes from several goroutines, prints the id of every event that was
// acknowledged, does the automation's jobs, and never ends by itself.
func publishUntilKilled() {
	dir := os.Getenv(childDir)
	opts := Options{Dir: filepath.Join(dir, "store"), MaxStore: 256 << 20, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	killOptions(&opts)
	engine, err := Open(context.Background(), opts)
	if err == nil {
		err = engine.Run([]Automation{onAlert("ticket", tickets(engine, dir))})
	}
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

// tickets is an action with a side effect outside the store, once for each event: a file with a name of its own in a
// directory of the event's. Every third attempt fails, before or after it.
func tickets(engine *Engine, dir string) framework.Action {
	return &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
		of := filepath.Join(dir, "tickets", job.Event.ID)
		chance := rand.IntN(6)
		key, err := framework.Once(ctx, engine.Ledger(), time.Now, "ticket."+job.Key(), framework.Effect{
			Limit: 100 * time.Millisecond,
			Find: func(context.Context) (string, error) {
				made, err := filepath.Glob(filepath.Join(of, "*"))
				if err != nil || len(made) == 0 {
					return "", err
				}
				return made[0], nil
			},
			Do: func(context.Context) (string, error) {
				if chance == 0 {
					return "", errors.New("failed before")
				}
				if err := os.MkdirAll(of, 0o700); err != nil {
					return "", err
				}
				file, err := os.CreateTemp(of, "")
				if err != nil {
					return "", err
				}
				if chance == 1 {
					err = errors.New("failed after")
				}
				return file.Name(), errors.Join(err, file.Close())
			},
		})
		return framework.Result{Summary: key}, err
	}}
}

// TestKilledAtAnyTimeNothingIsLostAndNothingDoneTwice kills the child at random events, several times on one store, then
// lets the jobs end, and looks for every event that was acknowledged and for its one effect. Power loss is not tried.
func TestKilledAtAnyTimeNothingIsLostAndNothingDoneTwice(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for range 4 {
		acknowledged = append(acknowledged, killAfter(t, dir, 1+rand.IntN(200))...)
	}
	engine := open(t, filepath.Join(dir, "store"), func(o *Options) {
		killOptions(o)
		o.Log = slog.New(slog.DiscardHandler)
	})
	run(t, engine, onAlert("ticket", tickets(engine, dir)))
	for _, id := range acknowledged {
		if _, err := engine.Event(t.Context(), id); err != nil {
			t.Errorf("acknowledged, but lost: %v", err)
			continue
		}
		untilState(t, engine, id, framework.RunDone)
		made, err := os.ReadDir(filepath.Join(dir, "tickets", id))
		if err != nil || len(made) != 1 {
			t.Errorf("%d tickets for one event, error %v", len(made), err)
		}
	}
	t.Logf("%d events were acknowledged", len(acknowledged))
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
