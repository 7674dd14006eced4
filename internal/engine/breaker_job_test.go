package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// outside is a service that an action calls, which is down until it is up.
type outside struct {
	name string
	up   atomic.Bool
	fail func(framework.Job) error // instead of 503, where it is not nil

	mu     sync.Mutex
	calls  []time.Time
	atOnce int
	most   int // calls at once, of those since it was last set to 0
}

func (o *outside) do(_ context.Context, job framework.Job) (framework.Result, error) {
	o.mu.Lock()
	o.calls = append(o.calls, time.Now())
	o.atOnce++
	o.most = max(o.most, o.atOnce)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.atOnce--
		o.mu.Unlock()
	}()
	if o.up.Load() {
		return framework.Result{Summary: "done"}, nil
	}
	if o.fail != nil {
		return framework.Result{}, o.fail(job)
	}
	return framework.Result{}, &framework.ServiceError{Service: o.name, Op: "create issue", Status: 503, Reason: "Jira is not available"}
}

func (o *outside) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.calls)
}

// quickly makes probes quick; how quick decides no test.
func quickly(o *Options) { o.probeFirst = 20 * time.Millisecond }

// circuitOf returns what is shown of Jira.
func circuitOf(tb testing.TB, engine *Engine) framework.Circuit {
	tb.Helper()
	circuits, err := engine.Breakers(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for _, circuit := range circuits {
		if circuit.Service == "jira" {
			return circuit
		}
	}
	return framework.Circuit{}
}

func untilDown(tb testing.TB, engine *Engine) {
	tb.Helper()
	until(tb, "jira is down", func() bool { return circuitOf(tb, engine).State == framework.CircuitOpen })
}

func alerts(tb testing.TB, count int) []framework.Event {
	tb.Helper()
	var events []framework.Event
	for i := range count {
		events = append(events, alert(tb, fmt.Sprintf("event %d", i)))
	}
	return events
}

func TestABacklogWaitsForOneProbeAndFlowsWhenItSucceeds(t *testing.T) {
	var log lockedBuffer
	engine := open(t, t.TempDir(), func(o *Options) {
		quickly(o)
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	})
	backlog(t, 60, engine)
	closeEngine(t, engine)
	for _, text := range []string{`"a service is down; jobs that need it wait"`, `"a service answers again; its jobs go on"`} {
		if n := strings.Count(log.String(), text); n != 1 {
			t.Errorf("the log tells %s %d times", text, n)
		}
	}
}

func TestABacklogOfReplicasWaitsForOneProbe(t *testing.T) {
	cluster := startNATS(t, 3, "")
	backlog(t, 30, cluster.join(t, quickly), cluster.join(t, quickly))
}

// backlog has events wait for a service that is down, and then is up.
func backlog(t *testing.T, count int, replicas ...*Engine) {
	t.Helper()
	jira := &outside{name: "jira"}
	for _, engine := range replicas {
		run(t, engine, onAlert("ticket", &action{do: jira.do}))
	}
	engine, events := replicas[0], alerts(t, count)
	publish(t, engine, events...)
	untilState(t, engine, events[0].ID, framework.RunWaiting)
	for _, replica := range replicas {
		until(t, "every replica knows", func() bool { return replica.breakers.isDown("jira") })
	}
	until(t, "no call is under way", func() bool { // from before it opened
		jira.mu.Lock()
		defer jira.mu.Unlock()
		return jira.atOnce == 0
	})
	jira.forget()
	until(t, "there were some probes", func() bool { return jira.count() >= 4 })
	jira.oneByOne(t)
	circuit := circuitOf(t, engine)
	if circuit.State != framework.CircuitOpen || circuit.Since.IsZero() || circuit.NextProbe.IsZero() || circuit.Reason != "create issue: Jira is not available (status 503)" {
		t.Errorf("the circuit is shown as %+v", circuit)
	}
	jira.up.Store(true)
	for _, event := range events {
		untilState(t, engine, event.ID, framework.RunDone)
	}
	until(t, "the circuit is closed", func() bool { return circuitOf(t, engine).State == framework.CircuitClosed })
}

func (o *outside) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.most, o.calls = 0, nil
}

