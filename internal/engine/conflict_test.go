package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

func TestAReplayWhileTheOldJobRunsWins(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	begun, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	ticket := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		if calls.Add(1) == 1 {
			close(begun)
			<-release
			return framework.Result{Summary: "old"}, nil
		}
		return framework.Result{Summary: "new"}, nil
	}}
	run(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	publish(t, engine, event)
	<-begun
	dead := letter{Event: event, DeadLetter: framework.DeadLetter{EventID: event.ID, Automation: "ticket"}}
	sequence, err := engine.redo(t.Context(), engine.configured()[0], dead)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.restart(t.Context(), engine.configured()[0], event.ID, sequence); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	close(release)
	stream, _ := engine.streams.known("splunk")
	until(t, "the old delivery is gone too", func() bool {
		consumer, err := stream.Consumer(t.Context(), "ticket")
		if err != nil {
			t.Fatal(err)
		}
		return consumer.CachedInfo().NumAckPending == 0
	})
	if run := runsOf(t, engine, event.ID)[0]; run.Result != "new" || len(ticket.attempts()) != 2 {
		t.Errorf("run %+v after %d attempts", run, len(ticket.attempts()))
	}
}

func TestADeliveryIsRepeatedWhenItsRecordCannotBeRead(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	event := alert(t, "first")
	if _, err := engine.js.Publish(t.Context(), engine.runs.bucket.prefix+runKey(event.ID, "ticket"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	publish(t, engine, event)
	until(t, "it was delivered twice", func() bool {
		return strings.Count(log.String(), "the store does not follow; the event is delivered again") >= 2
	})
	if n := len(ticket.attempts()); n != 0 {
		t.Errorf("%d attempts were made that could not be counted", n)
	}
	if _, err := engine.Event(t.Context(), event.ID); err == nil {
		t.Error("a damaged record is shown as if it were none")
	}
	damaged := jetstream.WithPurgeSubject("$KV.runs." + runKey(event.ID, "ticket"))
	if err := engine.runs.bucket.stream.Purge(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunDone)
}

func TestADamagedQuotaGrantsNothing(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	if _, err := engine.js.Publish(t.Context(), engine.quota.bucket.prefix+"virustotal", []byte("{")); err != nil {
		t.Fatal(err)
	}
	err := engine.Quota().Take(t.Context(), "virustotal", perDay(1))
	if _, wait := errors.AsType[*framework.Wait](err); err == nil || wait {
		t.Errorf("got %v", err)
	}
}

// watcher is an action whose failures cannot be shown.
type watcher struct{ *action }

func (watcher) Failed(context.Context, framework.Job, framework.Failure) error { panic("cannot show") }

func TestAFailureThatCannotBeShownIsTriedAgainAllTheSame(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	run(t, engine, onAlert("ticket", watcher{failing(1, down)}))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	if !strings.Contains(log.String(), "failure could not be shown") {
		t.Error("the log does not tell")
	}
}

func TestAPublisherThatLeavesGetsAProblem(t *testing.T) {
	release := make(chan struct{})
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { <-release; return nil } })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	event := alert(t, "first")
	result := make(chan error)
	go func() {
		_, err := engine.Publish(ctx, event)
		result <- err
	}()
	until(t, "it waits for the sync", func() bool {
		_, err := engine.Event(t.Context(), event.ID)
		return err == nil
	})
	cancel()
	problem, ok := errors.AsType[*framework.Problem](<-result)
	if !ok || problem.Status != http.StatusServiceUnavailable || !errors.Is(problem, context.Canceled) {
		t.Errorf("got %v", problem)
	}
}

func TestManyWaitingJobsDoNotBlockOneThatNeedsNoWait(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.syncStore = func() error { return nil } })
	free := alert(t, "in the cache")
	var waiting atomic.Int32
	run(t, engine, onAlert("enrich", &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if job.Event.ID == free.ID {
			return framework.Result{Summary: "from the cache"}, nil
		}
		waiting.Add(1)
		return framework.Result{}, &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
	}}))
	const many = 1500
	events := make([]framework.Event, 0, many)
	for n := range many {
		events = append(events, alert(t, strconv.Itoa(n)))
	}
	publish(t, engine, events...)
	publish(t, engine, free)
	untilState(t, engine, free.ID, framework.RunDone)
	if n := waiting.Load(); n < many-int32(engine.opts.Workers) { // a free worker may overtake those at work
		t.Errorf("only %d wait", n)
	}
}

func TestAQueueTakesNoMoreThanItMayHaveWaiting(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	run(t, engine, onAlert("ticket", failing(1_000_000, func() error {
		return &framework.Wait{Until: time.Now().Add(time.Hour), Reason: "a quota"}
	})))
	stream, _ := engine.streams.known("splunk")
	consumer, err := stream.Consumer(t.Context(), "ticket")
	if err != nil {
		t.Fatal(err)
	}
	config := consumer.CachedInfo().Config
	got := []any{config.MaxAckPending, config.MaxDeliver, len(config.BackOff), config.AckWait, config.FilterSubjects}
	want := []any{20_000, -1, 0, time.Minute, []string{"ev.splunk.alert.>", "redo.splunk.ticket.>"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
