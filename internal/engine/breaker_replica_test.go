package engine

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
)

func TestReplicasMakeOneProbe(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	mine := engine.breakers
	other := &breakers{
		bucket: mine.bucket, now: mine.now, log: mine.log, timeout: mine.timeout, shared: true,
		breaking: mine.breaking, known: map[string]seenCircuit{},
	}
	if err := mine.fail(t.Context(), "jira", outage{job: "a", queue: "ticket", refused: true}); err != nil {
		t.Fatal(err)
	}
	if err := mine.change(t.Context(), "jira", func(c *circuit, now time.Time) bool { c.Next = now; return true }); err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int32
	var all sync.WaitGroup
	for _, replica := range []*breakers{mine, other} {
		for range 8 {
			all.Go(func() {
				told, reason, err := replica.admitOne(t.Context(), "jira", false)
				if err != nil || !strings.HasPrefix(reason, "waits for jira, down since ") {
					t.Errorf("%q, %v", reason, err)
				}
				if told.pass != "" {
					passed.Add(1)
				} else if told.until.IsZero() {
					t.Error("let through beside the probe")
				}
			})
		}
	}
	all.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d probes", passed.Load())
	}
	needed, err := other.needed(t.Context(), "ticket")
	if err != nil || len(needed) != 1 || needed[0].Probe == "" {
		t.Errorf("the other replica knows %+v, %v", needed, err)
	}
}

func TestAReplicaLearnsWhatOthersFoundOut(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	engine := open(t, t.TempDir(), nil)
	mine := engine.breakers
	other := &breakers{
		bucket: mine.bucket, now: func() time.Time { return now }, log: mine.log, timeout: mine.timeout, shared: true,
		breaking: mine.breaking, known: map[string]seenCircuit{},
	}
	mine.now = other.now
	for _, job := range []string{"a", "b", "c", "d"} {
		if err := other.fail(t.Context(), "jira", outage{job: job, queue: "ticket"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mine.fail(t.Context(), "jira", outage{job: "e", queue: "ticket"}); err != nil {
		t.Fatal(err)
	}
	if other.isDown("jira") || !mine.isDown("jira") {
		t.Fatal("the fifth failure in a row, in another replica, did not open the circuit, or was known at once")
	}
	now = now.Add(circuitAge)
	needed, err := other.needed(t.Context(), "ticket")
	if err != nil || len(needed) != 1 || needed[0].State != framework.CircuitOpen || !other.isDown("jira") {
		t.Errorf("after a second it knows %+v, %v", needed, err)
	}
}
