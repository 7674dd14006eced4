package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func down() error {
	return &framework.ServiceError{Service: "jira", Op: "create issue", Status: 502, Reason: "no answer", Err: errors.New("cause")}
}

// failing fails a number of times and then succeeds.
func failing(times int, err func() error) *action {
	var calls atomic.Int32
	return &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		if int(calls.Add(1)) <= times {
			return framework.Result{}, err()
		}
		return framework.Result{Summary: "done"}, nil
	}}
}

func run(tb testing.TB, engine *Engine, automations ...Automation) {
	tb.Helper()
	if err := engine.Run(automations); err != nil {
		tb.Fatal(err)
	}
}

func onAlert(name string, do framework.Action) Automation {
	return Automation{Name: name, On: "splunk.alert", Action: do}
}

func TestAFailedJobIsTriedAgainUntilItSucceeds(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := failing(3, down)
	run(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	before := time.Now()
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{1, 2, 3, 4}, ticket.attempts()); diff != "" {
		t.Error(diff)
	}
	want := []framework.Run{{Automation: "ticket", State: framework.RunDone, Attempts: 4, Result: "done"}}
	if diff := cmp.Diff(want, runsOf(t, engine, event.ID)); diff != "" {
		t.Error(diff)
	}
	const reason = "jira: create issue: no answer (status 502)"
	shown := []framework.Failure{{Reason: reason, Attempts: 1}, {Reason: reason, Attempts: 2}, {Reason: reason, Attempts: 3}}
	if diff := cmp.Diff(shown, ticket.shown(), cmpopts.IgnoreFields(framework.Failure{}, "Next")); diff != "" {
		t.Error(diff)
	}
	for i, failure := range ticket.shown() {
		if !failure.Next.After(before) {
			t.Errorf("failure %d is shown without the time of its next try: %v", i, failure.Next)
		}
	}
}

func TestAWaitIsNoAttempt(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	enrich := failing(2, func() error {
		return &framework.Wait{Until: time.Now().Add(30 * time.Millisecond), Reason: "VirusTotal quota of 4 a minute"}
	})
	run(t, engine, onAlert("enrich", enrich))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{1, 1, 1}, enrich.attempts()); diff != "" {
		t.Error(diff)
	}
	want := framework.Failure{Reason: "VirusTotal quota of 4 a minute", Waiting: true}
	for _, failure := range enrich.shown() {
		if diff := cmp.Diff(want, failure, cmpopts.IgnoreFields(framework.Failure{}, "Next")); diff != "" {
			t.Error(diff)
		}
	}
}

// setBack is an action that fails once, and while that is being told the clock is set.
type setBack struct {
	action

	set func()
}

func (s *setBack) Failed(context.Context, framework.Job, framework.Failure) error {
	s.set()
	return nil
}

func TestARetryComesInTimeThoughTheClockIsSetBackWhileItIsPutBack(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), func(o *Options) { o.Now = clock.Now })
	failing := &setBack{set: func() { clock.Set(-72 * time.Hour) }}
	failing.do = func(context.Context, framework.Job) (framework.Result, error) {
		if len(failing.attempts()) == 1 {
			return framework.Result{}, down()
		}
		return framework.Result{}, nil
	}
	run(t, engine, onAlert("ticket", failing))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
}

func TestAJobThatWaitsIsShownWithReasonAndTime(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	tomorrow := time.Now().Add(day).UTC().Truncate(time.Second)
	run(t, engine, onAlert("enrich", failing(1, func() error {
		return &framework.Wait{Until: tomorrow, Reason: "VirusTotal quota of 500 a day"}
	})))
	event := alert(t, "first")
	publish(t, engine, event)
	var got framework.Run
	until(t, "the wait is recorded", func() bool {
		status, err := engine.Event(t.Context(), event.ID)
		if err != nil || len(status.Runs) != 1 {
			t.Fatalf("%+v, error %v", status, err)
		}
		got = status.Runs[0]
		return !got.NextTry.IsZero()
	})
	want := framework.Run{
		Automation: "enrich", State: framework.RunWaiting, Reason: "VirusTotal quota of 500 a day", NextTry: tomorrow,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(framework.Run{}, "ChangedAt")); diff != "" {
		t.Error(diff)
	}
}

func TestAConditionDecidesWhetherTheActionRuns(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	for_ := func(host string) func(framework.Event) (bool, error) {
		return func(event framework.Event) (bool, error) { return bytes.Contains(event.Data, []byte(host)), nil }
	}
	ours, theirs := &action{}, &action{}
	run(t, engine,
		Automation{Name: "ours", On: "splunk.alert", When: for_("WS-042"), Action: ours},
		Automation{Name: "theirs", On: "splunk.alert", When: for_("WS-043"), Action: theirs},
		Automation{Name: "other-type", On: "splunk.other", Action: theirs},
	)
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone, framework.RunSkipped)
	if len(ours.attempts()) != 1 || len(theirs.attempts()) != 0 {
		t.Errorf("ours ran %v, theirs %v", ours.attempts(), theirs.attempts())
	}
}

