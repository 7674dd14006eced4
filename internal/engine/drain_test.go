package engine

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// slow is an action that tells when it begins and ends when it is let or interrupted.
func slow(begun chan<- struct{}, release <-chan struct{}) *action {
	return &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		begun <- struct{}{}
		select {
		case <-release:
			return framework.Result{Summary: "done"}, nil
		case <-ctx.Done():
			return framework.Result{}, ctx.Err()
		}
	}}
}

func TestADrainingEngineStillTakesWhatItsLastJobsCause(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	ticket := slow(begun, release)
	run(t, engine, onAlert("ticket", ticket))
	event, caused := alert(t, "first"), alert(t, "the webhook of the ticket that the job creates")
	publish(t, engine, event)
	<-begun
	drained := make(chan error)
	go func() { drained <- engine.Drain(context.Background()) }()
	<-engine.draining
	if n := engine.UnderWay(); n != 1 {
		t.Errorf("%d jobs are under way, want 1", n)
	}
	if receipts := publish(t, engine, caused); receipts[0].Duplicate {
		t.Error("an event that was never stored is a duplicate")
	}
	close(release)
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if n := engine.UnderWay(); n != 0 {
		t.Errorf("%d jobs are under way after draining", n)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", []byte("done"), 0); err != nil {
		t.Error(err)
	}
	publish(t, engine, alert(t, "after the last job"))
	if err := engine.Run(nil); err == nil {
		t.Error("a drained engine runs automations")
	}
	if n := len(ticket.attempts()); n != 1 {
		t.Errorf("%d jobs were begun", n)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine, onAlert("ticket", &action{}))
	untilState(t, engine, caused.ID, framework.RunDone)
}

func TestDrainInterruptsJobsWhenItsTimeIsOver(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	begun := make(chan struct{}, 1)
	run(t, engine, onAlert("ticket", slow(begun, nil)))
	event := alert(t, "first")
	publish(t, engine, event)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	want := []framework.Run{{Automation: "ticket", State: framework.RunWaiting}} // no attempt is counted
	if diff := cmp.Diff(want, runsOf(t, engine, event.ID)); diff != "" {
		t.Error(diff)
	}
	publish(t, engine, alert(t, "second"))
	if err := engine.Drain(t.Context()); err != nil { // again is fine
		t.Error(err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine, onAlert("ticket", &action{}))
	untilState(t, engine, event.ID, framework.RunDone)
}

func TestDrainAndCloseAtOnceWaitForEachOther(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	ticket := slow(begun, release)
	run(t, engine, onAlert("ticket", ticket))
	publish(t, engine, alert(t, "first"))
	<-begun
	results := make(chan error, 4)
	for range 2 {
		go func() { results <- engine.Drain(context.Background()) }()
		go func() { results <- engine.Close(context.Background()) }()
	}
	<-engine.draining
	select {
	case err := <-results:
		t.Fatalf("one returned while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond): // a wrong one is seen here, a right one never fails
	}
	close(release)
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(0, len(ticket.shown())); diff != "" {
		t.Error(diff)
	}
}

func TestAnEngineThatRanNothingIsDrainedAtOnce(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	if err := engine.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	publish(t, engine, alert(t, "first"))
}
