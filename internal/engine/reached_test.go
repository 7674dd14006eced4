package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// gone are ways in which the messages of a stream may go.
var gone = []struct {
	name string
	take func(dir, stream string) error
}{
	{"its file is empty", func(dir, stream string) error { return os.Truncate(blockOf(dir, stream), 0) }},
	{"its file is gone", func(dir, stream string) error { return os.Remove(blockOf(dir, stream)) }},
	{"its files are gone", func(dir, stream string) error { return os.RemoveAll(filepath.Dir(blockOf(dir, stream))) }},
	{"its folder is gone", func(dir, stream string) error { return os.RemoveAll(filepath.Join(streamsIn(dir), stream)) }},
}

func TestALedgerWhoseMessagesAreGoneAfterAKillForgets(t *testing.T) {
	for _, way := range gone {
		for _, unnoted := range []bool{false, true} {
			name := way.name
			if unnoted {
				name += ", and the notes"
			}
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				engine := open(t, dir, func(o *Options) { o.mendEvery = time.Hour }) // nothing is noted in between
				if unnoted {
					run(t, engine, onAlert("ticket", &action{}))
					event := alert(t, "1")
					publish(t, engine, event)
					untilState(t, engine, event.ID, framework.RunDone)
				}
				if _, err := engine.Ledger().Put(t.Context(), "ticket.1", []byte("SEC-1"), 0); err != nil {
					t.Fatal(err)
				}
				dir = killedCopy(t, dir)
				closeEngine(t, engine)
				if err := way.take(dir, "KV_ledger"); err != nil {
					t.Fatal(err)
				}
				if unnoted {
					if err := os.RemoveAll(filepath.Join(dir, copiesDir)); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					engine = open(t, dir, nil)
					if !forgets(engine) || engine.Ledger().Age(0) > deadline {
						t.Errorf("forgets %t, for %s none were lost", forgets(engine), engine.Ledger().Age(0))
					}
					closeEngine(t, engine)
				}
			})
		}
	}
}

func TestALedgerThatLacksNothingAfterAKillDoesNotForget(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, func(o *Options) { o.mendEvery = 10 * time.Millisecond })
	run(t, engine, onAlert("ticket", &action{}))
	event := alert(t, "1")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
	for _, put := range []bool{false, true} {
		if put {
			if _, err := engine.Ledger().Put(t.Context(), "ticket.1", []byte("SEC-1"), 0); err != nil {
				t.Fatal(err)
			}
			until(t, "it is noted", func() bool {
				noted, whole := readReach(dir, "KV_ledger")
				return whole && noted.Last == 1 && !noted.Oldest.IsZero()
			})
		}
		log, options := logged()
		after := open(t, killedCopy(t, dir), options)
		if forgets(after) || strings.Contains(log.String(), "WARN") {
			t.Errorf("with an entry: %t:\n%s", put, log.String())
		}
		closeEngine(t, after)
	}
}

// TestWhatIsLostOfALedgerIsLookedForByTheNextProcessToo: the one that found it out may have been killed at once.
func TestWhatIsLostOfALedgerIsLookedForByTheNextProcessToo(t *testing.T) {
	clock := &frameworktest.Clock{}
	options := func(o *Options) { o.Now = clock.Now }
	dir := ledgerOf(t, options)
	if err := os.Truncate(blockOf(dir, "KV_ledger"), 0); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		later time.Duration
		fresh bool
	}{{0, true}, {time.Minute, true}, {2 * longestEffect, false}} {
		clock.Advance(step.later)
		engine := open(t, dir, options)
		if fresh := engine.Ledger().Age(0) < deadline; fresh != step.fresh {
			t.Errorf("%s later: for %s none were lost", step.later, engine.Ledger().Age(0))
		}
		closeEngine(t, engine)
	}
}

func TestEventsThatAreGoneAfterAKillAreToldOfAndWhatComesIsWorkedOn(t *testing.T) {
	for _, way := range gone {
		t.Run(way.name, func(t *testing.T) {
			dir := t.TempDir()
			engine := open(t, dir, func(o *Options) { killOptions(o); o.mendEvery = 10 * time.Millisecond })
			run(t, engine, onAlert("ticket", &action{do: func(context.Context, framework.Job) (framework.Result, error) {
				return framework.Result{}, errors.New("down")
			}}))
			events := []framework.Event{alert(t, "1"), alert(t, "2"), alert(t, "3")}
			publish(t, engine, events...)
			until(t, "it is noted", func() bool {
				noted, _ := readReach(dir, "EV_splunk")
				return noted.Messages == 3
			})
			dir = killedCopy(t, dir)
			closeEngine(t, engine)
			if err := way.take(dir, "EV_splunk"); err != nil {
				t.Fatal(err)
			}
			log, options := logged()
			engine = open(t, dir, options)
			if text := log.String(); !strings.Contains(text, `"stream":"EV_splunk","gone":3`) {
				t.Error(text)
			}
			run(t, engine, onAlert("ticket", &action{}))
			for _, event := range append(events, alert(t, "new")) { // whoever sent them sends them again
				publish(t, engine, event)
				untilState(t, engine, event.ID, framework.RunDone)
			}
			closeEngine(t, engine)
			log, options = logged()
			open(t, dir, options)
			if text := log.String(); strings.Contains(text, `"gone"`) {
				t.Errorf("it is told again:\n%s", text)
			}
		})
	}
}

