package evidence

import (
	"errors"
	"fmt"
	"testing"
)

// TestAKillAtAnyCallLosesNothing lets a process be killed at each call of the store in turn, before or after the call had its
// effect. The next process does again what was not acknowledged, as the engine has it. In the end every object is sealed, once
// and for good, and no manifest was made in two ways.
func TestAKillAtAnyCallLosesNothing(t *testing.T) {
	for _, lost := range []string{"call", "answer"} {
		kills := 0
		for at := 1; ; at++ {
			w := newWorld()
			w.fail = func(call int) (before, after bool) {
				return call == at && lost == "call" || call > at, call == at && lost == "answer"
			}
			if w.story(t) == nil {
				break // the story has no such call
			}
			kills++
			w.fail = nil
			if err := w.story(t); err != nil {
				t.Fatalf("after a kill at call %d: %v", at, err)
			}
			if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Waiting != 0 || report.Objects != 9 {
				t.Fatalf("after a kill at call %d with its %s lost: %+v", at, lost, report)
			}
		}
		if kills < 40 {
			t.Errorf("the story has %d calls: it was not told as it is", kills)
		}
		t.Logf("killed at each of %d calls, its %s lost", kills, lost)
	}
}

// story is a process that archives and seals for some hours, as if it were always the same ones.
func (w world) story(t *testing.T) error {
	t.Helper()
	a := w.replica(nil)
	for i := range 3 {
		for n := range 3 {
			if err := a.Put(t.Context(), fmt.Sprintf("a/%d/%d", i, n), []byte("body")); err != nil {
				return err
			}
		}
		if _, err := a.Seal(t.Context(), i == 1); err != nil {
			return err
		}
	}
	_, err := a.Seal(t.Context(), true)
	return err
}

// TestAKillWhileAnotherReplicaWorksLosesNothing kills one of two that work in turn.
func TestAKillWhileAnotherReplicaWorksLosesNothing(t *testing.T) {
	for at := range 60 {
		w := newWorld()
		a, b := w.replica(nil), w.replica(nil)
		killed := false
		asKilled := func(do func() error) {
			if killed {
				return
			}
			w.calls = 0
			w.fail = func(call int) (bool, bool) { return call > at%12, false }
			err := do()
			w.fail = nil
			if killed = errors.Is(err, errKilled); err != nil && !killed {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			key := fmt.Sprintf("a/%d", i)
			if i >= at/12 {
				asKilled(func() error { return a.Put(t.Context(), key, []byte("body")) })
				asKilled(func() error { _, err := a.Seal(t.Context(), true); return err })
			}
			put(t, b, key, "body")
			seal(t, b, i%2 == 0)
		}
		seal(t, w.replica(nil), true)
		if report := w.verify(t, Options{}); len(report.Findings) != 0 || report.Objects != 5 || report.Waiting != 0 {
			t.Fatalf("kill %d: %+v", at, report)
		}
	}
}
