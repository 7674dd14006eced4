package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func copyOptions(t *testing.T, dir string, cluster *Cluster) (from, to Options) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return Options{Dir: dir, MaxStore: 256 << 20, Log: log, Now: time.Now}, Options{Cluster: cluster, MaxStore: 256 << 20, Log: log, Now: time.Now}
}

func quiet(CopyProgress) {}

// counted is an action whose effect is counted by event; it answers an event's error first.
type counted struct {
	mu      sync.Mutex
	effects map[string]int
	refuse  func(id string) error
}

func (c *counted) Do(_ context.Context, job framework.Job) (framework.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		if err := c.refuse(job.Event.ID); err != nil {
			return framework.Result{}, err
		}
	}
	c.effects[job.Event.ID]++
	return framework.Result{Summary: "done"}, nil
}

func (c *counted) count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.effects)
}

// used is a store with everything in it: events that are done, one that waits, one that is dead, one whose replay was cut
// short, places that were removed, an automation that came later, and a ledger.
type used struct {
	dir                           string
	ticket, later, idle           *counted
	done                          []string
	waiting, dead, replayed, last string
}

func useStore(t *testing.T, events int) used {
	t.Helper()
	u := used{dir: t.TempDir(), later: &counted{effects: map[string]int{}}, idle: &counted{effects: map[string]int{}}}
	waiting, dead, replayed := alert(t, "waiting"), alert(t, "dead"), alert(t, "replayed")
	u.waiting, u.dead, u.replayed = waiting.ID, dead.ID, replayed.ID
	u.ticket = &counted{effects: map[string]int{}, refuse: func(id string) error {
		switch id {
		case u.waiting:
			return &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "quota of 1 an hour"}
		case u.dead, u.replayed:
			return forbidden()
		}
		return nil
	}}
	engine := open(t, u.dir, nil)
	run(t, engine, onAlert("ticket", u.ticket))
	removed := alert(t, "removed")
	publish(t, engine, waiting, removed, dead, replayed)
	for i := range events {
		event := alert(t, fmt.Sprint("done", i))
		u.done = append(u.done, event.ID)
		publish(t, engine, event)
	}
	until(t, "all is done that can be", func() bool { return len(u.ticket.count()) == events+1 })
	untilState(t, engine, u.dead, framework.RunDead)
	untilState(t, engine, u.replayed, framework.RunDead)
	stream, _ := engine.streams.known("splunk")
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("SEC-1"), 0); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)

	engine = open(t, u.dir, nil) // another automation comes; it has nothing to do with what was before
	run(t, engine, onAlert("ticket", u.ticket), onAlert("later", u.later))
	after := alert(t, "after")
	u.last = after.ID
	publish(t, engine, after)
	untilState(t, engine, after.ID, framework.RunDone, framework.RunDone)
	closeEngine(t, engine)

	engine = open(t, u.dir, nil) // and one to which no event has come yet
	run(t, engine, onAlert("idle", u.idle))
	closeEngine(t, engine)

	engine = open(t, u.dir, nil) // a replay is cut short by a crash before its event was taken
	letters := lettersOf(t, engine)
	for _, letter := range letters {
		if letter.EventID == u.replayed {
			dead, err := engine.letter(t.Context(), letter.ID)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := engine.redo(t.Context(), &queue{source: "splunk", name: "ticket"}, dead); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeEngine(t, engine)
	return u
}

func TestACopiedStoreGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	const events = 600
	u := useStore(t, events)
	cluster := startNATS(t, 3, "")
	from, to := copyOptions(t, u.dir, cluster.options())

	// Two calls are cut short, one of them in the midst of the events.
	for _, cut := range []struct {
		kind string
		at   uint64
	}{{"bucket", 10}, {"events", 200}} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Copy(ctx, from, to, func(p CopyProgress) {
			if p.Kind == cut.kind && p.Done >= cut.at {
				cancel()
			}
		})
		cancel()
		if err == nil {
			t.Fatal("a copy that was cut short succeeded")
		}
		var unfinished *framework.ServiceError
		if _, err := Open(t.Context(), to); !errors.As(err, &unfinished) || !strings.Contains(unfinished.Reason, "is not complete: run funnelweb engine copy again") {
			t.Fatalf("an engine works on half a copy: %v", err)
		}
	}
	rows, err := Copy(t.Context(), from, to, quiet)
	if err != nil {
		t.Fatalf("%v\n%+v", err, rows)
	}
	table := map[string][2]uint64{}
	for _, row := range rows {
		table[strings.TrimSpace(row.Kind+" "+row.Name)] = [2]uint64{row.From, row.To}
		t.Logf("%-14s %-8s %5d here %5d there %5d by the last call", row.Kind, row.Name, row.From, row.To, row.Copied)
	}
	want := map[string][2]uint64{
		"events splunk": {events + 5, events + 5}, "dead letters": {2, 2}, "bucket ledger": {1, 1},
		"bucket runs": {events + 6, events + 6}, "queue idle": {0, 0}, "queue ticket": {2, events + 5},
	}
	for name, counts := range want {
		if diff := cmp.Diff(counts, table[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	goesOn(t, u, cluster)
	refusesAnother(t, u, from, to)
}

// goesOn works in the cluster and counts.
func goesOn(t *testing.T, u used, cluster *natsCluster) {
	t.Helper()
	engine := cluster.join(t, nil)
	u.ticket.mu.Lock()
	u.ticket.refuse = nil // quota, permissions: all is well now
	u.ticket.mu.Unlock()
	run(t, engine, onAlert("ticket", u.ticket), onAlert("later", u.later), onAlert("idle", u.idle))
	until(t, "what waited and what was replayed is done", func() bool {
		made := u.ticket.count()
		return made[u.waiting] == 1 && made[u.replayed] == 1
	})
	letters := lettersOf(t, engine)
	for _, letter := range letters {
		switch err := engine.replay(t.Context(), letter.ID); {
		case err != nil:
			t.Error(err)
		case letter.EventID == u.dead:
			untilState(t, engine, u.dead, framework.RunDone)
		}
	}
	until(t, "the queues are empty", func() bool {
		stats, err := engine.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Queues[0].Waiting+stats.Queues[1].Waiting+stats.Queues[2].Waiting == 0
	})
	for _, id := range append(u.done, u.waiting, u.dead, u.replayed, u.last) {
		if n := u.ticket.count()[id]; n != 1 {
			t.Errorf("event %s was done %d times", id, n)
		}
	}
	if diff := cmp.Diff(map[string]int{u.last: 1}, u.later.count()); diff != "" {
		t.Errorf("the later automation did %s", diff)
	}
	if made := u.idle.count(); len(made) != 0 {
		t.Errorf("an automation did what was before it: %v", made)
	}
	untilState(t, engine, u.done[0], framework.RunDone) // one run: the later automation has nothing to do with it
	if value, _, err := engine.Ledger().Get(t.Context(), "ticket.abc"); string(value) != "SEC-1" || err != nil {
		t.Errorf("ledger %q, error %v", value, err)
	}
	again := publish(t, engine, alert(t, "done0"))
	if !again[0].Duplicate {
		t.Error("an event that was copied counts as new")
	}
	closeEngine(t, engine)
}

// refusesAnother holds that neither the directory nor the copy is used a second time.
func refusesAnother(t *testing.T, u used, from, to Options) {
	t.Helper()
	if _, err := Open(t.Context(), from); err == nil || !strings.Contains(err.Error(), "was copied into a cluster") {
		t.Errorf("the old store works on: %v", err)
	}
	if _, err := Copy(t.Context(), from, to, quiet); err == nil || !strings.Contains(err.Error(), "has a complete copy of "+u.dir) {
		t.Errorf("a second copy: %v", err)
	}
}

func TestACopyIsRefused(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 1, "")
	dir := t.TempDir()
	engine := open(t, dir, nil)
	publish(t, engine, alert(t, "first"))
	from, to := copyOptions(t, dir, cluster.options())
	if _, err := Copy(t.Context(), from, to, quiet); !errors.Is(err, ErrLocked) {
		t.Errorf("while the store is in use: %v", err)
	}
	closeEngine(t, engine)
	nothing := from
	nothing.Dir = t.TempDir()
	if _, err := Copy(t.Context(), nothing, to, quiet); err == nil || !strings.Contains(err.Error(), "find a store to copy") {
		t.Errorf("from nowhere: %v", err)
	}
	busy := cluster.join(t, nil)
	publish(t, busy, alert(t, "its own"))
	closeEngine(t, busy)
	if _, err := Copy(t.Context(), from, to, quiet); err == nil || !strings.Contains(err.Error(), "has events of its own under the prefix funnelweb: choose another prefix") {
		t.Errorf("into a cluster that is used: %v", err)
	}
	after := open(t, dir, nil) // a copy that was refused leaves the store as it was
	if _, err := after.Event(t.Context(), alert(t, "first").ID); err != nil {
		t.Error(err)
	}
}
