package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// queuesOf returns the queues without the times of their events.
func queuesOf(t *testing.T, engine *Engine) []framework.Queue {
	t.Helper()
	queues, err := engine.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range queues {
		if (queues[i].Waiting > 0) == queues[i].Oldest.IsZero() {
			t.Errorf("queue %+v", queues[i])
		}
		queues[i].Oldest = time.Time{}
	}
	return queues
}

var withoutTimes = cmpopts.IgnoreFields(framework.Queue{}, "LeftAt")

// leave makes a store in which alerts wait, those whose key begins with w, for an automation that is then removed.
func leave(t *testing.T, dir string, keys ...string) {
	t.Helper()
	engine := open(t, dir, func(o *Options) { o.Retry.First, o.Retry.Max = time.Hour, time.Hour })
	jobs := map[string]func(context.Context) error{}
	for _, key := range keys {
		if strings.HasPrefix(key, "w") {
			jobs[key] = func(context.Context) error { return down() }
		}
	}
	run(t, engine, onAlert("old", byKey(t, jobs)))
	for _, key := range keys {
		publish(t, engine, alert(t, key))
		state := framework.RunDone
		if jobs[key] != nil {
			state = framework.RunRetrying
		}
		untilState(t, engine, alert(t, key).ID, state)
	}
	closeEngine(t, engine)
}

