package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// observed records what an engine tells.
type observed struct {
	mu  sync.Mutex
	all []string
}

func (o *observed) add(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, text)
}

func (o *observed) seen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.all...)
}

func (o *observed) Stored(source string, duplicate bool) {
	o.add(map[bool]string{false: "stored ", true: "again "}[duplicate] + source)
}

func (o *observed) Settled(automation, job string, state framework.RunState) {
	o.add(automation + "/" + job + " " + string(state))
}

type observedKey struct{}

func (o *observed) Attempt(ctx context.Context, job framework.Job) (context.Context, func(framework.Result, error)) {
	o.add("attempt on " + job.Event.Trace)
	return context.WithValue(ctx, observedKey{}, "seen"), func(result framework.Result, err error) {
		if err != nil {
			o.add("failed: " + framework.Reason(err))
			return
		}
		o.add("succeeded: " + result.Summary)
	}
}

func TestTheObserverIsToldWhatHappens(t *testing.T) {
	told := new(observed)
	engine := open(t, t.TempDir(), func(o *Options) { o.Observer = told })
	tries := 0
	run(t, engine, onAlert("ticket", &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		tries++
		switch {
		case ctx.Value(observedKey{}) != "seen":
			t.Error("the action was not given the observer's context")
		case tries == 1:
			panic("canary")
		case tries == 2:
			return framework.Result{}, &framework.Wait{Until: time.Now(), Reason: "quota"}
		}
		return framework.Result{Summary: "SEC-1"}, nil
	}}))
	event := alert(t, "first")
	if _, err := engine.Publish(framework.WithTrace(t.Context(), "00-trace"), event); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	until(t, "the end of the job is told", func() bool { return len(told.seen()) == 10 })
	publish(t, engine, event)
	want := []string{
		"attempt on 00-trace", "failed: " + framework.Reason(errors.New("anything")), "ticket/ retrying",
		"attempt on 00-trace", "failed: quota", "ticket/ waiting",
		"attempt on 00-trace", "succeeded: SEC-1", "ticket/ done",
	}
	got := told.seen()
	stored := slices.Index(got, "stored splunk") // a job may begin before the sender is answered
	if stored < 0 || got[10] != "again splunk" {
		t.Fatalf("what was stored is not told: %v", got)
	}
	got = slices.Delete(got[:10], stored, stored+1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatsTellWhatWaitsAndForHowLong(t *testing.T) {
	ahead := 2 * time.Hour
	engine := open(t, t.TempDir(), func(o *Options) {
		o.Now = func() time.Time { return time.Now().Add(ahead) } // as the store dates events by its own clock
	})
	hold := make(chan struct{})
	waits := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return framework.Result{}, ctx.Err()
	}}
	run(t, engine, onAlert("slow", waits), onAlert("quick", new(action)), Automation{Name: "other", On: "jira.issue_created", Action: new(action)})
	for _, key := range []string{"first", "second"} {
		publish(t, engine, alert(t, key))
	}
	stats := func() Stats {
		got, err := engine.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	until(t, "the quick automation is done", func() bool { return stats().Queues[1].Waiting == 0 })
	got := stats()
	if oldest := got.Queues[0].Oldest; oldest < ahead || oldest > ahead+deadline {
		t.Errorf("the oldest waits for %s", oldest)
	}
	got.Queues[0].Oldest = 0
	want := []QueueStats{{Automation: "slow", Waiting: 2}, {Automation: "quick"}, {Automation: "other"}}
	if diff := cmp.Diff(want, got.Queues); diff != "" {
		t.Error(diff)
	}
	if got.StoreBytes == 0 || got.StoreLimit <= 0 || got.DeadLetters != 0 {
		t.Errorf("%+v", got)
	}
	close(hold)
	until(t, "nothing waits any more", func() bool { return stats().Queues[0] == QueueStats{Automation: "slow"} })
}

func TestStatsCountDeadLetters(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	refused := failing(9, func() error {
		return &framework.ServiceError{Service: "jira", Op: "create", Reason: "no such project", Permanent: true}
	})
	run(t, engine, onAlert("ticket", refused))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	if got, err := engine.Stats(t.Context()); err != nil || got.DeadLetters != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
