package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// TestAClusterHandsOverEachEventOnceAlthoughALeaderDies renames an automation on a real cluster. Two replicas hand over what
// waits at the same time, as two operators who do not know of each other, and the server that leads the events is killed in
// the midst of it.
func TestAClusterHandsOverEachEventOnceAlthoughALeaderDies(t *testing.T) {
	t.Parallel()
	const events = 40
	cluster := startNATS(t, 3, "")
	before := cluster.join(t, func(o *Options) { o.Retry.First, o.Retry.Max = time.Hour, time.Hour })
	run(t, before, onAlert("old", &action{do: func(context.Context, framework.Job) (framework.Result, error) { return framework.Result{}, down() }}))
	want := map[string]int{}
	var ids []string
	for i := range events {
		event := alert(t, fmt.Sprint("waits", i))
		ids = append(ids, event.ID)
		want[event.ID] = 1
		publish(t, before, event)
	}
	for _, id := range ids {
		until(t, "it waits", func() bool {
			return len(runsOf(t, before, id)) == 1 && runOf(t, before, id).State != framework.RunRunning
		})
	}
	from, to := framework.QueueName{Name: "old"}, framework.QueueName{Name: "new"}

	renamed := &counted{effects: map[string]int{}}
	var ahead atomic.Int64
	later := func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } }
	replicas := []*Engine{cluster.join(t, later), cluster.join(t, later)}
	for _, replica := range replicas { // they have the new configuration, another one does not yet
		run(t, replica, onAlert("new", renamed))
	}
	_, err := replicas[0].HandOver(t.Context(), framework.Act{}, from, to)
	if problem, ok := errors.AsType[*framework.Problem](err); !ok || problem.Status != http.StatusConflict {
		t.Errorf("while another replica works on it: %v", err)
	}
	closeEngine(t, before)
	ahead.Store(int64(2 * inUseFor))
	untilCurrent(t, replicas[0])
	leader := leaderOf(t, cluster, replicas[0])
	var all sync.WaitGroup
	given := make([]int, len(replicas))
	for i, replica := range replicas {
		all.Go(func() { given[i] = handOverAll(t, replica, from, to) })
	}
	leader.kill(t)
	all.Wait()
	untilWithin(t, clusterDeadline, "all are done by the new one", func() bool { return len(renamed.count()) == events })
	untilWithin(t, clusterDeadline, "nothing is left", func() bool {
		queues, err := replicas[1].Queues(t.Context())
		return err == nil && len(queues) == 1 && queues[0].Name == "new" && queues[0].Waiting == 0
	})
	if diff := cmp.Diff(want, renamed.count()); diff != "" {
		t.Errorf("what was done: %s", diff)
	}
	for _, id := range ids {
		runs := map[string]string{}
		for _, run := range runsOf(t, replicas[0], id) {
			runs[run.Automation] = string(run.State) + " " + run.Result
		}
		if diff := cmp.Diff(map[string]string{"new": "done done", "old": "skipped handed over to new"}, runs); diff != "" {
			t.Errorf("the runs of %s: %s", id, diff)
		}
	}
	t.Logf("the replicas gave %v of %d", given, events)
}

// handOverAll calls until nothing is left, as an operator does who is told to repeat.
func handOverAll(t *testing.T, replica *Engine, from, to framework.QueueName) (given int) {
	t.Helper()
	end := time.Now().Add(clusterDeadline)
	for {
		batch, err := replica.HandOver(t.Context(), framework.Act{Caller: "token:on-call"}, from, to)
		given += batch.Count
		switch {
		case errors.Is(err, framework.ErrNoEvent), err == nil && batch.Next == "":
			return given
		case time.Now().After(end):
			t.Errorf("the events are not handed over: %v", err)
			return given
		}
	}
}