func TestWhatWaitsForARemovedAutomationIsToldOfAndNothingIsAdded(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0", "done", "w1")
	var log lockedBuffer
	engine := open(t, dir, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	if err := engine.Left(t.Context()); err != nil {
		t.Errorf("before it is known what is configured: %v", err)
	}
	if queues := queuesOf(t, engine); len(queues) != 0 {
		t.Errorf("before it is known what is configured: %v", queues)
	}
	run(t, engine, onAlert("new", &action{}))
	if !strings.Contains(log.String(), `"automation":"old"`) || !strings.Contains(log.String(), `"events":2`) {
		t.Errorf("the log does not tell:\n%s", log.String())
	}
	later := alert(t, "later")
	publish(t, engine, later)
	untilState(t, engine, later.ID, framework.RunDone)
	want := []framework.Queue{
		{Name: "new", Source: "splunk", Type: "splunk.alert", Configured: true},
		{Name: "old", Source: "splunk", Type: "splunk.alert", Waiting: 2},
	}
	until(t, "the new queue is empty", func() bool { return queuesOf(t, engine)[0].Waiting == 0 })
	if diff := cmp.Diff(want, queuesOf(t, engine), withoutTimes); diff != "" {
		t.Error(diff)
	}
	left, ok := errors.AsType[*framework.ServiceError](engine.Left(t.Context()))
	if !ok || left.Reason != "2 events wait for automations that the configuration does not have (old): see funnelweb queues" {
		t.Errorf("got %v", left)
	}
	stats, err := engine.Stats(t.Context())
	if diff := cmp.Diff(want[1:], stats.Left, withoutTimes, cmpopts.IgnoreFields(framework.Queue{}, "Oldest")); diff != "" || err != nil {
		t.Errorf("for the metrics: %s, error %v", diff, err)
	}
	closeEngine(t, engine)

	// Another restart does not move the mark.
	engine = open(t, dir, nil)
	run(t, engine)
	publish(t, engine, alert(t, "much later"))
	if diff := cmp.Diff([]framework.Queue{{Name: "old", Source: "splunk", Type: "splunk.alert", Waiting: 2}}, queuesOf(t, engine), withoutTimes); diff != "" {
		t.Error(diff)
	}
	// An event says that it waits for the automation that is gone; a later one does not.
	untilState(t, engine, alert(t, "w0").ID, framework.RunRetrying)
	if runs := runsOf(t, engine, alert(t, "much later").ID); len(runs) != 0 {
		t.Errorf("runs of a later event: %v", runs)
	}
}

func TestAnAutomationThatComesBackGoesOnWithWhatWaitedAndIsNotGivenWhatCameMeanwhile(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0", "w1")
	engine := open(t, dir, nil)
	run(t, engine)
	publish(t, engine, alert(t, "meanwhile"), alert(t, "meanwhile too"))
	closeEngine(t, engine)

	for n := range 2 { // a restart changes nothing
		engine = open(t, dir, nil)
		again := &action{}
		run(t, engine, onAlert("old", again))
		fresh := alert(t, fmt.Sprint("fresh", n))
		publish(t, engine, fresh)
		untilState(t, engine, fresh.ID, framework.RunDone)
		// What is in retry for an hour is delivered at its time; what came meanwhile is let go of at once.
		until(t, "only what waited is left", func() bool { return queuesOf(t, engine)[0].Waiting == 2 })
		if runs := runsOf(t, engine, alert(t, "meanwhile").ID); len(runs) != 0 {
			t.Errorf("runs of what came meanwhile: %v", runs)
		}
		if err := engine.Left(t.Context()); err != nil {
			t.Error(err)
		}
		closeEngine(t, engine)
		for _, job := range again.jobs {
			if job.Event.ID != fresh.ID {
				t.Errorf("it ran for %s", job.Event.ID)
			}
		}
	}
}

func TestWhatWaitsIsHandedOverOnceHoweverOftenItIsCutShort(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0", "done", "w1", "w2")
	engine := open(t, dir, nil)
	heir, other := &action{}, &action{}
	run(t, engine, onAlert("new", heir), onAlert("other", other))
	native := alert(t, "native")
	publish(t, engine, native)
	untilState(t, engine, native.ID, framework.RunDone, framework.RunDone)
	old, to := framework.QueueName{Name: "old"}, framework.QueueName{Name: "new", Source: "splunk"}

	// What a call does before a crash: it gives an event, and nothing more.
	from, err := engine.leftQueue(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	s := &settling{engine: engine, from: from, to: engine.configured()[0], fate: "new"}
	if err := errors.Join(s.decide(t.Context()), s.gather(t.Context())); err != nil || len(s.batch) != 3 || !s.ended {
		t.Fatalf("%d gathered, error %v", len(s.batch), err)
	}
	if err := s.giveOne(t.Context(), s.batch[0]); err != nil {
		t.Fatal(err)
	}
	// Another one gives all, and ends before it can say so.
	if given, err := s.give(t.Context()); err != nil || given != 2 {
		t.Fatalf("%d given, error %v", given, err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine, onAlert("new", heir), onAlert("other", other))
	act := framework.Act{Caller: "token:on-call", Reason: "it was renamed"}
	batch, err := engine.HandOver(t.Context(), act, old, to)
	if err != nil || batch.Count != 0 || batch.Next != "" {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	handed := framework.Run{Automation: "old", State: framework.RunSkipped, Attempts: 1, Result: "handed over to new"}
	for _, key := range []string{"w0", "w1", "w2"} {
		done := framework.Run{Automation: "new", State: framework.RunDone, Attempts: 1, Result: "done"}
		until(t, "it is done", func() bool { return cmp.Equal([]framework.Run{done, handed}, runsOf(t, engine, alert(t, key).ID)) })
	}
	if _, err := engine.HandOver(t.Context(), act, old, to); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("once more: %v", err)
	}
	entries := auditOf(t, engine)
	if len(entries) != 1 || entries[0].Act != framework.AuditHandOver || entries[0].Queue != "old" || entries[0].To != "new" || entries[0].Outcome != framework.AuditDone {
		t.Errorf("audit %+v", entries)
	}
	closeEngine(t, engine)
	got := map[string]int{}
	for _, job := range heir.jobs {
		got[job.Event.ID]++
	}
	want := map[string]int{native.ID: 1, alert(t, "w0").ID: 1, alert(t, "w1").ID: 1, alert(t, "w2").ID: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs of the heir: %s", diff)
	}
	if len(other.jobs) != 1 {
		t.Errorf("%d runs of another automation", len(other.jobs))
	}
}

func TestAnEventThatTheOtherAutomationHasByItselfIsNotGivenToItAgain(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) { o.Retry.First, o.Retry.Max = time.Hour, time.Hour })
	both := &action{}
	run(t, engine, onAlert("old", failing(1000, down)), onAlert("both", both))
	publish(t, engine, alert(t, "first"))
	untilState(t, engine, alert(t, "first").ID, framework.RunRetrying, framework.RunDone)
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	run(t, engine, onAlert("both", both))
	batch, err := engine.HandOver(t.Context(), framework.Act{}, framework.QueueName{Name: "old"}, framework.QueueName{Name: "both"})
	if err != nil || batch.Count != 0 || batch.Next != "" {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	if queues := queuesOf(t, engine); len(queues) != 1 {
		t.Errorf("queues %+v", queues)
	}
	closeEngine(t, engine)
	if len(both.jobs) != 1 {
		t.Errorf("it ran %d times", len(both.jobs))
	}
}

func TestWhatWaitsIsDroppedInBatchesAndItsRunsSayWhy(t *testing.T) {
	dir := t.TempDir()
	unsynced := func(o *Options) { o.syncStore = func() error { return nil } }
	engine := open(t, dir, unsynced)
	const events = 1200
	run(t, engine, onAlert("old", failing(1_000_000, func() error {
		return &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
	})))
	var batch []framework.Event
	for n := range events {
		batch = append(batch, alert(t, fmt.Sprint(n)))
	}
	publish(t, engine, batch...)
	closeEngine(t, engine)

	engine = open(t, dir, unsynced)
	run(t, engine, onAlert("new", &action{}))
	var counts []int
	for waiting := events; ; {
		dropped, err := engine.DropQueue(t.Context(), framework.Act{Reason: "a test"}, framework.QueueName{Name: "old"})
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, dropped.Count)
		waiting -= dropped.Count
		if dropped.Next == "" {
			break
		}
		if queues := queuesOf(t, engine); len(queues) != 2 || queues[1].Waiting != uint64(waiting) {
			t.Errorf("queues %+v, want %d", queues, waiting)
		}
	}
	if diff := cmp.Diff([]int{500, 500, 200}, counts); diff != "" {
		t.Error(diff)
	}
	if queues := queuesOf(t, engine); len(queues) != 1 {
		t.Errorf("queues left: %+v", queues)
	}
	want := []framework.Run{{Automation: "old", State: framework.RunSkipped, Result: "dropped by an operator"}}
	for _, n := range []int{0, 700, 1199} {
		if diff := cmp.Diff(want, runsOf(t, engine, batch[n].ID)); diff != "" {
			t.Error(diff)
		}
	}
	closeEngine(t, engine)

	// The automation is a new one when it comes back.
	engine = open(t, dir, unsynced)
	again := &action{}
	run(t, engine, onAlert("old", again))
	fresh := alert(t, "fresh")
	publish(t, engine, fresh)
	untilState(t, engine, fresh.ID, framework.RunDone)
	if len(again.attempts()) != 1 {
		t.Errorf("%d runs", len(again.attempts()))
	}
}

// sameRefusal holds what a check says of an act against what the act says.
func sameRefusal(t *testing.T, checked, acted error) error {
	t.Helper()
	if diff := cmp.Diff(fmt.Sprint(acted), fmt.Sprint(checked)); diff != "" {
		t.Errorf("the check says something else: %s", diff)
	}
	return acted
}

func TestACheckTellsWhatWaitsAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0", "done", "w1")
	engine := open(t, dir, nil)
	run(t, engine, onAlert("new", &action{}))
	want := framework.Queue{Name: "old", Source: "splunk", Type: "splunk.alert", Waiting: 2}
	for _, to := range []string{"", "new", ""} { // a check is no decision
		got, err := engine.CheckQueue(t.Context(), framework.QueueName{Name: "old"}, framework.QueueName{Name: to})
		if diff := cmp.Diff(want, got, withoutTimes, cmpopts.IgnoreFields(framework.Queue{}, "Oldest")); diff != "" || err != nil || got.Oldest.IsZero() || got.LeftAt.IsZero() {
			t.Errorf("%+v, error %v: %s", got, err, diff)
		}
	}
	if entries := auditOf(t, engine); len(entries) != 0 {
		t.Errorf("audit %+v", entries)
	}
	if batch, err := engine.HandOver(t.Context(), framework.Act{}, framework.QueueName{Name: "old"}, framework.QueueName{Name: "new"}); err != nil || batch.Count != 2 {
		t.Errorf("batch %+v, error %v", batch, err)
	}
	entries := auditOf(t, engine)
	if len(entries) != 1 || entries[0].Meant != 2 || entries[0].Count != 2 || entries[0].Outcome != framework.AuditDone {
		t.Errorf("audit %+v", entries)
	}
}