func TestAConditionThatFailsIsADeadLetterAndOthersGoOn(t *testing.T) {
	for name, when := range map[string]func(framework.Event) (bool, error){
		"an error": func(framework.Event) (bool, error) { return false, errors.New("no such field: secret value") },
		"a panic":  func(framework.Event) (bool, error) { panic("secret value") },
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			never, other := &action{}, &action{}
			run(t, engine, Automation{Name: "broken", On: "splunk.alert", When: when, Action: never}, onAlert("other", other))
			event := alert(t, "first")
			publish(t, engine, event)
			untilState(t, engine, event.ID, framework.RunDead, framework.RunDone)
			want := framework.Run{
				Automation: "broken", State: framework.RunDead,
				Reason: "automation broken: condition: it cannot be evaluated for this event; the log has the cause",
			}
			if diff := cmp.Diff(want, runsOf(t, engine, event.ID)[0]); diff != "" {
				t.Error(diff)
			}
			if len(never.attempts()) != 0 {
				t.Error("the action ran although its condition failed")
			}
		})
	}
}

func TestAPanickingActionIsTriedAgainAndItsTextGoesToTheLogAlone(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	panicking := failing(1, func() error { panic("the-panic-value") })
	run(t, engine, onAlert("ticket", panicking))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	want := []framework.Failure{{Reason: "internal error; the log has its cause", Attempts: 1}}
	if diff := cmp.Diff(want, panicking.shown(), cmpopts.IgnoreFields(framework.Failure{}, "Next")); diff != "" {
		t.Error(diff)
	}
	closeEngine(t, engine)
	if n := strings.Count(log.String(), "panic: the-panic-value"); n != 1 {
		t.Errorf("the log tells the panic %d times", n)
	}
	for _, part := range []string{`"event_id":"` + event.ID, `"automation":"ticket"`, `"attempt":1`, "worker_test.go"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not tell %s", part)
		}
	}
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func TestAnAttemptHasATimeLimit(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.JobTimeout = 20 * time.Millisecond })
	var first atomic.Bool
	slow := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		if first.CompareAndSwap(false, true) {
			<-ctx.Done()
			return framework.Result{}, ctx.Err()
		}
		return framework.Result{Summary: "done"}, nil
	}}
	run(t, engine, onAlert("ticket", slow))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff("no answer within the time limit", slow.shown()[0].Reason); diff != "" {
		t.Error(diff)
	}
}

func TestAJobLongerThanAckWaitRunsOnce(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.ackWait = 300 * time.Millisecond })
	slow := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		pause(ctx, time.Second)
		return framework.Result{Summary: "done"}, ctx.Err()
	}}
	run(t, engine, onAlert("ticket", slow))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{1}, slow.attempts()); diff != "" {
		t.Error(diff)
	}
}

// beaten is a message that notes what it is answered.
type beaten struct {
	jetstream.Msg

	mu      sync.Mutex
	answers []string
}

func (b *beaten) note(answer string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, answer)
	return nil
}

func (b *beaten) noted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.answers)
}

func (b *beaten) InProgress() error { return b.note("beat") }

// TestNoHeartbeatFollowsAnAnswer: the store would forget when the event is to come back.
func TestNoHeartbeatFollowsAnAnswer(t *testing.T) {
	message := new(beaten)
	q := &queue{engine: &Engine{opts: Options{beat: time.Millisecond}}}
	d := &delivery{queue: q, message: message, still: sync.OnceFunc(q.heartbeat(message))}
	until(t, "the heart beats", func() bool { return len(message.noted()) > 0 })
	before := 0
	d.answer(func() error {
		before = len(message.noted())
		pause(t.Context(), 20*time.Millisecond) // many beats, if there were any
		return message.note("later")
	})
	if diff := cmp.Diff([]string{"later"}, message.noted()[before:]); diff != "" {
		t.Errorf("from the answer on, -want +got\n%s", diff)
	}
	d.still() // once more does nothing
}

