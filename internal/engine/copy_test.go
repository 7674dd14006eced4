package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
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
	for i := range acts {
		begun, err := engine.begin(t.Context(), framework.Act{Caller: "token:on-call", Reason: fmt.Sprint("act ", i)}, framework.AuditEntry{Act: framework.AuditDrop})
		if err != nil {
			t.Fatal(err)
		}
		begun.end(t.Context(), i, nil)
	}
	closeEngine(t, engine)
	return u
}

// acts is how many acts of operators a used store has, each with its beginning and its end.
const acts = 150

func TestACopiedStoreGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	const events = 600
	u := useStore(t, events)
	cluster := startNATS(t, 3, "")
	from, to := copyOptions(t, u.dir, cluster.options())

	// Three calls are cut short, each in the midst of something else.
	for _, cut := range []struct {
		kind string
		at   uint64
	}{{"bucket", 10}, {"audit log", 100}, {"events", 200}} {
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
		"audit log":     {2 * acts, 2 * acts},
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
	holdsAudit(t, engine)
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

// holdsAudit looks for what operators did before the copy, newest first, with how it ended.
func holdsAudit(t *testing.T, engine *Engine) {
	t.Helper()
	page := framework.Page{Limit: 50}
	next := acts
	for next > 0 {
		entries, cursor, err := engine.Audit(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Reason, "act ") { // of the cluster's own
				continue
			}
			next--
			if entry.Reason != fmt.Sprint("act ", next) || entry.Outcome != framework.AuditDone || entry.Count != next || entry.Caller != "token:on-call" {
				t.Fatalf("act %d of the audit log is %+v", next, entry)
			}
		}
		if page.Cursor = cursor; cursor == "" {
			break
		}
	}
	if next != 0 {
		t.Errorf("%d acts are missing in the audit log", next)
	}
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

// delayer is between an engine and a NATS server. From the first entry of a bucket on it holds back all answers until so many
// entries are on their way.
type delayer struct {
	server  string
	listen  net.Listener
	entry   string
	enough  int
	mu      sync.Mutex
	changed sync.Cond
	seen    int
	gone    bool
}

func startDelayer(t *testing.T, server, entry string, enough int) *delayer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &delayer{server: strings.TrimPrefix(server, "nats://"), listen: listener, entry: entry, enough: enough}
	d.changed.L = &d.mu
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { d.pass(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		d.mu.Lock()
		d.gone = true
		d.changed.Broadcast()
		d.mu.Unlock()
		all.Wait()
	})
	return d
}

func (d *delayer) pass(client net.Conn) {
	server, err := net.Dial("tcp", d.server)
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		d.forward(client, server)
	})
	both.Go(func() {
		defer client.Close()
		d.answer(server, client)
	})
	both.Wait()
}

// forward counts entries; a line with a subject is never cut in two by the count's being late.
func (d *delayer) forward(client io.Reader, server io.Writer) {
	lines := bufio.NewReader(client)
	for {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "HPUB "+d.entry) {
			d.mu.Lock()
			d.seen++
			d.changed.Broadcast()
			d.mu.Unlock()
		}
		if _, failed := io.WriteString(server, line); err != nil || failed != nil {
			return
		}
	}
}

func (d *delayer) answer(server io.Reader, client io.Writer) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		d.mu.Lock()
		for d.seen > 0 && d.seen < d.enough && !d.gone {
			d.changed.Wait()
		}
		d.mu.Unlock()
		if _, failed := client.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func TestEntriesOfABucketAreOnTheirWayTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	engine := open(t, dir, nil)
	const entries = 300
	for i := range entries {
		if _, err := engine.Ledger().Put(t.Context(), fmt.Sprint("ticket.", i), []byte("SEC-1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	closeEngine(t, engine)
	cluster := startNATS(t, 1, "")
	options := cluster.options()
	options.URLs = []string{"nats://" + startDelayer(t, options.URLs[0], "$KV.funnelweb_ledger.", 100).listen.Addr().String()}
	from, to := copyOptions(t, dir, options)
	rows, err := Copy(t.Context(), from, to, quiet)
	if err != nil {
		t.Fatalf("%v\n%+v", err, rows)
	}
	direct := cluster.join(t, nil)
	for i := range entries {
		if value, _, err := direct.Ledger().Get(t.Context(), fmt.Sprint("ticket.", i)); string(value) != "SEC-1" || err != nil {
			t.Fatalf("entry %d is %q, error %v", i, value, err)
		}
	}
}

func TestAnEntryThatChangedBetweenTwoCallsIsCopiedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ledger := func(write func(framework.Ledger)) {
		engine := open(t, dir, nil)
		write(engine.Ledger())
		closeEngine(t, engine)
	}
	put := func(ledger framework.Ledger, key, value string, revision uint64) uint64 {
		written, err := ledger.Put(t.Context(), key, []byte(value), revision)
		if err != nil {
			t.Fatal(err)
		}
		return written
	}
	var first uint64
	ledger(func(l framework.Ledger) {
		first = put(l, "changed", "intent", 0)
		put(l, "kept", "done", 0)
	})
	cluster := startNATS(t, 1, "")
	from, to := copyOptions(t, dir, cluster.options())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Copy(ctx, from, to, func(p CopyProgress) {
		if p.Name == "runs" || p.Kind == "audit log" || p.Name == "ledger" {
			cancel() // behind the ledger
		}
	})
	if err == nil {
		t.Fatal("a copy that was cut short succeeded")
	}
	ledger(func(l framework.Ledger) {
		put(l, "changed", "done", first)
		put(l, "new", "done", 0)
	})
	rows, err := Copy(t.Context(), from, to, quiet)
	if err != nil {
		t.Fatalf("%v\n%+v", err, rows)
	}
	there := cluster.join(t, nil)
	for key, want := range map[string]string{"changed": "done", "kept": "done", "new": "done"} {
		if value, _, err := there.Ledger().Get(t.Context(), key); string(value) != want || err != nil {
			t.Errorf("%s is %q, error %v", key, value, err)
		}
	}
}