func TestActsOnQueuesThatCannotBeMeantAreRefused(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0")
	engine := open(t, dir, nil)
	if _, err := engine.DropQueue(t.Context(), framework.Act{}, framework.QueueName{Name: "old"}); err == nil {
		t.Error("dropped before it is known what is configured")
	}
	run(t, engine, onAlert("new", &action{}), Automation{Name: "issues", On: "jira.issue_created", Action: &action{}})
	name := func(name string) framework.QueueName { return framework.QueueName{Name: name} }
	hand := func(from, to framework.QueueName) error {
		_, checked := engine.CheckQueue(t.Context(), from, to)
		_, err := engine.HandOver(t.Context(), framework.Act{}, from, to)
		return sameRefusal(t, checked, err)
	}
	drop := func(name framework.QueueName) error {
		_, checked := engine.CheckQueue(t.Context(), name, framework.QueueName{})
		_, err := engine.DropQueue(t.Context(), framework.Act{}, name)
		return sameRefusal(t, checked, err)
	}
	for what, err := range map[string]error{
		"an unknown queue":             drop(name("nosuch")),
		"a queue of another source":    drop(framework.QueueName{Name: "old", Source: "jira"}),
		"to hand over an unknown one":  hand(name("nosuch"), name("new")),
		"a pattern":                    drop(name(">")),
		"nothing":                      drop(name("")),
		"a name as the store knows it": drop(name("old=")),
	} {
		if !errors.Is(err, framework.ErrNoEvent) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"a configured one":              {drop(name("new")), "The configuration has this automation"},
		"to hand over a configured one": {hand(name("new"), name("new")), "The configuration has this automation"},
		"to one that is not configured": {hand(name("old"), name("old")), "no queue of this name to give the events to"},
		"to one of other events":        {hand(name("old"), name("issues")), "issues takes events of jira.issue_created, and these are of splunk.alert."},
		"to one of an unknown source":   {hand(name("old"), framework.QueueName{Name: "new", Source: "jira"}), "no queue of this name"},
		"something else that was begun": {begunOtherwise(t, engine), "handing them over to new. Go on with that."},
	} {
		problem, ok := errors.AsType[*framework.Problem](c.err)
		if !ok || problem.Status != http.StatusConflict || !strings.Contains(problem.Detail, c.want) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	if entries := auditOf(t, engine); len(entries) != 0 {
		t.Errorf("audit %+v", entries)
	}
	if queues := queuesOf(t, engine); queues[len(queues)-1].Waiting != 1 {
		t.Errorf("queues %+v", queues)
	}
}

// begunOtherwise begins to hand over, and then drops.
func begunOtherwise(t *testing.T, engine *Engine) error {
	t.Helper()
	from, err := engine.leftQueue(t.Context(), framework.QueueName{Name: "old"})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&settling{engine: engine, from: from, fate: "new"}).decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = engine.DropQueue(t.Context(), framework.Act{}, framework.QueueName{Name: "old"})
	return err
}

