package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestReplicasShareEventsQueuesAndDeadLetters(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	one, two := cluster.join(t, nil), cluster.join(t, nil)
	ticket := &action{}
	run(t, two, onAlert("ticket", ticket))

	event := alert(t, "first")
	if diff := cmp.Diff([]framework.Receipt{{ID: event.ID}}, publish(t, one, event)); diff != "" {
		t.Error(diff)
	}
	again := publish(t, two, event)
	if diff := cmp.Diff([]framework.Receipt{{ID: event.ID, Duplicate: true}}, again); diff != "" {
		t.Error(diff)
	}
	untilState(t, two, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{1}, ticket.attempts()); diff != "" {
		t.Error(diff)
	}
	if recent := eventsOf(t, one, 10); len(recent) != 1 {
		t.Errorf("recent %v", recent)
	}
	for _, engine := range []*Engine{one, two} {
		if err := engine.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestAReplicaFindsWhatAnotherBegan(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	one, two := cluster.join(t, nil), cluster.join(t, nil)
	event := alert(t, "first")
	publish(t, one, event) // makes a stream that two has never seen
	if _, err := two.Event(t.Context(), event.ID); err != nil {
		t.Error(err)
	}
	if _, err := one.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Ledger().Put(t.Context(), "ticket.abc", []byte("mine"), 0); !errors.Is(err, framework.ErrConflict) {
		t.Errorf("two replicas have one intent: %v", err)
	}
	if value, _, err := two.Ledger().Get(t.Context(), "ticket.abc"); string(value) != "intent" || err != nil {
		t.Errorf("read %q, error %v", value, err)
	}
}

func TestOneOfManyReplicasGetsALetter(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	replicas := []*Engine{cluster.join(t, nil), cluster.join(t, nil), cluster.join(t, nil)}
	ticket := failing(1, forbidden)
	for _, replica := range replicas {
		run(t, replica, onAlert("ticket", ticket))
	}
	event := alert(t, "first")
	publish(t, replicas[0], event)
	untilState(t, replicas[0], event.ID, framework.RunDead)
	id := lettersOf(t, replicas[1])[0].ID

	var replayed, dropped atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for n := range 12 {
		all.Go(func() {
			<-start
			act, count := replicas[n%3].replay, &replayed
			if n%2 == 0 {
				act, count = replicas[n%3].drop, &dropped
			}
			if wins(t, act, id) {
				count.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	if replayed.Load()+dropped.Load() != 1 {
		t.Errorf("%d replays and %d drops succeeded", replayed.Load(), dropped.Load())
	}
	if replayed.Load() == 1 {
		untilState(t, replicas[2], event.ID, framework.RunDone)
	}
	for _, replica := range replicas {
		closeEngine(t, replica)
	}
	if diff := cmp.Diff(1+int(replayed.Load()), len(ticket.attempts())); diff != "" {
		t.Errorf("attempts: %s", diff)
	}
}

// wins acts on a letter and reports whether this call did it.
func wins(t *testing.T, act func(context.Context, string) error, id string) bool {
	t.Helper()
	err := act(t.Context(), id)
	problem, taken := errors.AsType[*framework.Problem](err)
	switch {
	case err == nil:
		return true
	case errors.Is(err, framework.ErrNoEvent), taken && problem.Status == 409:
	default:
		t.Error(err)
	}
	return false
}

func TestAQuotaHoldsAcrossReplicas(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	var granted atomic.Int32
	var all sync.WaitGroup
	for range 3 {
		quota := cluster.join(t, nil).Quota()
		for range 4 {
			all.Go(func() {
				for range 10 {
					err := quota.Take(t.Context(), "virustotal", perDay(30))
					if _, wait := errors.AsType[*framework.Wait](err); err != nil && !wait {
						t.Error(err)
					} else if err == nil {
						granted.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if granted.Load() != 30 {
		t.Errorf("%d granted of 30", granted.Load())
	}
}

func TestEnginesWithOtherPrefixesDoNotMeet(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 1, "")
	named := func(prefix string) *Engine {
		return cluster.join(t, func(o *Options) { o.Cluster.Prefix = prefix })
	}
	one, two := named("soc"), named("soc-2")
	event := alert(t, "first")
	publish(t, one, event)
	if receipts := publish(t, two, event); receipts[0].Duplicate {
		t.Error("an event of another engine counts as a duplicate")
	}
	if _, err := one.Ledger().Put(t.Context(), "ticket.abc", []byte("intent"), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := two.Ledger().Get(t.Context(), "ticket.abc"); !errors.Is(err, framework.ErrNotRecorded) {
		t.Errorf("got %v", err)
	}
}

func TestAReplicaStartsAndWorksWithOneServerDown(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	sources := func(o *Options) { o.Sources = []string{"splunk"} }
	before := cluster.join(t, sources)
	untilCurrent(t, before)
	cluster.servers[0].kill(t)
	replica := cluster.join(t, sources)
	ticket := &action{}
	run(t, replica, onAlert("ticket", ticket))
	event := alert(t, "first")
	publish(t, replica, event)
	untilState(t, replica, event.ID, framework.RunDone)
}

// TestWhatComesRightAfterAQueueIsMadeReachesIt is about queues that several replicas make at once: their consumer must not
// begin behind what is stored while it gets its leader.
func TestWhatComesRightAfterAQueueIsMadeReachesIt(t *testing.T) {
	t.Parallel()
	cluster := startNATS(t, 3, "")
	for round := range 6 {
		var replicas []*Engine
		for range 3 {
			replicas = append(replicas, cluster.join(t, func(o *Options) { o.Cluster.Prefix = fmt.Sprint("round", round) }))
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		var published []string
		for n, replica := range replicas {
			all.Go(func() {
				if err := replica.Run([]Automation{onAlert("ticket", &action{})}); err != nil {
					t.Error(err)
					return
				}
				for i := range 5 {
					event := alert(t, fmt.Sprint(n, i))
					if _, err := replica.Publish(t.Context(), event); err != nil {
						t.Error(err)
					}
					mu.Lock()
					published = append(published, event.ID)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for _, id := range published {
			untilState(t, replicas[0], id, framework.RunDone)
		}
		for _, replica := range replicas {
			closeEngine(t, replica)
		}
	}
}
