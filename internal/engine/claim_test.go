package engine

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// deadAlert makes a dead letter of a job that fails once, and returns it.
func deadAlert(t *testing.T, engine *Engine) (framework.Event, *action, framework.DeadLetter) {
	t.Helper()
	ticket := failing(1, forbidden)
	run(t, engine, onAlert("ticket", ticket))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	return event, ticket, lettersOf(t, engine)[0]
}

func TestOneOfManyAtOnceGetsALetter(t *testing.T) {
	replay := func(engine *Engine, _ int) func(context.Context, string) error { return engine.replay }
	drop := func(engine *Engine, _ int) func(context.Context, string) error { return engine.drop }
	either := func(engine *Engine, n int) func(context.Context, string) error {
		if n%2 == 0 {
			return engine.drop
		}
		return engine.replay
	}
	for name, call := range map[string]func(*Engine, int) func(context.Context, string) error{
		"replays": replay, "drops": drop, "replays and drops": either,
	} {
		t.Run(name, func(t *testing.T) {
			engine := open(t, t.TempDir(), nil)
			event, ticket, letter := deadAlert(t, engine)
			var replayed, dropped atomic.Int32
			var all sync.WaitGroup
			start := make(chan struct{})
			for n := range 20 {
				all.Go(func() {
					<-start
					err := call(engine, n)(t.Context(), letter.ID)
					switch {
					case errors.Is(err, framework.ErrNoEvent):
					case err != nil:
						t.Error(err)
					case name == "drops" || name != "replays" && n%2 == 0:
						dropped.Add(1)
					default:
						replayed.Add(1)
					}
				})
			}
			close(start)
			all.Wait()
			if replayed.Load()+dropped.Load() != 1 {
				t.Errorf("%d replays and %d drops succeeded", replayed.Load(), dropped.Load())
			}
			if replayed.Load() == 1 {
				untilState(t, engine, event.ID, framework.RunDone)
			}
			closeEngine(t, engine)
			if diff := cmp.Diff(1+int(replayed.Load()), len(ticket.attempts())); diff != "" {
				t.Errorf("attempts: %s", diff)
			}
		})
	}
}

func TestALetterThatWasReplayedBeforeACrashCannotBeDroppedAsIfItWereNot(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	event, _, id := deadAlert(t, engine)
	dead, err := engine.letter(t.Context(), id.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.redo(t.Context(), engine.configured()[0], dead); err != nil { // and then the crash
		t.Fatal(err)
	}
	untilState(t, engine, event.ID, framework.RunDone)
	if err := engine.drop(t.Context(), id.ID); !errors.Is(err, framework.ErrNoEvent) {
		t.Errorf("got %v", err)
	}
	if letters := lettersOf(t, engine); len(letters) != 0 {
		t.Errorf("letters left: %v", letters)
	}
}

func TestAReplayThatFailsAtOnceAgainLeavesTheNewLetter(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	run(t, engine, onAlert("ticket", failing(1000, forbidden)))
	event := alert(t, "first")
	publish(t, engine, event)
	untilState(t, engine, event.ID, framework.RunDead)
	id := lettersOf(t, engine)[0].ID
	for range 10 { // the job may be faster than the removal of the old letter
		before, err := engine.letter(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.replay(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		until(t, "there is a new letter", func() bool {
			after, err := engine.letter(t.Context(), id)
			return err == nil && after.sequence > before.sequence
		})
	}
}

func TestACallThatLeavesDoesNotWaitForItsTurn(t *testing.T) {
	engine := open(t, t.TempDir(), nil)
	_, _, letter := deadAlert(t, engine)
	if err := engine.claim.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{engine.drop(ctx, letter.ID), engine.replay(ctx, letter.ID)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	engine.claim.Release(1)
	if letters := lettersOf(t, engine); len(letters) != 1 {
		t.Errorf("letters: %v", letters)
	}
}

// TestAClaimOnALetterAgesByAClockThatNobodySets: one set back must not keep a claim, nor one set ahead void it.
func TestAClaimOnALetterAgesByAClockThatNobodySets(t *testing.T) {
	t.Parallel()
	clock := &frameworktest.Clock{}
	engine := startNATS(t, 1, "").join(t, func(o *Options) { o.Now = clock.Now })
	_, _, id := deadAlert(t, engine)
	engine.claims = &sightings{elapsed: clock.Elapsed}
	dead, err := engine.letter(t.Context(), id.ID)
	if err != nil {
		t.Fatal(err)
	}
	dead.Claim = claim{By: "another", At: clock.Now().UTC(), Letter: dead.place()}
	if _, err := engine.rewrite(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name      string
		set, pass time.Duration
		want      bool
	}{
		{"when it is met", 0, 0, true},
		{"the clock is set ahead by a day", 24 * time.Hour, time.Second, true},
		{"and back, to an hour before the claim", -25 * time.Hour, claimLease - 2*time.Second, true},
		{"as long after it was met as a claim is for", 0, time.Second, false},
	} {
		clock.Set(step.set)
		clock.Advance(step.pass)
		_, err := engine.take(t.Context(), id.ID)
		refusal, refused := errors.AsType[*framework.Problem](err)
		if refused != step.want || refused && refusal.Status != http.StatusConflict || err != nil && !refused {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

// TestAClaimThatIsMetLateIsKnownToBeOld: what is counted for the metrics tells that it was there.
func TestAClaimThatIsMetLateIsKnownToBeOld(t *testing.T) {
	clock := &frameworktest.Clock{}
	engine := open(t, t.TempDir(), nil)
	_, _, id := deadAlert(t, engine)
	engine.claims = &sightings{elapsed: clock.Elapsed}
	if _, err := engine.Stats(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(claimLease)
	dead, err := engine.letter(t.Context(), id.ID)
	if err != nil {
		t.Fatal(err)
	}
	if age := engine.claims.age(dead.sequence); age != claimLease {
		t.Errorf("it is taken to be %s old", age)
	}
}
