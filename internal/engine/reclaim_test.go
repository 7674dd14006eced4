package engine

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestAWaitingEventDoesNotKeepFinishedOnesFromMakingRoom(t *testing.T) {
	engine := open(t, t.TempDir(), small)
	waits := alert(t, "waits")
	run(t, engine, onAlert("enrich", &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if job.Event.ID == waits.ID {
			return framework.Result{}, &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
		}
		return framework.Result{Summary: "done"}, nil
	}}))
	publish(t, engine, waits)
	until(t, "it waits", func() bool { return runsOf(t, engine, waits.ID)[0].Reason != "" })
	const events = 150 // more than twice of what fits
	for n := range events {
		event := large(t, strconv.Itoa(n))
		publish(t, engine, event)
		untilState(t, engine, event.ID, framework.RunDone)
	}
	if left := kept(t, engine, "waits"); len(left) != 1 {
		t.Error("the waiting event was given up for room")
	}
	if _, err := engine.Event(t.Context(), large(t, "0").ID); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("the oldest finished event is still there: %v", err)
	}
}

func TestReclaimPassesManyUnfinishedEventsInSteps(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	unfinished := map[string]bool{}
	for n := range 10 {
		unfinished[alert(t, strconv.Itoa(n)).ID] = n < 8
	}
	run(t, engine, onAlert("enrich", &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if unfinished[job.Event.ID] {
			return framework.Result{}, &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
		}
		return framework.Result{Summary: "done"}, nil
	}}))
	keys := make([]string, 10)
	for n := range keys {
		keys[n] = strconv.Itoa(n)
		event := alert(t, keys[n])
		publish(t, engine, event)
		until(t, "it was tried", func() bool {
			run := runsOf(t, engine, event.ID)[0]
			return run.Reason != "" || run.State == framework.RunDone
		})
	}
	stream, _ := engine.streams.known("splunk")
	var left []int
	for range 4 { // three steps of at most three, and one from the beginning again
		if err := engine.reclaim(t.Context(), "splunk", stream, 3); err != nil {
			t.Fatal(err)
		}
		left = append(left, len(kept(t, engine, keys...)))
	}
	if diff := cmp.Diff([]int{10, 10, 9, 8}, left); diff != "" {
		t.Error(diff)
	}
}

func TestReclaimLeavesWhatCameAfterTheQueuesWereAsked(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "first"), alert(t, "second"), alert(t, "third"))
	stream, _ := engine.streams.known("splunk")
	if err := engine.reclaimSingly(t.Context(), "splunk", stream, nil, bounds{last: 2, looked: 9, removed: 9}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"third"}, kept(t, engine, "first", "second", "third")); diff != "" {
		t.Error(diff)
	}
}

func TestAStoreThatDoesNotKnowWhatAQueueNeedsGivesNothingUp(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	publish(t, engine, alert(t, "first"))
	lost := []*queue{{engine: engine, name: "lost", source: "splunk", what: "alert"}}
	engine.queues.Store(&lost)
	full := func(context.Context) error { return errFull }
	if err := engine.makeRoom(t.Context(), full); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if left := kept(t, engine, "first"); len(left) != 1 {
		t.Error("it is gone")
	}
}
