package engine

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"funnelweb/framework"
)

// large is an event of about 16 KiB.
func large(tb testing.TB, key string) framework.Event {
	tb.Helper()
	event := alert(tb, key)
	event.Data = framework.JSON(`"` + strings.Repeat("x", 16<<10) + `"`)
	return event
}

func small(o *Options) { o.MaxStore = 1 << 20 }

// fill publishes until the store refuses and returns how many events it took, and the refusal.
func fill(t *testing.T, engine *Engine) (int, error) {
	t.Helper()
	for n := range 200 {
		if _, err := engine.Publish(t.Context(), large(t, strconv.Itoa(n))); err != nil {
			return n, err
		}
	}
	t.Fatal("a store of 1 MiB took 200 events of 16 KiB")
	return 0, nil
}

func TestAFullStoreRefusesEventsAndRecovers(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, small)
	down := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "down"}
	}}
	automations := []Automation{{Name: "ticket", On: "splunk.alert", Action: down}}
	if err := engine.Run(automations); err != nil {
		t.Fatal(err)
	}
	stored, refusal := fill(t, engine)
	problem, ok := errors.AsType[*framework.Problem](refusal)
	if !ok || problem.Status != http.StatusServiceUnavailable || problem.Header.Get("Retry-After") != "60" {
		t.Fatalf("a full store answers %v", refusal)
	}
	if stored < 40 {
		t.Errorf("only %d events of 16 KiB fit into 1 MiB", stored)
	}
	if _, ok := errors.AsType[*framework.ServiceError](engine.Ready(t.Context())); !ok {
		t.Error("a full store says that it is ready")
	}
	for n := range stored { // no unfinished event was given up for room
		if _, err := engine.Event(t.Context(), large(t, strconv.Itoa(n)).ID); err != nil {
			t.Errorf("event %d of %d: %v", n, stored, err)
		}
	}
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0); err != nil {
		t.Errorf("the ledger of a store that is full of events: %v", err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, func(o *Options) { o.MaxStore = 2 << 20 })
	publish(t, engine, large(t, "after more room was allowed"))
	if err := engine.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFinishedEventsMakeRoomForNewOnes(t *testing.T) {
	engine := open(t, t.TempDir(), small)
	if err := engine.Run([]Automation{{Name: "ticket", On: "splunk.alert", Action: &action{}}}); err != nil {
		t.Fatal(err)
	}
	const events = 150 // more than twice of what fits
	for n := range events {
		event := large(t, strconv.Itoa(n))
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDone)
	}
	if recent := eventsOf(t, engine, events); len(recent) < 30 || len(recent) == events {
		t.Errorf("%d events are left", len(recent))
	}
	if _, err := engine.Event(t.Context(), large(t, "0").ID); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("the oldest event is still there: %v", err)
	}
}

func TestADuplicateIsRecognisedInAFullStream(t *testing.T) {
	engine := open(t, t.TempDir(), small)
	if err := engine.Run([]Automation{{Name: "slow", On: "splunk.alert", Action: &action{
		do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
			<-ctx.Done()
			return framework.Result{}, ctx.Err()
		},
	}}}); err != nil {
		t.Fatal(err)
	}
	first := alert(t, "first")
	publish(t, engine, first)
	if stored, _ := fill(t, engine); stored == 0 {
		t.Fatal("nothing was stored")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that closing need not wait for the job
	defer func() { _ = engine.Close(ctx) }()
	receipts, err := engine.Publish(t.Context(), first)
	if err != nil || !receipts[0].Duplicate {
		t.Errorf("receipts %v, error %v", receipts, err)
	}
}

func TestAFullDiskRefusesEventsAndCostsNone(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "finished"))
	engine.space.free = func() (int64, error) { return diskReserve, nil }
	engine.space.left = 0
	for range 20 {
		if _, err := engine.Publish(t.Context(), alert(t, "new")); !errors.Is(err, errFull) {
			t.Fatalf("on a full disk: %v", err)
		}
		if engine.Ready(t.Context()) == nil {
			t.Fatal("it is ready on a full disk")
		}
	}
	if left := kept(t, engine, "finished"); len(left) != 1 {
		t.Error("an event was given up although that makes no room")
	}
	engine.space.free = func() (int64, error) { return 1 << 40, nil }
	publish(t, engine, alert(t, "new"))
}
