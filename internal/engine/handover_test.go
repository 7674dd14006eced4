package engine

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"funnelweb/framework"
)

func TestWhatFillsTheStoreIsHandedOverInTheRoomThatThereIs(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) {
		small(o)
		o.Retry.First, o.Retry.Max = time.Hour, time.Hour
	})
	run(t, engine, onAlert("old", &action{do: func(context.Context, framework.Job) (framework.Result, error) { return framework.Result{}, down() }}))
	stored, _ := fill(t, engine)
	closeEngine(t, engine)
	from, to := framework.QueueName{Name: "old"}, framework.QueueName{Name: "new"}

	engine = open(t, dir, small)
	run(t, engine, onAlert("new", &action{}))
	_, err := engine.HandOver(t.Context(), framework.Act{}, from, to)
	problem, ok := errors.AsType[*framework.Problem](err)
	if !ok || problem.Status != http.StatusServiceUnavailable || !strings.Contains(problem.Detail, "allow the store more, or drop the events") {
		t.Errorf("without any room: %v", err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, func(o *Options) { o.MaxStore = 5 << 18 }) // a quarter more
	heir := &counted{effects: map[string]int{}}
	run(t, engine, onAlert("new", heir))
	given, calls := 0, 0
	for {
		batch, err := engine.HandOver(t.Context(), framework.Act{}, from, to)
		if err != nil {
			t.Fatalf("after %d of %d: %v", given, stored, err)
		}
		given, calls = given+batch.Count, calls+1
		if batch.Next == "" {
			break
		}
		until(t, "what was given is done", func() bool { return len(heir.count()) == given })
	}
	if given != stored || calls < 2 {
		t.Errorf("%d of %d were given in %d calls", given, stored, calls)
	}
	until(t, "all are done", func() bool { return len(heir.count()) == stored })
	for n := range stored {
		if made := heir.count()[large(t, strconv.Itoa(n)).ID]; made != 1 {
			t.Errorf("event %d was done %d times", n, made)
		}
	}
}