func TestASlowJobDelaysNoOtherJobOfItsAutomation(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	release := make(chan struct{})
	enrich := &divided{names: []string{"activedirectory", "virustotal"}}
	enrich.do = func(ctx context.Context, job framework.Job) (framework.Result, error) {
		if job.Name == "virustotal" {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return framework.Result{Summary: job.Name}, ctx.Err()
	}
	run(t, engine, onAlert("enrich", enrich))
	var events []framework.Event
	for key := range strings.SplitSeq("abcdefghijkl", "") { // more than there are workers
		events = append(events, alert(t, key))
	}
	publish(t, engine, events...)
	for _, event := range events {
		until(t, "the fast job of every event is done", func() bool {
			runs := runsOf(t, engine, event.ID)
			return runs[0].State == framework.RunDone && runs[1].State != framework.RunDone
		})
	}
	close(release)
	for _, event := range events {
		untilState(t, engine, event.ID, framework.RunDone, framework.RunDone)
	}
}

func TestNoMoreJobsRunAtOnceThanThereAreWorkers(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.Workers = 3 })
	var now, most atomic.Int32
	busy := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		pause(ctx, 5*time.Millisecond)
		return framework.Result{}, nil
	}}
	run(t, engine, onAlert("ticket", busy))
	var events []framework.Event
	for key := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyz", "") {
		events = append(events, alert(t, key))
	}
	publish(t, engine, events...)
	for _, event := range events {
		untilState(t, engine, event.ID, framework.RunDone)
	}
	if n := most.Load(); n != 3 {
		t.Errorf("%d jobs ran at once", n)
	}
}

func TestADamagedEventIsADeadLetter(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	if _, err := engine.js.Publish(t.Context(), "ev.splunk.alert.splunk-damaged", []byte(`{"id":`)); err != nil {
		t.Fatal(err)
	}
	var letters []framework.DeadLetter
	until(t, "there is a dead letter", func() bool {
		var err error
		if letters, _, err = engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 10}); err != nil {
			t.Fatal(err)
		}
		return len(letters) > 0
	})
	want := []framework.DeadLetter{{
		EventID: "splunk-damaged", EventType: "splunk.alert", Automation: "ticket",
		Service: "automation ticket", Reason: "automation ticket: read event: the stored event is damaged",
	}}
	if diff := cmp.Diff(want, letters, cmpopts.IgnoreFields(framework.DeadLetter{}, "ID", "GivenUpAt")); diff != "" {
		t.Error(diff)
	}
	if len(ticket.attempts()) != 0 {
		t.Error("the action was given a damaged event")
	}
}

func TestAnEventOfAnotherTypeIsSkipped(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	event, err := framework.NewEvent("splunk.report", "first", "x")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, engine, event)
	again := letter{Event: event, DeadLetter: framework.DeadLetter{EventID: event.ID, Automation: "ticket"}}
	if _, err := engine.redo(t.Context(), engine.configured()[0], again); err != nil {
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunSkipped)
	if len(ticket.attempts()) != 0 {
		t.Error("the action was given an event of a type that it is not for")
	}
}

func TestAJobThatEndsTheProcessIsGivenUpInTheEnd(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		run      framework.Run
		giveUpAt time.Time
		want     framework.RunState
	}{
		"after a day of trying":                  {framework.Run{State: framework.RunRunning, Attempts: 10}, now, framework.RunDead},
		"not before":                             {framework.Run{State: framework.RunRunning, Attempts: 10}, now.Add(time.Hour), framework.RunDone},
		"not after a few attempts and a day off": {framework.Run{State: framework.RunRunning, Attempts: 9}, now, framework.RunDone},
		"not when its last attempt only failed":  {framework.Run{State: framework.RunRetrying, Attempts: 10}, now, framework.RunDone},
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			event := alert(t, "first")
			// The event will be the first message of its stream; this is what an earlier process noted about it.
			if err := engine.runs.write(t.Context(), event.ID, "ticket", &record{Run: c.run, Sequence: 1, GiveUpAt: c.giveUpAt}); err != nil {
				t.Fatal(err)
			}
			run(t, engine, onAlert("ticket", &action{}))
			publish(t, engine, event)
			untilState(t, engine, event.ID, c.want)
		})
	}
}

func TestTheLogNeverHoldsAnEventsData(t *testing.T) {
	const canary = "canary-7f3a9c51-of-the-event"
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	var calls atomic.Int32
	run(t, engine, onAlert("ticket", &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		switch calls.Add(1) {
		case 1:
			return framework.Result{}, down()
		case 2:
			return framework.Result{}, &framework.Wait{Until: time.Now(), Reason: "a quota"}
		case 3:
			panic("again")
		}
		return framework.Result{}, forbidden()
	}}))
	event := alert(t, canary)
	event.Data = framework.JSON(`{"user":"` + canary + `"}`)
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	status, err := engine.Event(t.Context(), event.ID)
	if err != nil || !bytes.Contains(status.Event.Data, []byte(canary)) {
		t.Errorf("the event's data %s, error %v", status.Event.Data, err)
	}
	closeEngine(t, engine)
	if !strings.Contains(log.String(), "gave up on an event") {
		t.Error("the log is empty")
	}
	frameworktest.LeaksNoSecret(t, canary, log.String())
}