func TestAQueuesStateTellsHowFarItsStreamCame(t *testing.T) {
	dir, _ := waitingStore(t)
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, copiesDir)), os.Remove(blockOf(dir, "EV_splunk"))); err != nil {
		t.Fatal(err)
	}
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}))
	event := alert(t, "new")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDone)
}

// TestEventsThatWereRemovedAreNotMissed: those that are swept leave their places to nobody.
func TestEventsThatWereRemovedAreNotMissed(t *testing.T) {
	for name, from := range map[string]int{"all": 0, "the last": 2} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			engine := open(t, dir, killOptions)
			run(t, engine, onAlert("ticket", &action{}))
			for _, text := range []string{"1", "2", "3"} {
				publish(t, engine, alert(t, text))
				untilState(t, engine, alert(t, text).ID, framework.RunDone)
			}
			stream, err := engine.streams.of(t.Context(), "splunk")
			if err != nil {
				t.Fatal(err)
			}
			for sequence := from + 1; sequence <= 3; sequence++ {
				if err := stream.DeleteMsg(t.Context(), uint64(sequence)); err != nil {
					t.Fatal(err)
				}
			}
			engine.noteReached(t.Context())
			for _, unnoted := range []bool{false, true} {
				after := killedCopy(t, dir)
				if unnoted {
					if err := os.RemoveAll(filepath.Join(after, copiesDir)); err != nil {
						t.Fatal(err)
					}
				}
				log, options := logged()
				open(t, after, options)
				if strings.Contains(log.String(), "EV_splunk") {
					t.Error(log.String())
				}
			}
		})
	}
}

// TestWhatIsGoneOfTheRestIsToldOf: letters, runs and the audit log are missed as events are.
func TestWhatIsGoneOfTheRestIsToldOf(t *testing.T) {
	pattern := t.TempDir()
	richStore(t, pattern)
	for _, stream := range []string{"DLQ", "AUDIT", "KV_runs"} {
		for _, way := range gone {
			t.Run(stream+": "+way.name, func(t *testing.T) {
				t.Parallel()
				dir := killedCopy(t, pattern)
				if err := way.take(dir, stream); err != nil {
					t.Fatal(err)
				}
				log, options := logged()
				closeEngine(t, open(t, dir, options))
				if text := log.String(); !strings.Contains(text, `"level":"ERROR"`) || !strings.Contains(text, `"stream":"`+stream+`"`) {
					t.Error(text)
				}
				log, options = logged()
				closeEngine(t, open(t, dir, options))
				if text := log.String(); strings.Contains(text, "ERROR") {
					t.Errorf("it is told again:\n%s", text)
				}
			})
		}
	}
}

// TestEventsThatWereBeingRemovedAtAKillAreNotMissed: what was noted of them before has them all.
func TestEventsThatWereBeingRemovedAtAKillAreNotMissed(t *testing.T) {
	for name, remove := range map[string]func(*Engine) error{
		"by the sweep": func(e *Engine) error { return e.newSweeper().sweep(t.Context()) },
		"to make room": func(e *Engine) error {
			stream, err := e.streams.of(t.Context(), "splunk")
			if err != nil {
				return err
			}
			return e.reclaim(t.Context(), "splunk", stream, maxReclaimed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var later atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
			options := func(o *Options) { killOptions(o); o.Now = now; o.mendEvery = time.Hour }
			dir := t.TempDir()
			engine := open(t, dir, options)
			run(t, engine, onAlert("ticket", &action{}))
			for _, text := range []string{"1", "2", "3"} {
				publish(t, engine, alert(t, text))
				untilState(t, engine, alert(t, text).ID, framework.RunDone)
			}
			until(t, "the queue is finished", func() bool {
				queues, err := engine.Queues(t.Context())
				return err == nil && queues[0].Waiting == 0
			})
			engine.noteReached(t.Context())
			later.Store(int64(2 * retention))
			if err := remove(engine); err != nil {
				t.Fatal(err)
			}
			starts := func(want string) {
				t.Helper()
				after := killedCopy(t, dir)
				log, logging := logged()
				open(t, after, func(o *Options) { logging(o); o.Now = now })
				if got := log.String(); strings.Contains(got, "EV_splunk") != (want != "") || !strings.Contains(got, want) {
					t.Errorf("want %q, got %q", want, got)
				}
			}
			starts("")
			engine.noteReached(t.Context()) // from here on each is missed again
			starts("")
			noted, _ := readReach(dir, "EV_splunk")
			if noted.Removing {
				t.Errorf("noted as being removed when that is over: %+v", noted)
			}
		})
	}
}
