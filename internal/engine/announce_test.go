package engine

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// TestAReplayThatIsAnnouncedWhileItsJobRunsIsNotDoneTwice has the worker be faster than Replay, which shows the run as
// waiting once the event is published.
func TestAReplayThatIsAnnouncedWhileItsJobRunsIsNotDoneTwice(t *testing.T) {
	for _, state := range []framework.RunState{framework.RunDone, framework.RunDead} {
		t.Run(string(state), func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			begun, announced := make(chan struct{}), make(chan struct{})
			attempts := 0
			ticket := &action{do: func(context.Context, framework.Job) (framework.Result, error) {
				if attempts++; attempts == 2 {
					close(begun)
					<-announced
				}
				if attempts == 1 || state == framework.RunDead {
					return framework.Result{}, forbidden()
				}
				return framework.Result{Summary: "done"}, nil
			}}
			run(t, engine, onAlert("ticket", ticket))
			event := alert(t, "first")
			publish(t, engine, event)
			untilState(t, engine, event.ID, framework.RunDead)
			dead, err := engine.letter(t.Context(), lettersOf(t, engine)[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			sequence, err := engine.redo(t.Context(), engine.configured()[0], dead)
			if err != nil {
				t.Fatal(err)
			}
			<-begun
			record, err := engine.runs.read(t.Context(), event.ID, "ticket")
			if err != nil {
				t.Fatal(err)
			}
			// What Replay had read before the worker began, and writes only now.
			waiting := engine.configured()[0].fresh(sequence, record.revision)
			if err := engine.runs.write(t.Context(), event.ID, "ticket", waiting); err != nil {
				t.Fatal(err)
			}
			close(announced)
			untilState(t, engine, event.ID, state)
			closeEngine(t, engine)
			if diff := cmp.Diff([]int{1, 1}, ticket.attempts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAWorkerGivesWayToAnyOtherChangeOfItsRun(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	run(t, engine, onAlert("ticket", &action{}))
	queue := engine.configured()[0]
	for name, change := range map[string]func(*record){
		"a later replay":                   func(r *record) { r.Sequence = 8 },
		"another worker, with an attempt":  func(r *record) { r.Attempts, r.State = 1, framework.RunRunning },
		"another worker, that was put off": func(r *record) { r.Reason = "a quota" },
	} {
		event := alert(t, name)
		stored := queue.fresh(7, 0)
		change(stored)
		if err := engine.runs.write(t.Context(), event.ID, "ticket", stored); err != nil {
			t.Fatal(err)
		}
		late := &delivery{queue: queue, event: event, record: queue.fresh(7, 0)}
		if err := late.save(t.Context(), framework.RunRunning); err != errSuperseded { //nolint:errorlint // the sentinel itself
			t.Errorf("%s: %v", name, err)
		}
	}
}
