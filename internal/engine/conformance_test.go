package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// store is what every engine is to the rest of the program.
type store interface {
	framework.Publisher
	framework.Activity
	Ledger() framework.Ledger
	Quota() framework.Quota
	Ready(ctx context.Context) error
	Run(automations []Automation) error
	Drain(ctx context.Context) error
	Close(ctx context.Context) error
}

var _ store = (*Engine)(nil)

// world makes engines of one kind. Each call of its function opens another engine on the same store, once the last is
// closed.
type world func(t *testing.T) func(change func(*Options)) store

// forgetful reports whether an engine loses its store when it is closed, so that senders are told only when all is done.
func forgetful(engine store) bool {
	ledger, ok := engine.Ledger().(framework.Forgetful)
	return ok && ledger.Forgets()
}

func worlds(t *testing.T) map[string]world {
	t.Helper()
	cluster := startNATS(t, 3, "")
	inMemory := func(o *Options) { o.Dir, o.Inline, o.MaxStore = "", true, 0 }
	var prefixes atomic.Int32
	return map[string]world{
		"embedded": func(t *testing.T) func(func(*Options)) store {
			t.Helper()
			dir := t.TempDir()
			return func(change func(*Options)) store { return open(t, dir, change) }
		},
		"inline": func(t *testing.T) func(func(*Options)) store {
			t.Helper()
			return func(change func(*Options)) store {
				return open(t, "", func(o *Options) {
					inMemory(o)
					if change != nil {
						change(o)
					}
				})
			}
		},
		"cluster": func(t *testing.T) func(func(*Options)) store {
			t.Helper()
			prefix := fmt.Sprintf("world%d", prefixes.Add(1))
			return func(change func(*Options)) store {
				return cluster.join(t, func(o *Options) {
					o.Cluster.Prefix = prefix
					if change != nil {
						change(o)
					}
				})
			}
		},
	}
}

// TestConformance holds every kind of engine to one contract.
func TestConformance(t *testing.T) {
	for kind, world := range worlds(t) {
		t.Run(kind, func(t *testing.T) {
			for name, check := range map[string]func(*testing.T, func(func(*Options)) store){
				"publish and deduplicate":       conformsToPublisher,
				"deliver to whom it concerns":   conformsInDelivery,
				"retry until it succeeds":       conformsInRetrying,
				"wait without an attempt":       conformsInWaiting,
				"give up, replay and drop":      conformsInLetters,
				"ledger":                        conformsToLedger,
				"quota":                         conformsToQuota,
				"list":                          conformsInListing,
				"drain, and go on after it":     conformsInDraining,
				"refuse what no store can hold": conformsInRefusing,
			} {
				t.Run(name, func(t *testing.T) { check(t, world(t)) })
			}
		})
	}
}

func runOn(t *testing.T, engine store, automations ...Automation) {
	t.Helper()
	if err := engine.Run(automations); err != nil {
		t.Fatal(err)
	}
}

func publishTo(t *testing.T, engine store, events ...framework.Event) []framework.Receipt {
	t.Helper()
	receipts, err := engine.Publish(t.Context(), events...)
	if err != nil {
		t.Fatal(err)
	}
	return receipts
}

// send publishes what is to fail or wait: where nothing is stored its sender is told so.
func send(t *testing.T, engine store, events ...framework.Event) {
	t.Helper()
	for _, event := range events {
		_, err := engine.Publish(t.Context(), event)
		problem, _ := errors.AsType[*framework.Problem](err)
		switch {
		case !forgetful(engine) && err != nil:
			t.Fatal(err)
		case forgetful(engine) && (problem == nil || problem.Status != 503 || problem.Header.Get("Retry-After") == ""):
			t.Fatalf("an event that failed or waits was answered with %v", err)
		}
	}
}