// oneByOne holds that no two calls were made at once, nor one before the least interval of two probes was over.
func (o *outside) oneByOne(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.most > 1 {
		t.Errorf("%d probes at once", o.most)
	}
	for i := 1; i < len(o.calls); i++ {
		if gap := o.calls[i].Sub(o.calls[i-1]); gap < 16*time.Millisecond { // the first interval, less its jitter
			t.Errorf("probe %d came %s after the one before", i, gap)
		}
	}
}

func TestAQueueThatWaitsForAServiceSaysSo(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.probeFirst = time.Hour })
	jira := &outside{name: "jira"}
	run(t, engine, onAlert("ticket", &action{do: jira.do}), onAlert("other", &action{}))
	publish(t, engine, alerts(t, breakAfter)...)
	untilDown(t, engine)
	got := map[string][]framework.Circuit{}
	for _, queue := range queuesOf(t, engine) {
		got[queue.Name] = queue.Services
	}
	if diff := cmp.Diff(map[string][]framework.Circuit{"ticket": {circuitOf(t, engine)}, "other": nil}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAJobThatWaitsForAServiceSaysSo(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	jira := &outside{name: "jira", fail: func(framework.Job) error {
		return &framework.ServiceError{Service: "jira", Op: "create issue", Status: 429, Reason: "Jira asks to slow down", RetryAfter: time.Hour}
	}}
	ticket := &action{do: jira.do}
	run(t, engine, onAlert("ticket", ticket))
	events := alerts(t, 2)
	publish(t, engine, events[0])
	untilState(t, engine, events[0].ID, framework.RunRetrying)
	publish(t, engine, events[1])
	until(t, "the wait is shown", func() bool { return len(ticket.shown()) == 2 })
	status, err := engine.Event(t.Context(), events[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	run, circuit := status.Runs[0], circuitOf(t, engine)
	want := fmt.Sprintf("waits for jira, down since %s: create issue: Jira asks to slow down (status 429); next probe %s",
		circuit.Since.Format("2006-01-02 15:04:05 UTC"), circuit.NextProbe.Format("2006-01-02 15:04:05 UTC"))
	if run.State != framework.RunWaiting || run.Attempts != 0 || run.Reason != want || run.NextTry.Before(circuit.NextProbe) {
		t.Errorf("the run is shown as %+v, want the reason %q", run, want)
	}
	if shown := ticket.shown()[1]; !shown.Waiting || shown.Reason != want || shown.Attempts != 0 {
		t.Errorf("the action was told %+v", shown)
	}
	if jira.count() != 1 {
		t.Errorf("%d calls although Jira said to wait", jira.count())
	}
}

func TestTheLastTryIsMadeEvenWhileTheServiceIsDown(t *testing.T) {
	engine := open(t, t.TempDir(), func(o *Options) { o.Retry.GiveUpAfter = 300 * time.Millisecond })
	var never atomic.Bool
	jira := &outside{name: "jira", fail: func(framework.Job) error {
		err := &framework.ServiceError{Service: "jira", Op: "create issue", Status: 503, Reason: "down"}
		if never.CompareAndSwap(false, true) {
			err.RetryAfter = time.Hour // no probe during this test
		}
		return err
	}}
	run(t, engine, onAlert("ticket", &action{do: jira.do}))
	events := alerts(t, 6)
	publish(t, engine, events[0])
	untilDown(t, engine)
	publish(t, engine, events[1:]...)
	for _, event := range events[1:] {
		untilState(t, engine, event.ID, framework.RunDead)
	}
	letters, _, err := engine.DeadLetters(t.Context(), framework.LetterFilter{}, framework.Page{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range letters {
		if letter.Attempts != 1 || letter.Reason != "jira: create issue: down (status 503)" || letter.FirstTry.IsZero() {
			t.Errorf("dead letter %+v", letter)
		}
	}
	if len(letters) != 5 || jira.count() != 6 {
		t.Errorf("%d dead letters, %d calls", len(letters), jira.count())
	}
}

func TestAServiceThatIsDownDelaysNoJobThatDoesNotNeedIt(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	ad := &outside{name: "activedirectory", fail: func(framework.Job) error {
		return &framework.ServiceError{Service: "activedirectory", Op: "look up user", Reason: "dc1 refuses connections", RetryAfter: time.Hour}
	}}
	enrich := &divided{names: []string{"activedirectory", "virustotal"}}
	enrich.do = func(ctx context.Context, job framework.Job) (framework.Result, error) {
		if job.Name == "activedirectory" {
			return ad.do(ctx, job)
		}
		return framework.Result{Summary: "done"}, nil
	}
	run(t, engine, onAlert("enrich", enrich))
	events := alerts(t, 40)
	publish(t, engine, events...)
	for _, event := range events {
		until(t, "the job of the service that works is done", func() bool {
			return runsOf(t, engine, event.ID)[1].State == framework.RunDone
		})
	}
	if ad.count() > defaultWorkers {
		t.Errorf("%d calls to a service that is down", ad.count())
	}
}

func TestEventsThatAServiceCannotDigestBlockNoOthers(t *testing.T) {
	engine := open(t, t.TempDir(), quickly)
	poison := map[string]bool{}
	events := alerts(t, 30)
	for _, event := range events[:8] { // more than open the circuit
		poison[event.ID] = true
	}
	jira := &outside{name: "jira"}
	jira.up.Store(true)
	run(t, engine, onAlert("ticket", &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
		if poison[job.Event.ID] {
			return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create issue", Status: 500, Reason: "Jira has an internal error"}
		}
		return jira.do(ctx, job)
	}}))
	publish(t, engine, events[:8]...)
	untilDown(t, engine)
	publish(t, engine, events[8:]...)
	for _, event := range events[8:] {
		untilState(t, engine, event.ID, framework.RunDone)
	}
	for _, event := range events[:8] {
		if state := runsOf(t, engine, event.ID)[0].State; state == framework.RunDone || state == framework.RunDead {
			t.Errorf("a poison event is %s", state)
		}
	}
}

func TestACircuitOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	jira := &outside{name: "jira", fail: func(framework.Job) error {
		return &framework.ServiceError{Service: "jira", Op: "create issue", Status: 429, Reason: "slow down", RetryAfter: time.Hour}
	}}
	run(t, engine, onAlert("ticket", &action{do: jira.do}))
	events := alerts(t, 9)
	publish(t, engine, events[0])
	untilDown(t, engine)
	closeEngine(t, engine)
	engine = open(t, dir, nil)
	ticket := &action{do: jira.do}
	run(t, engine, onAlert("ticket", ticket))
	publish(t, engine, events[1:]...)
	until(t, "all are put off", func() bool { return len(ticket.shown()) >= 8 })
	if jira.count() != 1 {
		t.Errorf("%d calls within the hour", jira.count())
	}
}

func TestACircuitIsClosedWhenTheAutomationsThatNeedItAreGone(t *testing.T) {
	for name, c := range map[string]struct {
		configured []string
		want       framework.CircuitState
	}{
		"one of two is renamed":         {[]string{"ticket", "newer"}, framework.CircuitOpen},
		"both are renamed":              {[]string{"new", "newer"}, framework.CircuitClosed},
		"nothing is configured":         {nil, framework.CircuitClosed},
		"the configuration is the same": {[]string{"ticket", "other"}, framework.CircuitOpen},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			engine := open(t, dir, nil)
			jira := &outside{name: "jira", fail: func(framework.Job) error {
				return &framework.ServiceError{Service: "jira", Op: "create issue", Status: 429, Reason: "slow down", RetryAfter: time.Hour}
			}}
			run(t, engine, onAlert("ticket", &action{do: jira.do}), onAlert("other", &action{do: jira.do}))
			publish(t, engine, alerts(t, 1)...)
			until(t, "both queues are known to need it", func() bool {
				needed := 0
				for _, seen := range engine.breakers.snapshot() {
					needed += len(seen.Queues)
				}
				return needed == 2
			})
			closeEngine(t, engine)
			engine = open(t, dir, nil)
			var automations []Automation
			for _, name := range c.configured {
				automations = append(automations, onAlert(name, &action{do: jira.do}))
			}
			run(t, engine, automations...)
			if diff := cmp.Diff(c.want, circuitOf(t, engine).State); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAProbeIsAnsweredByARefusalToo(t *testing.T) {
	engine := open(t, t.TempDir(), quickly)
	answer := atomic.Pointer[framework.ServiceError]{}
	answer.Store(&framework.ServiceError{Service: "jira", Op: "create issue", Reason: "nothing answers", Err: &net.OpError{Op: "dial", Err: context.DeadlineExceeded}})
	run(t, engine, onAlert("ticket", &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		return framework.Result{}, answer.Load()
	}}))
	events := alerts(t, 1)
	publish(t, engine, events...)
	untilDown(t, engine) // after one: nobody was there
	answer.Store(&framework.ServiceError{Service: "jira", Op: "create issue", Status: 400, Reason: "no such project", Permanent: true})
	untilState(t, engine, events[0].ID, framework.RunDead)
	if state := circuitOf(t, engine).State; state == framework.CircuitOpen {
		t.Error("a service that refuses a job is taken for one that is down")
	}
}

func TestWhatIsAboutOneThingOpensNothing(t *testing.T) {
	for status, down := range map[int]bool{0: true, 401: true, 408: true, 409: false, 423: false, 425: false, 429: true, 500: true, 503: true} {
		if got := isDown(&framework.ServiceError{Status: status}); got != down {
			t.Errorf("status %d: down %t", status, got)
		}
	}
	if isDown(&framework.ServiceError{Permanent: true}) {
		t.Error("a permanent refusal is an answer")
	}
}

// loud is an action whose failures cannot be shown, as the service for that is down.
type loud struct {
	*outside

	told atomic.Int32
}

func (l *loud) Do(ctx context.Context, job framework.Job) (framework.Result, error) {
	return l.do(ctx, job)
}

func (l *loud) Failed(context.Context, framework.Job, framework.Failure) error {
	l.told.Add(1)
	return &framework.ServiceError{Service: "jira", Op: "edit comment", Status: 503, Reason: "Jira is not available"}
}

func TestNobodyIsToldThroughAServiceThatIsDown(t *testing.T) {
	engine := open(t, t.TempDir(), quickly)
	watcher := &loud{outside: &outside{name: "jira"}}
	run(t, engine, onAlert("ticket", watcher))
	publish(t, engine, alerts(t, 40)...)
	untilDown(t, engine)
	until(t, "there were some probes", func() bool { return watcher.count() >= 12 })
	if told := watcher.told.Load(); told > breakAfter+defaultWorkers {
		t.Errorf("%d calls were made to tell of %d failures", told, watcher.count())
	}
}

func TestAProbeThatIsInterruptedIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, quickly)
	probing := make(chan struct{})
	var calls atomic.Int32
	run(t, engine, onAlert("ticket", &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		if calls.Add(1) == 1 {
			return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "nothing answers", Err: &net.OpError{Op: "dial", Err: context.DeadlineExceeded}}
		}
		close(probing)
		<-ctx.Done()
		return framework.Result{}, ctx.Err()
	}}))
	events := alerts(t, 1)
	publish(t, engine, events...)
	<-probing
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Close(gone); err != nil {
		t.Fatal(err)
	}
	engine = open(t, dir, quickly)
	if held := engine.breakers.snapshot()["jira"]; held.Probe != "" || held.State != framework.CircuitOpen {
		t.Errorf("after the restart: %+v", held.circuit)
	}
	run(t, engine, onAlert("ticket", &action{}))
	untilState(t, engine, events[0].ID, framework.RunDone)
	want := []framework.Run{{Automation: "ticket", State: framework.RunDone, Attempts: 2, Result: "done"}}
	if diff := cmp.Diff(want, runsOf(t, engine, events[0].ID)); diff != "" {
		t.Error(diff)
	}
}
