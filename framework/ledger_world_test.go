package framework_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// world is a service that commits late and shows late, within Limit and Lag, with workers that fail at every step.
type world struct {
	*rapid.T
	clock     frameworktest.Clock
	ledger    frameworktest.MemoryLedger
	committed []time.Time // when each effect came about, or will
	depth     int
	began     time.Time    // when the intent was begun to be recorded that was last
	processes []*successor // each of which knows only what it has met
}

const (
	worldLimit = 20 * time.Second
	worldLag   = 30 * time.Second
)

// upTo draws a duration, often one of the two ends.
func (w *world) upTo(most time.Duration, label string) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, most / 4, 3 * most / 4, most, most}).Draw(w.T, label)
}

func (w *world) flip(label string) bool { return rapid.IntRange(0, 3).Draw(w.T, label) == 3 }

// step may fail or kill the worker.
func (w *world) step(label string) error {
	switch rapid.IntRange(0, 14).Draw(w.T, label) {
	case 13:
		return errPlanned
	case 14:
		panic(crash{})
	default:
		return nil
	}
}

// truth is the time, whatever the clock was set to.
func (w *world) truth() time.Time { return frameworktest.Start().Add(w.clock.Elapsed()) }

func (w *world) find(context.Context) (string, error) {
	if err := w.step("find"); err != nil {
		return "", err
	}
	for i, at := range w.committed {
		if !w.truth().Before(at.Add(w.upTo(worldLag, "hidden for"))) {
			return fmt.Sprint(i), nil
		}
	}
	return "", nil
}

func (w *world) do(context.Context) (string, error) {
	began := w.began
	if !w.truth().Before(began.Add(worldLimit)) { // its context has ended
		return "", &framework.ServiceError{Service: "s", Reason: "not sent"}
	}
	if w.flip("refused") {
		return "", &framework.ServiceError{Service: "s", Reason: "refused"}
	}
	took := w.upTo(worldLimit, "took")
	happens := !w.flip("lost on the way")
	if happens {
		w.committed = append(w.committed, began.Add(w.upTo(worldLimit, "commits after")))
	}
	mine := len(w.committed) - 1
	for range rapid.IntRange(0, 2).Draw(w.T, "others meanwhile") {
		w.clock.Advance(w.upTo(took/2, "until another"))
		w.worker()
	}
	if passed := w.truth().Sub(began); passed < took {
		w.clock.Advance(took - passed)
	}
	if w.flip("dies") {
		panic(crash{})
	}
	if err := w.step("do"); err != nil || !happens {
		return "", &framework.ServiceError{Service: "s", Reason: "no answer", Ambiguous: true}
	}
	if late := w.committed[mine].Sub(w.truth()); late > 0 { // an answer comes after the commit
		w.clock.Advance(late)
	}
	return fmt.Sprint(mine), nil
}

// worker makes one attempt and returns its result, or "" when it failed or died.
func (w *world) worker() (result string) {
	if w.depth > 2 {
		return ""
	}
	mine := rapid.IntRange(0, len(w.processes)-1).Draw(w.T, "process")
	w.depth++
	defer func() {
		w.depth--
		if died := recover(); died != nil {
			if _, planned := died.(crash); !planned {
				panic(died)
			}
			w.processes[mine] = w.process() // it starts again, and knows nothing
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if w.flip("gone") {
		cancel()
	}
	effect := framework.Effect{Find: w.find, Do: w.do, Lag: worldLag, Limit: worldLimit}
	result, err := framework.Once(ctx, w.processes[mine], w.clock.Now, "k", effect)
	if wait, ok := errors.AsType[*framework.Wait](err); ok && wait.Until.Sub(w.clock.Now()) > worldLimit+worldLag {
		w.Errorf("told to wait for %s", wait.Until.Sub(w.clock.Now()))
	}
	if err != nil {
		return ""
	}
	return result
}

func (w *world) process() *successor {
	return &successor{&w.ledger, w.clock.Elapsed, map[uint64]time.Duration{}}
}

func TestOnceNeverDoesItTwice(t *testing.T) {
	for range 5 { // of a hundred worlds each
		rapid.Check(t, live)
	}
}

func live(rt *rapid.T) {
	w := &world{T: rt}
	w.ledger.BeforeGet = func(string) error { return w.step("get") }
	w.ledger.BeforePut = func(string) error {
		w.began = w.truth()
		return w.step("put")
	}
	w.ledger.AfterPut = func(string) error {
		began := w.began
		for w.flip("the answer takes its time") {
			w.clock.Advance(w.upTo(worldLimit/2, "to answer"))
			w.worker()
		}
		w.began = began
		return w.step("put answer")
	}
	w.processes = []*successor{w.process(), w.process()}
	results := map[string]bool{}
	for range 10 {
		if result := w.worker(); result != "" {
			results[result] = true
		}
		w.clock.Advance(w.upTo(worldLimit+worldLag, "until redelivery"))
		if w.flip("set") {
			w.clock.Set(rapid.SampledFrom([]time.Duration{-time.Hour, -time.Second, time.Second, worldLimit, worldLimit + worldLag, time.Hour}).Draw(w.T, "by"))
		}
	}
	if len(w.committed) > 1 {
		rt.Errorf("it came about %d times", len(w.committed))
	}
	if len(results) > 1 || len(results) == 1 && len(w.committed) == 0 {
		rt.Errorf("results %v of %d effects", results, len(w.committed))
	}
}