// untilRun waits for the state of an event's only run, and returns the run.
func untilRun(t *testing.T, engine store, id string, want framework.RunState) (run framework.Run) {
	t.Helper()
	until(t, fmt.Sprintf("the run of %s is %s", id, want), func() bool {
		status, err := engine.Event(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(status.Runs) == 1 {
			run = status.Runs[0]
		}
		return run.State == want
	})
	return run
}

func conformsToPublisher(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	first, second := alert(t, "first"), alert(t, "second")
	want := []framework.Receipt{{ID: first.ID}, {ID: second.ID}, {ID: first.ID, Duplicate: true}}
	if diff := cmp.Diff(want, publishTo(t, engine, first, second, first)); diff != "" {
		t.Error(diff)
	}
	status, err := engine.Event(t.Context(), first.ID)
	if err != nil || status.Event.Time.IsZero() || string(status.Event.Data) != string(first.Data) {
		t.Errorf("stored %+v, error %v", status.Event, err)
	}
	if err := engine.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := open(nil)
	again := publishTo(t, next, second)
	if diff := cmp.Diff([]framework.Receipt{{ID: second.ID, Duplicate: !forgetful(next)}}, again); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
}

func conformsInDelivery(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	ticket, other := &action{}, &action{}
	never := func(framework.Event) (bool, error) { return false, nil }
	runOn(
		t, engine, onAlert("ticket", ticket), Automation{Name: "never", On: "splunk.alert", When: never, Action: other},
		Automation{Name: "elsewhere", On: "jira.issue_created", Action: other},
	)
	event := alert(t, "first")
	publishTo(t, engine, event)
	until(t, "both runs are finished", func() bool {
		status, err := engine.Event(t.Context(), event.ID)
		if err != nil || len(status.Runs) != 2 {
			t.Fatalf("runs %+v, error %v", status.Runs, err)
		}
		return status.Runs[0].State == framework.RunDone && status.Runs[1].State == framework.RunSkipped
	})
	if ran := append(ticket.attempts(), other.attempts()...); !slices.Equal(ran, []int{1}) {
		t.Errorf("attempts %v", ran)
	}
}

func conformsInRetrying(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	ticket := failing(2, func() error { return &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "down"} })
	runOn(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	send(t, engine, event)
	if run := untilRun(t, engine, event.ID, framework.RunDone); run.Attempts != 3 || run.Reason != "" {
		t.Errorf("run %+v", run)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, ticket.attempts()); diff != "" {
		t.Error(diff)
	}
}

func conformsInWaiting(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	ticket := failing(1, func() error {
		return &framework.Wait{Until: time.Now().Add(20 * time.Millisecond), Reason: "quota of 4 a minute"}
	})
	runOn(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	send(t, engine, event)
	if run := untilRun(t, engine, event.ID, framework.RunDone); run.Attempts != 1 {
		t.Errorf("run %+v", run)
	}
	if shown := ticket.shown(); len(shown) != 1 || !shown[0].Waiting || shown[0].Reason != "quota of 4 a minute" {
		t.Errorf("shown %+v", shown)
	}
}

func conformsInLetters(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	ticket := failing(2, forbidden)
	runOn(t, engine, onAlert("ticket", ticket))
	first, second := alert(t, "first"), alert(t, "second")
	send(t, engine, first, second)
	untilRun(t, engine, first.ID, framework.RunDead)
	untilRun(t, engine, second.ID, framework.RunDead)
	ids := map[string]string{}
	letters, _, err := engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 10})
	if err != nil || len(letters) != 2 {
		t.Fatalf("letters %+v, error %v", letters, err)
	}
	for _, letter := range letters {
		ids[letter.EventID] = letter.ID
	}
	letter, event, err := engine.DeadLetter(t.Context(), ids[first.ID])
	if err != nil || letter.Reason != framework.Reason(forbidden()) || event.ID != first.ID {
		t.Errorf("letter %+v of %s, error %v", letter, event.ID, err)
	}
	if err := engine.Replay(t.Context(), framework.Act{}, ids[first.ID]); err != nil {
		t.Error(err)
	}
	untilRun(t, engine, first.ID, framework.RunDone)
	if err := engine.Drop(t.Context(), framework.Act{}, ids[second.ID]); err != nil {
		t.Error(err)
	}
	for _, id := range ids {
		for _, err := range []error{engine.Replay(t.Context(), framework.Act{}, id), engine.Drop(t.Context(), framework.Act{}, id)} {
			if !errors.Is(err, framework.ErrNoEvent) {
				t.Errorf("a letter that is gone gives %v", err)
			}
		}
	}
	untilRun(t, engine, second.ID, framework.RunDead)
}

