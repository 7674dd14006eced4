package engine

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// later is a clock that runs ahead of the system's, with which the store stamps its messages.
type later struct{ by atomic.Int64 }

func (l *later) Now() time.Time { return time.Now().Add(time.Duration(l.by.Load())) }

func (l *later) advance(by time.Duration) { l.by.Add(int64(by)) }

func (l *later) use(o *Options) { o.Now = l.Now }

func sweep(t *testing.T, engine *Engine) {
	t.Helper()
	if err := engine.newSweeper().sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// kept returns the keys of the alerts that are still stored.
func kept(t *testing.T, engine *Engine, keys ...string) []string {
	t.Helper()
	var left []string
	for _, key := range keys {
		_, err := engine.Event(t.Context(), alert(t, key).ID)
		switch {
		case err == nil:
			left = append(left, key)
		case !errors.Is(err, framework.ErrNoEvent):
			t.Fatal(err)
		}
	}
	return left
}

// byKey makes an action that decides by the alert's key.
func byKey(t *testing.T, jobs map[string]func(context.Context) error) *action {
	t.Helper()
	byID := map[string]func(context.Context) error{}
	for key, job := range jobs {
		byID[alert(t, key).ID] = job
	}
	return &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
		if do := byID[job.Event.ID]; do != nil {
			return framework.Result{}, do(ctx)
		}
		return framework.Result{Summary: "done"}, nil
	}}
}

func TestOldEventsThatAQueueStillNeedsAreKept(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), func(o *Options) { clock.use(o); o.Workers = 2 })
	begun, release := make(chan struct{}), make(chan struct{})
	ticket := byKey(t, map[string]func(context.Context) error{
		"waits": func(context.Context) error {
			return &framework.Wait{Until: clock.Now().Add(100 * day), Reason: "quota of 1 a year"}
		},
		"dead": func(context.Context) error { return forbidden() },
		"running": func(context.Context) error {
			close(begun)
			<-release
			return nil
		},
		"running too": func(context.Context) error { <-release; return nil },
	})
	run(t, engine, onAlert("ticket", ticket), onAlert("other", &action{}))
	publishAndWait := func(key string, want framework.RunState) {
		t.Helper()
		publish(t, engine, alert(t, key))
		untilState(t, engine, alert(t, key).ID, want, framework.RunDone)
	}
	publishAndWait("waits", framework.RunWaiting)
	until(t, "it waits", func() bool { return runsOf(t, engine, alert(t, "waits").ID)[0].Reason != "" })
	publishAndWait("done", framework.RunDone)
	publishAndWait("dead", framework.RunDead)
	publish(t, engine, alert(t, "running"), alert(t, "running too"))
	<-begun
	until(t, "both workers are busy", func() bool { return len(ticket.attempts()) == 5 })
	publish(t, engine, alert(t, "unread"))
	all := []string{"waits", "done", "dead", "running", "running too", "unread"}

	clock.advance(29 * day)
	sweep(t, engine)
	if diff := cmp.Diff(all, kept(t, engine, all...)); diff != "" {
		t.Errorf("after 29 days: %s", diff)
	}
	clock.advance(2 * day)
	sweep(t, engine)
	if diff := cmp.Diff([]string{"waits", "running", "running too", "unread"}, kept(t, engine, all...)); diff != "" {
		t.Errorf("after 31 days: %s", diff)
	}
	if letters := lettersOf(t, engine); len(letters) != 1 {
		t.Errorf("letters: %v", letters)
	}
	close(release)
	untilState(t, engine, alert(t, "unread").ID, framework.RunDone, framework.RunDone)
	untilState(t, engine, alert(t, "running").ID, framework.RunDone, framework.RunDone)
	sweep(t, engine)
	if diff := cmp.Diff([]string{"waits"}, kept(t, engine, all...)); diff != "" {
		t.Errorf("after all are done: %s", diff)
	}
}

