//go:build unix

package engine

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"funnelweb/framework"
)

// noRoom makes every write fail that would end behind the first bytes of a file, as on a full disk, until the returned
// function is called.
func noRoom(t *testing.T) (room func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: 1, Max: before.Max})
	room = func() { set(before) }
	t.Cleanup(room)
	return room
}

// ownProcess runs the test that calls it again in a process of its own, whose files may be limited, and reports whether
// that was done. What the go command has a test process write would be limited too.
func ownProcess(t *testing.T) bool {
	t.Helper()
	const child = "FUNNELWEB_ENGINE_TEST_ALONE"
	if os.Getenv(child) != "" {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), child+"=1")
	if output, err := again.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return true
}

// TestAStoreThatCouldNotWriteWorksAgainByItself has writes fail while events come in and a job is under way.
func TestAStoreThatCouldNotWriteWorksAgainByItself(t *testing.T) {
	if ownProcess(t) {
		return
	}
	var clock later
	engine := open(t, t.TempDir(), func(o *Options) {
		clock.use(o)
		o.mendEvery = 20 * time.Millisecond
		o.ackWait = 500 * time.Millisecond
	})
	done := make(chan string, 100)
	run(t, engine, onAlert("ticket", &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		done <- job.Event.ID
		return framework.Result{Summary: "done"}, nil
	}}))
	first := alert(t, "first")
	publish(t, engine, first)
	<-done
	room := noRoom(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := engine.Publish(ctx, alert(t, "no room")); err == nil {
		t.Error("an event was accepted that cannot have been stored")
	}
	if got := reason(t, engine); got == "ready" {
		t.Error("it is ready although it cannot write")
	}
	room()
	deadline := time.Now().Add(deadline)
	for n := 0; ; n++ {
		clock.advance(probeEvery)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := engine.Publish(ctx, alert(t, "again "+strconv.Itoa(n)))
		cancel()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	clock.advance(probeEvery)
	if got := reason(t, engine); got != "ready" {
		t.Error(got)
	}
	if _, err := engine.Event(t.Context(), first.ID); err != nil {
		t.Error(err)
	}
	<-done // the queue works again too
}
