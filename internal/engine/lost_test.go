package engine

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"funnelweb/framework"
)

// killedCopy is a copy of a store that works, as it would be found by whoever starts after a kill.
func killedCopy(t *testing.T, dir string) (found string) {
	t.Helper()
	for {
		found = t.TempDir()
		err := os.CopyFS(found, os.DirFS(dir))
		if err == nil {
			return found
		}
		if !errors.Is(err, fs.ErrNotExist) { // a file that has just got its name: a kill leaves one or the other
			t.Fatal(err)
		}
	}
}

// waitingStore is a store as a kill leaves it, with an event that is done, and others that wait.
func waitingStore(t *testing.T) (dir string, events []framework.Event) {
	t.Helper()
	down := &action{do: func(_ context.Context, job framework.Job) (framework.Result, error) {
		if job.Event.ID == alert(t, "0").ID {
			return framework.Result{Summary: "done"}, nil
		}
		return framework.Result{}, errors.New("down")
	}}
	dir = t.TempDir()
	engine := open(t, dir, killOptions)
	publish(t, engine, alert(t, "before the automation"))
	run(t, engine, onAlert("ticket", down))
	for _, text := range []string{"0", "1", "2", "3"} {
		events = append(events, alert(t, text))
	}
	publish(t, engine, events...)
	untilState(t, engine, events[0].ID, framework.RunDone)
	until(t, "all were tried", func() bool { return len(down.attempts()) >= 8 })
	dir = killedCopy(t, dir)
	closeEngine(t, engine)
	return dir, events
}

func TestAQueueOfWhichFilesAreGoneAfterAKillLosesNothing(t *testing.T) {
	for _, gone := range []string{"obs/ticket/o.dat", "obs/ticket/meta.inf", "obs/ticket", "obs"} {
		t.Run(gone, func(t *testing.T) {
			dir, events := waitingStore(t)
			if err := os.RemoveAll(filepath.Join(streamsIn(dir), "EV_splunk", gone)); err != nil {
				t.Fatal(err)
			}
			jobs := &action{}
			log, options := logged()
			engine := open(t, dir, options)
			run(t, engine, onAlert("ticket", jobs))
			for _, event := range events {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			for _, job := range jobs.jobs {
				if id := job.Event.ID; id == events[0].ID || id == alert(t, "before the automation").ID {
					t.Errorf("%s was begun again, or is not the queue's", id)
				}
			}
			want := 1
			if gone == "obs/ticket/meta.inf" {
				want = 0 // the state is there, and tells more
			}
			if count := strings.Count(log.String(), "the state of a queue is damaged"); count != want {
				t.Errorf("%d warnings:\n%s", count, log.String())
			}
		})
	}
}

// logged are options whose log is kept.
func logged() (log *lockedBuffer, options func(*Options)) {
	log = new(lockedBuffer)
	return log, func(o *Options) {
		killOptions(o)
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	}
}

// TestAQueueThatWasGivenUpStaysSo: a copy of its description would have it made anew.
func TestAQueueThatWasGivenUpStaysSo(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}), onAlert("other", &action{}))
	event := alert(t, "for both")
	publish(t, engine, event)
	until(t, "both are done", func() bool {
		runs := runsOf(t, engine, event.ID)
		return len(runs) == 2 && runs[0].State == framework.RunDone && runs[1].State == framework.RunDone
	})
	closeEngine(t, engine)
	engine = open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{})) // with no event waiting the other is removed
	dir = killedCopy(t, dir)
	closeEngine(t, engine)
	log, options := logged()
	engine = open(t, dir, options)
	run(t, engine, onAlert("ticket", &action{}))
	queues, err := engine.Queues(t.Context())
	if err != nil || len(queues) != 1 || strings.Contains(log.String(), "damaged") {
		t.Errorf("%v, %v:\n%s", queues, err, log.String())
	}
}

// TestAQueueThatIsNewAtAKillIsNotDamaged: its state is there before anything is taken from it.
func TestAQueueThatIsNewAtAKillIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	engine := open(t, dir, killOptions)
	run(t, engine, onAlert("ticket", &action{}))
	dir = killedCopy(t, dir)
	closeEngine(t, engine)
	log, options := logged()
	open(t, dir, options)
	if strings.Contains(log.String(), "WARN") {
		t.Error(log.String())
	}
}
