package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// killed returns a directory as a process that is killed now leaves it, with so many events given out by queue ticket; the
// store writes that down a moment later.
func killed(t *testing.T, dir string, pending int) string {
	t.Helper()
	var left string
	until(t, "the store has written down what is given out", func() bool {
		left = filepath.Join(t.TempDir(), "store")
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			return false // a file went away meanwhile
		}
		looking := open(t, left, nil)
		defer closeEngine(t, looking)
		return ticketQueue(t, looking).NumAckPending == pending
	})
	return left
}

// try is an attempt at a job.
type try struct {
	number int
	at     time.Time
}

// tries answers attempts by event and notes them.
type tries struct {
	answer map[string]func(context.Context) error // done without one

	mu   sync.Mutex
	made map[string][]try
}

func (t *tries) do(ctx context.Context, job framework.Job) (framework.Result, error) {
	t.mu.Lock()
	if t.made == nil {
		t.made = map[string][]try{}
	}
	t.made[job.Event.ID] = append(t.made[job.Event.ID], try{job.Attempt, time.Now()})
	t.mu.Unlock()
	if answer := t.answer[job.Event.ID]; answer != nil {
		return framework.Result{}, answer(ctx)
	}
	return framework.Result{Summary: "done"}, nil
}

func (t *tries) of(id string) []try {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]try(nil), t.made[id]...)
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// interrupt closes an engine whose jobs hang.
func interrupt(t *testing.T, engine *Engine) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Close(gone); err != nil {
		t.Error(err)
	}
}

func runOf(t *testing.T, engine *Engine, id string) framework.Run {
	t.Helper()
	status, err := engine.Event(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return status.Runs[0]
}

func ticketQueue(t *testing.T, engine *Engine) *jetstream.ConsumerInfo {
	t.Helper()
	stream, err := engine.streams.of(t.Context(), "splunk")
	if err != nil {
		t.Fatal(err)
	}
	queue, err := stream.Consumer(t.Context(), "ticket")
	if err != nil {
		t.Fatal(err)
	}
	return queue.CachedInfo()
}

func TestWhatAKilledProcessHadInHandGoesOnAtOnceAndWhatWaitsKeepsItsTime(t *testing.T) {
	dir := t.TempDir()
	slowly := func(o *Options) { o.Retry = Retry{First: 3 * time.Second, Max: 3 * time.Second} }
	inHand, soon, late, done := alert(t, "in hand"), alert(t, "soon"), alert(t, "late"), alert(t, "done")
	first := &tries{answer: map[string]func(context.Context) error{
		inHand.ID: hang,
		soon.ID:   func(context.Context) error { return errors.New("not now") },
		late.ID:   func(context.Context) error { return &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "quota"} },
	}}
	engine := open(t, dir, slowly)
	run(t, engine, onAlert("ticket", &action{do: first.do}))
	publish(t, engine, inHand, done, soon, late)
	untilState(t, engine, done.ID, framework.RunDone)
	until(t, "all were tried", func() bool {
		return len(first.of(inHand.ID)) == 1 && runOf(t, engine, soon.ID).State == framework.RunRetrying && !runOf(t, engine, late.ID).NextTry.IsZero()
	})
	left := killed(t, dir, 3)
	interrupt(t, engine)

	second := &tries{}
	engine = open(t, left, slowly)
	wantSoon, wantLate := runOf(t, engine, soon.ID), runOf(t, engine, late.ID)
	run(t, engine, onAlert("ticket", &action{do: second.do}))
	untilState(t, engine, inHand.ID, framework.RunDone)
	untilState(t, engine, soon.ID, framework.RunDone)
	if diff := cmp.Diff(2, runOf(t, engine, inHand.ID).Attempts); diff != "" {
		t.Errorf("attempts at what was in hand: %s", diff)
	}
	retried := second.of(soon.ID)
	if len(retried) != 1 || retried[0].number != wantSoon.Attempts+1 || retried[0].at.Before(wantSoon.NextTry) {
		t.Errorf("with the run %+v it was tried %v", wantSoon, retried)
	}
	if tried := second.of(late.ID); len(tried) > 0 {
		t.Errorf("what waits for an hour was tried %v", tried)
	}
	if diff := cmp.Diff(wantLate, runOf(t, engine, late.ID)); diff != "" {
		t.Errorf("the run of what waits for an hour: %s", diff)
	}
	if tried := second.of(done.ID); len(tried) > 0 {
		t.Errorf("what was done was tried %v", tried)
	}
	// What is done leaves the queue when that is safe.
	until(t, "the queue holds what waits for an hour alone", func() bool { return ticketQueue(t, engine).NumAckPending == 1 })
	if diff := cmp.Diff(defaultAckWait, ticketQueue(t, engine).Config.AckWait); diff != "" {
		t.Errorf("for how long it holds an event: %s", diff)
	}
}

func TestAnEventThatEndsTheProcessLeavesTheOthersTime(t *testing.T) {
	slowly := func(o *Options) { o.Retry = Retry{First: 2 * time.Second, Max: 2 * time.Second} }
	deadly, other := alert(t, "deadly"), alert(t, "other")
	dir := t.TempDir()
	for range 2 { // the second process goes on at once
		tried := &tries{answer: map[string]func(context.Context) error{deadly.ID: hang}}
		engine := open(t, dir, slowly)
		run(t, engine, onAlert("ticket", &action{do: tried.do}))
		publish(t, engine, deadly)
		until(t, "it is tried", func() bool { return len(tried.of(deadly.ID)) == 1 })
		dir = killed(t, dir, 1)
		interrupt(t, engine)
	}
	tried := &tries{}
	engine := open(t, dir, slowly)
	ended := runOf(t, engine, deadly.ID).ChangedAt
	run(t, engine, onAlert("ticket", &action{do: tried.do}))
	publish(t, engine, other)
	untilState(t, engine, deadly.ID, framework.RunDone)
	third := tried.of(deadly.ID)
	if len(third) != 1 || third[0].number != 3 || third[0].at.Before(ended.Add(2*time.Second)) {
		t.Errorf("after an attempt at %s it was tried %v", ended, third)
	}
	if before := tried.of(other.ID); len(before) != 1 || before[0].at.After(third[0].at) {
		t.Errorf("the other one was tried %v", before)
	}
}

func TestOnlyWhatAnEarlierProcessWroteIsInherited(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	run(t, engine, onAlert("ticket", &action{}))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	inherits := func() bool {
		stored, err := engine.runs.read(t.Context(), event.ID, "ticket")
		if err != nil {
			t.Fatal(err)
		}
		return engine.runs.inherits(stored)
	}
	if inherits() {
		t.Error("the process inherits what it wrote itself")
	}
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	if !inherits() {
		t.Error("the next one does not inherit it")
	}
	if engine.runs.inherits(&record{}) {
		t.Error("a record that nobody wrote is inherited")
	}
}