func TestAnEventIsADuplicateForAsLongAsItIsKept(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use) // no queue needs it
	event := alert(t, "first")
	var got []bool
	for range 3 {
		sweep(t, engine)
		got = append(got, publish(t, engine, event)[0].Duplicate)
		clock.advance(29 * day)
	}
	if diff := cmp.Diff([]bool{false, true, false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEventsOfAQueueThatIsNotConfiguredAreKeptUntilSomebodyDecides(t *testing.T) {
	var clock later
	dir := t.TempDir()
	engine := open(t, dir, clock.use)
	run(t, engine, onAlert("gone", failing(1000, down)))
	publish(t, engine, alert(t, "first"))
	untilState(t, engine, alert(t, "first").ID, framework.RunRetrying)
	closeEngine(t, engine)

	engine = open(t, dir, clock.use)
	run(t, engine)
	publish(t, engine, alert(t, "later")) // not for the queue
	clock.advance(31 * day)
	sweep(t, engine)
	if diff := cmp.Diff([]string{"first"}, kept(t, engine, "first", "later")); diff != "" {
		t.Error(diff)
	}
	if _, err := engine.DropQueue(t.Context(), framework.Act{}, framework.QueueName{Name: "gone"}); err != nil {
		t.Fatal(err)
	}
	sweep(t, engine)
	if left := kept(t, engine, "first"); len(left) != 0 {
		t.Error("it is kept although nothing needs it")
	}
}

func TestNothingIsRemovedWhileNobodyKnowsWhatAQueueNeeds(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	run(t, engine, onAlert("ticket", failing(1000, down)))
	publish(t, engine, alert(t, "first"))
	stream, _ := engine.streams.known("splunk")
	lost := []*queue{{engine: engine, name: "lost", source: "splunk", what: "alert"}}
	engine.queues.Store(&lost)
	clock.advance(31 * day)
	if err := engine.newSweeper().sweep(t.Context()); err == nil || err.Error() != "source splunk: queue lost is missing" {
		t.Errorf("got %v", err)
	}
	if _, err := last(t.Context(), stream, "ev.splunk.alert."+alert(t, "first").ID); err != nil {
		t.Error(err)
	}
}

func TestTheEngineSweepsByItselfUntilItIsDrained(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), func(o *Options) { clock.use(o); o.sweepEvery = 10 * time.Millisecond })
	run(t, engine, onAlert("ticket", &action{}))
	publish(t, engine, alert(t, "first"))
	untilState(t, engine, alert(t, "first").ID, framework.RunDone)
	clock.advance(31 * day)
	until(t, "the event is removed", func() bool { return len(kept(t, engine, "first")) == 0 })
	if err := engine.Drain(t.Context()); err != nil { // waits for the sweeper too; goleak would find it
		t.Error(err)
	}
}

func TestASweepGoesOnWhereItsBoundStoppedTheLast(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	for n := range 5 {
		publish(t, engine, alert(t, strconv.Itoa(n)))
	}
	clock.advance(31 * day)
	sweeper := engine.newSweeper()
	sweeper.next["splunk"] = 4
	if err := sweeper.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, kept(t, engine, "0", "1", "2", "3", "4")); diff != "" {
		t.Error(diff)
	}
	if err := sweeper.sweep(t.Context()); err != nil { // from the beginning again
		t.Fatal(err)
	}
	if left := kept(t, engine, "0", "1", "2"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAStoreFromBeforeLosesItsAgeLimit(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	old := engine.streams.config("splunk")
	old.MaxAge = 30 * day
	if _, err := engine.js.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	stream, _ := engine.streams.known("splunk")
	info, err := stream.Info(t.Context())
	if err != nil || info.Config.MaxAge != 0 {
		t.Errorf("config %+v, error %v", info.Config, err)
	}
}

func TestARunIsRememberedForLongerThanAWait(t *testing.T) {
	var clock later
	engine := open(t, t.TempDir(), clock.use)
	run(t, engine, onAlert("enrich", failing(1, func() error {
		return &framework.Wait{Until: clock.Now().Add(1000 * day), Reason: "a quota"}
	})))
	event := alert(t, "first")
	publish(t, engine, event)
	var next time.Time
	until(t, "it waits", func() bool {
		status, err := engine.Event(t.Context(), event.ID)
		if err != nil {
			t.Fatal(err)
		}
		next = status.Runs[0].NextTry
		return !next.IsZero()
	})
	info, err := engine.runs.bucket.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wait := next.Sub(clock.Now()); wait > maxWait || info.Config.MaxAge < retention+maxWait {
		t.Errorf("waits for %s, runs are kept for %s", wait, info.Config.MaxAge)
	}
}