func conformsToLedger(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	ledger := engine.Ledger()
	if _, _, err := ledger.Get(t.Context(), "ticket.abc"); !errors.Is(err, framework.ErrNotRecorded) {
		t.Errorf("got %v", err)
	}
	revision, err := ledger.Put(t.Context(), "ticket.abc", []byte("intent"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, stale := range []uint64{0, revision + 1} {
		if _, err := ledger.Put(t.Context(), "ticket.abc", []byte("other"), stale); !errors.Is(err, framework.ErrConflict) {
			t.Errorf("revision %d: %v", stale, err)
		}
	}
	done, err := ledger.Put(t.Context(), "ticket.abc", []byte("SEC-1"), revision)
	if err != nil {
		t.Fatal(err)
	}
	value, read, err := ledger.Get(t.Context(), "ticket.abc")
	if string(value) != "SEC-1" || read != done || err != nil {
		t.Errorf("read %q at %d, error %v", value, read, err)
	}
	next, newer := ledger.Age(done+1), ledger.Age(done)
	if older := ledger.Age(revision); revision >= done || older < newer || newer < 0 || next != 0 {
		t.Errorf("revision %d is %s old, %d is %s, and the next %s", revision, older, done, newer, next)
	}
}

func conformsToQuota(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixNano())
	quota := open(func(o *Options) { o.Now = func() time.Time { return time.Unix(0, clock.Load()).UTC() } }).Quota()
	for i := range 3 {
		err := quota.Take(t.Context(), "virustotal", perMinute(2), perDay(100))
		wait, waits := errors.AsType[*framework.Wait](err)
		if waits != (i == 2) || err != nil && !waits {
			t.Fatalf("call %d: %v", i+1, err)
		}
		if waits && wait.Reason != "virustotal quota of 2 a minute" {
			t.Errorf("waits for %q", wait.Reason)
		}
	}
	clock.Add(int64(2 * time.Minute))
	if err := quota.Take(t.Context(), "virustotal", perMinute(2), perDay(100)); err != nil {
		t.Error(err)
	}
}

func conformsInListing(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	base := time.Now().UTC()
	var want []string
	for i := range 5 {
		event := alert(t, fmt.Sprint(i))
		event.Time = base.Add(time.Duration(i) * time.Second)
		publishTo(t, engine, event)
		want = append([]string{event.ID}, want...)
	}
	for limit, expected := range map[int][]string{0: {}, 2: want[:2], 10: want} {
		recent, _, err := engine.Events(t.Context(), framework.EventFilter{}, framework.Page{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, summaryIDs(recent)); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := engine.Event(t.Context(), "splunk-nosuchevent"); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("got %v", err)
	}
}

func conformsInDraining(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	begun := make(chan struct{}, 1)
	stuck := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return framework.Result{}, ctx.Err()
	}}
	runOn(t, engine, onAlert("ticket", stuck))
	event, waiting := alert(t, "first"), alert(t, "second")
	var sending sync.WaitGroup
	sending.Go(func() {
		if forgetful(engine) {
			send(t, engine, event) // and is told to come back
			return
		}
		if _, err := engine.Publish(t.Context(), event); err != nil {
			t.Error(err)
		}
	})
	<-begun
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Drain(now); err != nil {
		t.Fatal(err)
	}
	sending.Wait()
	if forgetful(engine) {
		send(t, engine, waiting)
	} else {
		publishTo(t, engine, waiting) // is stored for the next start
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, ticket := open(nil), &action{}
	runOn(t, next, onAlert("ticket", ticket))
	if forgetful(next) { // the senders repeat what they were told to
		publishTo(t, next, event, waiting)
	}
	for _, id := range []string{event.ID, waiting.ID} {
		if run := untilRun(t, next, id, framework.RunDone); run.Attempts != 1 {
			t.Errorf("an interrupted attempt counts: %+v", run)
		}
	}
}

func conformsInRefusing(t *testing.T, open func(func(*Options)) store) {
	t.Helper()
	engine := open(nil)
	for name, event := range map[string]framework.Event{
		"a type of another form": {ID: "splunk-abc", Type: "Splunk Alert", Data: framework.JSON("{}")},
		"an id of no source":     {ID: "abc", Type: "splunk.alert", Data: framework.JSON("{}")},
		"another source's id":    {ID: "jira-abc", Type: "splunk.alert", Data: framework.JSON("{}")},
	} {
		_, err := engine.Publish(t.Context(), event)
		if _, problem := errors.AsType[*framework.Problem](err); err == nil || problem {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := engine.Run([]Automation{{Name: "no action", On: "splunk.alert"}}); err == nil {
		t.Error("an automation without an action runs")
	}
}

// TestPatience is about time, which synctest makes pass at once.
func TestPatience(t *testing.T) {
	for name, test := range map[string]struct {
		patience patience
		failures int
		err      error
		calls    int
		took     time.Duration
	}{
		"succeeds at once":               {patience{time.Second, 100 * time.Millisecond}, 0, nil, 1, 0},
		"is repeated":                    {patience{time.Second, 100 * time.Millisecond}, 3, nil, 4, 300 * time.Millisecond},
		"is repeated until time is up":   {patience{time.Second, 700 * time.Millisecond}, 1000, errDown, 18, 12 * time.Second},
		"is not repeated without a time": {patience{}, 1000, errDown, 1, 0},
		"is not repeated when final":     {patience{time.Second, 100 * time.Millisecond}, -1, errMismatch, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
				defer cancel()
				start, calls := time.Now(), 0
				err := test.patience.do(ctx, func(context.Context) error {
					calls++
					switch {
					case test.failures < 0:
						return final{errMismatch}
					case calls <= test.failures:
						return errDown
					}
					return nil
				})
				if !errors.Is(err, test.err) || calls != test.calls || time.Since(start) != test.took {
					t.Errorf("%d calls in %s, error %v", calls, time.Since(start), err)
				}
			})
		})
	}
}

var errDown = errors.New("down")
