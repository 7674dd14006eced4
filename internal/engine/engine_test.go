package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"funnelweb/framework"
)

// deadline bounds how long a test waits for a condition; none depends on being faster.
const deadline = 30 * time.Second

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childURLs) != "":
		replicaUntilKilled()
	case os.Getenv(childDir) != "":
		publishUntilKilled()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		built.remove()
		os.Exit(code)
	}))
}

// open starts an engine in dir that is closed after the test. Retries are quick.
func open(tb testing.TB, dir string, change func(*Options)) *Engine {
	tb.Helper()
	opts := Options{
		Dir: dir, MaxStore: 256 << 20, Now: time.Now,
		Log:   slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
		Retry: Retry{First: 10 * time.Millisecond, Max: 40 * time.Millisecond},
	}
	if change != nil {
		change(&opts)
	}
	engine, err := Open(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeEngine(tb, engine) })
	return engine
}

func closeEngine(tb testing.TB, engine *Engine) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := engine.Close(ctx); err != nil {
		tb.Error(err)
	}
}

// action is a framework.Action made of a function that also records what the job's failures looked like.
type action struct {
	do func(context.Context, framework.Job) (framework.Result, error)

	mu       sync.Mutex
	jobs     []framework.Job
	failures []framework.Failure
}

func (a *action) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	a.mu.Lock()
	a.jobs = append(a.jobs, job)
	a.mu.Unlock()
	if a.do == nil {
		return framework.Result{Summary: "done"}, nil
	}
	return a.do(ctx, job)
}

func (a *action) Failed(_ context.Context, _ framework.Job, failure framework.Failure) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, failure)
	return nil
}

func (a *action) attempts() (numbers []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, job := range a.jobs {
		numbers = append(numbers, job.Attempt)
	}
	return numbers
}

func (a *action) shown() []framework.Failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]framework.Failure(nil), a.failures...)
}

// divided is an action with several jobs.
type divided struct {
	action

	names []string
}

func (d *divided) Jobs() []string { return d.names }

func alert(tb testing.TB, key string) framework.Event {
	tb.Helper()
	event, err := framework.NewEvent("splunk.alert", key, map[string]string{"search_name": "Malware found on host", "host": "WS-042"})
	if err != nil {
		tb.Fatal(err)
	}
	return event
}

func publish(tb testing.TB, engine *Engine, events ...framework.Event) []framework.Receipt {
	tb.Helper()
	receipts, err := engine.Publish(tb.Context(), events...)
	if err != nil {
		tb.Fatal(err)
	}
	return receipts
}

// until waits for a condition.
func until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	untilWithin(tb, deadline, what, holds)
}

func untilWithin(tb testing.TB, deadline time.Duration, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), deadline)
	defer cancel()
	for !holds() {
		pause(ctx, 2*time.Millisecond)
		if ctx.Err() != nil {
			tb.Fatalf("waited %s in vain until %s", deadline, what)
		}
	}
}

// runsOf returns an event's runs without their times.
func runsOf(tb testing.TB, engine *Engine, id string) []framework.Run {
	tb.Helper()
	status, err := engine.Event(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range status.Runs {
		status.Runs[i].ChangedAt, status.Runs[i].NextTry = time.Time{}, time.Time{}
	}
	return status.Runs
}

func untilState(tb testing.TB, engine *Engine, id string, want ...framework.RunState) {
	tb.Helper()
	until(tb, "the runs have their states", func() bool {
		var states []framework.RunState
		for _, run := range runsOf(tb, engine, id) {
			states = append(states, run.State)
		}
		return cmp.Equal(want, states)
	})
}

func TestAnEventReachesItsAutomationAndIsReported(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		return framework.Result{Summary: "created SEC-1", Link: "https://jira.lab.example/browse/SEC-1"}, nil
	}}
	if err := engine.Run([]Automation{{Name: "ticket-for-alert", On: "splunk.alert", Action: ticket}}); err != nil {
		t.Fatal(err)
	}
	event := alert(t, "first")
	event.RequestID = "req-1"
	if diff := cmp.Diff([]framework.Receipt{{ID: event.ID}}, publish(t, engine, event)); diff != "" {
		t.Error(diff)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	status, err := engine.Event(t.Context(), event.ID)
	if err != nil {
		t.Fatal(err)
	}
	if status.Event.Time.IsZero() || status.Event.Time.Location() != time.UTC || status.Event.RequestID != "req-1" {
		t.Errorf("stored event %+v", status.Event)
	}
	want := []framework.Run{{
		Automation: "ticket-for-alert", State: framework.RunDone, Attempts: 1,
		Result: "created SEC-1", Link: "https://jira.lab.example/browse/SEC-1",
	}}
	if diff := cmp.Diff(want, runsOf(t, engine, event.ID)); diff != "" {
		t.Error(diff)
	}
	if _, err := engine.Event(t.Context(), "splunk-nosuchevent"); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("unknown event gave %v", err)
	}
}