func TestAnAutomationOnOtherEventsIsANewOneAndNothingIsLostOrReplayedByThat(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "w0")
	finding := func(key string) framework.Event {
		event, err := framework.NewEvent("splunk.finding", key, "x")
		if err != nil {
			t.Fatal(err)
		}
		return event
	}
	engine := open(t, dir, nil)
	err := engine.Run([]Automation{{Name: "old", On: "splunk.finding", Action: &action{}}})
	want := "automation old is on splunk.finding now, and 1 events of splunk.alert wait for it: give it another name; then funnelweb queues drops those, or hands them over"
	if err == nil || err.Error() != want {
		t.Fatalf("got %v", err)
	}
	run(t, engine)
	publish(t, engine, finding("before"))
	if _, err := engine.DropQueue(t.Context(), framework.Act{}, framework.QueueName{Name: "old"}); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	run(t, engine, onAlert("old", &action{}))
	done := alert(t, "done")
	publish(t, engine, done)
	untilState(t, engine, done.ID, framework.RunDone)
	until(t, "nothing waits", func() bool { return queuesOf(t, engine)[0].Waiting == 0 })
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	findings := &action{}
	run(t, engine, Automation{Name: "old", On: "splunk.finding", Action: findings})
	publish(t, engine, finding("after"))
	untilState(t, engine, finding("after").ID, framework.RunDone)
	closeEngine(t, engine)
	if len(findings.jobs) != 1 {
		t.Errorf("it ran for %d events, older ones among them", len(findings.jobs))
	}
}

func TestAReplicaThatWorksOnAQueueIsLeftAlone(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	now := engine.now()
	for name, c := range map[string]struct {
		shared  bool
		waiting int
		last    time.Time
		want    bool
	}{
		"a directory of its own":           {false, 4, now, false},
		"a worker asks for events":         {true, 1, time.Time{}, true},
		"an event was just delivered":      {true, 0, now, true},
		"the last delivery was long ago":   {true, 0, now.Add(-time.Hour), false},
		"nothing was ever delivered to it": {true, 0, time.Time{}, false},
	} {
		other := &Engine{now: engine.now, opts: engine.opts}
		if c.shared {
			other.opts.Cluster = new(Cluster)
		}
		info := &jetstream.ConsumerInfo{NumWaiting: c.waiting}
		if !c.last.IsZero() {
			info.Delivered.Last = &c.last
		}
		if got := other.inUse(info); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
