package engine

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestASecondProcessIsRefusedUntilTheFirstCloses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	engine := open(t, dir, nil)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the store %v, error %v", info.Mode(), err)
	}
	opts := engine.opts
	if _, err := Open(t.Context(), opts); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	publish(t, engine, alert(t, "the first goes on"))
	closeEngine(t, engine)
	open(t, dir, nil)
}

func TestNothingOfTheStoreCanBeReadByOthers(t *testing.T) {
	dir := t.TempDir()
	publish(t, open(t, dir, nil), alert(t, "first"))
	err := filepath.WalkDir(filepath.Join(dir, "jetstream"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{
		"no directory":          {Log: log, Now: time.Now},
		"no log":                {Dir: t.TempDir(), Now: time.Now},
		"no clock":              {Dir: t.TempDir(), Log: log},
		"a negative size":       {Dir: t.TempDir(), Log: log, Now: time.Now, MaxStore: -1},
		"negative workers":      {Dir: t.TempDir(), Log: log, Now: time.Now, Workers: -1},
		"a negative time limit": {Dir: t.TempDir(), Log: log, Now: time.Now, JobTimeout: -1},
		"a retry that shrinks":  {Dir: t.TempDir(), Log: log, Now: time.Now, Retry: Retry{Factor: 0.1}},
		"a file for directory":  {Dir: file, Log: log, Now: time.Now},
	} {
		if _, err := Open(t.Context(), opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	defaults, err := Options{Dir: "x", Log: log, Now: time.Now}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if defaults.MaxStore != 8<<30 || defaults.Workers != 4 || defaults.JobTimeout != time.Minute || defaults.ackWait != time.Minute {
		t.Errorf("defaults %+v", defaults)
	}
	shared, err := Options{Cluster: &Cluster{URLs: []string{"nats://127.0.0.1:4222"}}, Log: log, Now: time.Now}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if shared.ackWait != 15*time.Second || shared.beat != 2500*time.Millisecond {
		t.Errorf("a worker of a replica may be silent for %s, and says something every %s", shared.ackWait, shared.beat)
	}
}

func TestTheStoreIsNeverLargerThanHalfOfTheFreeDisk(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) { o.MaxStore = 1 << 60 })
	free, err := diskFree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if max := engine.opts.MaxStore; max > free/2+free/8 { // others write to the disk too
		t.Errorf("the store may hold %d bytes, %d are free", max, free)
	}
}

func TestAClosedEngineTakesNothing(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	if err := engine.Ready(t.Context()); err != nil {
		t.Errorf("an open engine: %v", err)
	}
	closeEngine(t, engine)
	closeEngine(t, engine) // again is fine
	_, err := engine.Publish(t.Context(), alert(t, "late"))
	problem, ok := errors.AsType[*framework.Problem](err)
	if !ok || problem.Status != http.StatusServiceUnavailable {
		t.Errorf("publish: %v", err)
	}
	if _, ok := errors.AsType[*framework.ServiceError](engine.Ready(t.Context())); !ok {
		t.Error("a closed engine is ready")
	}
	if _, err := engine.Ledger().Put(t.Context(), "a", nil, 0); err == nil {
		t.Error("the ledger took an entry")
	}
	if err := engine.Run(nil); err == nil {
		t.Error("a closed engine runs automations")
	}
}

func TestCloseWaitsForRunningJobs(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	begun, release := make(chan struct{}), make(chan struct{})
	ticket := &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		close(begun)
		<-release
		_, err := engine.Ledger().Put(ctx, "ticket.abc", []byte("done"), 0) // the store must still be there
		return framework.Result{Summary: "done"}, err
	}}
	run(t, engine, onAlert("ticket", ticket))
	publish(t, engine, alert(t, "first"))
	<-begun
	closed := make(chan error)
	go func() { closed <- engine.Close(context.Background()) }()
	select {
	case err := <-closed:
		t.Fatalf("closed while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond): // a wrong Close is seen here, a right one never fails
	}
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int{1}, ticket.attempts()); diff != "" || len(ticket.shown()) != 0 {
		t.Errorf("attempts %s, failures %v", diff, ticket.shown())
	}
}

func TestAnInterruptedJobGoesOnAfterARestartWithoutCountingAnAttempt(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	begun := make(chan struct{})
	run(t, engine, onAlert("ticket", &action{do: func(ctx context.Context, _ framework.Job) (framework.Result, error) {
		close(begun)
		<-ctx.Done()
		return framework.Result{}, ctx.Err()
	}}))
	event := alert(t, "first")
	publish(t, engine, event)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no time to wait
	if err := engine.Close(ctx); err != nil {
		t.Fatal(err)
	}

	engine = open(t, dir, nil)
	again := &action{}
	run(t, engine, onAlert("ticket", again))
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{1}, again.attempts()); diff != "" {
		t.Error(diff)
	}
}

func TestRetriesGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) { o.Retry = Retry{First: 300 * time.Millisecond, Factor: 1} })
	run(t, engine, onAlert("ticket", failing(1000, down)))
	event := alert(t, "first")
	publish(t, engine, event)
	until(t, "two attempts failed", func() bool {
		run := runsOf(t, engine, event.ID)[0]
		return run.State == framework.RunRetrying && run.Attempts == 2
	})
	before, err := engine.runs.read(t.Context(), event.ID, "ticket")
	if err != nil {
		t.Fatal(err)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	untilState(t, engine, event.ID, framework.RunDone)
	if diff := cmp.Diff([]int{3}, ticket.attempts()); diff != "" {
		t.Error(diff)
	}
	after, err := engine.runs.read(t.Context(), event.ID, "ticket")
	if err != nil || !after.FirstTry.Equal(before.FirstTry) {
		t.Errorf("first try was %s, is %s, error %v", before.FirstTry, after.FirstTry, err)
	}
}

func TestEventsThatArriveWhileAnAutomationIsDownWaitForIt(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	old, known, late := alert(t, "old"), alert(t, "known"), alert(t, "late")
	publish(t, engine, old)
	ticket := &action{}
	run(t, engine, onAlert("ticket", ticket))
	publish(t, engine, known)
	untilState(t, engine, known.ID, framework.RunDone)
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	publish(t, engine, late) // before Run
	run(t, engine, onAlert("ticket", ticket))
	untilState(t, engine, late.ID, framework.RunDone)
	if runs := runsOf(t, engine, old.ID); len(runs) != 0 { // from before the automation was new
		t.Errorf("runs of an older event: %v", runs)
	}
	if n := len(ticket.attempts()); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

func TestAQueueThatIsNotConfiguredAnyMoreIsKeptOnlyWithUnfinishedEvents(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, nil)
	finished, unfinished := &action{}, failing(1000, down)
	run(t, engine, onAlert("finished", finished), onAlert("unfinished", unfinished))
	event := alert(t, "first")
	publish(t, engine, event)
	until(t, "one has finished", func() bool { return runsOf(t, engine, event.ID)[0].State == framework.RunDone })
	until(t, "the other has failed", func() bool { return len(unfinished.attempts()) > 0 })
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine)
	stream, _ := engine.streams.known("splunk")
	var left []string
	for info := range stream.ListConsumers(t.Context()).Info() {
		left = append(left, info.Name)
	}
	if diff := cmp.Diff([]string{"unfinished"}, left); diff != "" {
		t.Error(diff)
	}
	closeEngine(t, engine)

	engine = open(t, dir, nil)
	run(t, engine, onAlert("unfinished", &action{}))
	until(t, "it is finished", func() bool { return runsOf(t, engine, event.ID)[0].State == framework.RunDone })
}

func TestAutomationsAreChecked(t *testing.T) {
	jobs := func(names ...string) framework.Action { return &divided{names: names} }
	for name, c := range map[string]struct {
		automations []Automation
		want        string
	}{
		"a name with a dot": {
			[]Automation{onAlert("a.b", &action{})}, `automation name "a.b" is not 1 to 63 of a-z, 0-9, - and _`,
		},
		"a name with the separator": {
			[]Automation{onAlert("a=b", &action{})}, `automation name "a=b" is not 1 to 63 of a-z, 0-9, - and _`,
		},
		"a name that is too long": {
			[]Automation{onAlert(strings.Repeat("a", 64), &action{})},
			`automation name "` + strings.Repeat("a", 64) + `" is not 1 to 63 of a-z, 0-9, - and _`,
		},
		"a pattern for a type": {
			[]Automation{{Name: "a", On: "splunk.*", Action: &action{}}}, `automation a: event type "splunk.*" is not of the form source.what`,
		},
		"no type":         {[]Automation{{Name: "a", Action: &action{}}}, `automation a: event type "" is not of the form source.what`},
		"no action":       {[]Automation{{Name: "a", On: "splunk.alert"}}, `automation a has no action`},
		"a name twice":    {[]Automation{onAlert("a", &action{}), onAlert("a", &action{})}, `automation a: the name is used twice`},
		"a job twice":     {[]Automation{onAlert("a", jobs("x", "x"))}, `automation a, job x: the name is used twice`},
		"a job's name":    {[]Automation{onAlert("a", jobs("X"))}, `automation a: job name "X" is not 1 to 63 of a-z, 0-9, - and _`},
		"several at once": {[]Automation{{Name: "a", On: "x.y"}, onAlert("B", nil)}, "automation a has no action\n" + `automation name "B" is not 1 to 63 of a-z, 0-9, - and _`},
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			err := engine.Run(c.automations)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			run(t, engine) // a refused configuration is not a run
			if err := engine.Run(nil); err == nil {
				t.Error("Run may be called twice")
			}
		})
	}
}

func TestAJobThatIgnoresItsContextCannotKeepCloseForEver(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	begun, release := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	run(t, engine, onAlert("ticket", &action{do: func(context.Context, framework.Job) (framework.Result, error) {
		close(begun)
		<-release
		ended.Store(true)
		return framework.Result{}, nil
	}}))
	publish(t, engine, alert(t, "first"))
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := engine.Close(ctx); err == nil || ended.Load() {
		t.Errorf("error %v, the job ended: %t", err, ended.Load())
	}
	close(release)
	engine.jobs.Wait()
	engine.closeErr = nil // told above
}
