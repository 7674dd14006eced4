package framework_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

var errPlanned = errors.New("planned by the test")

// service brings effects about for Once, and counts.
type service struct {
	found  string
	looked int
	done   int
	do     func(context.Context) (string, error)
}

func (s *service) effect() framework.Effect {
	return framework.Effect{
		Lag: time.Minute,
		Find: func(context.Context) (string, error) {
			s.looked++
			return s.found, nil
		},
		Do: func(ctx context.Context) (string, error) {
			s.done++
			if s.do != nil {
				return s.do(ctx)
			}
			return "SEC-1", nil
		},
	}
}

func (s *service) once(t *testing.T, ledger framework.Ledger, clock *frameworktest.Clock) (string, error) {
	t.Helper()
	return framework.Once(t.Context(), ledger, clock.Now, "ticket.a", s.effect())
}

func wantWait(t *testing.T, err error, until time.Time) {
	t.Helper()
	wait, ok := errors.AsType[*framework.Wait](err)
	if !ok || !wait.Until.Equal(until) {
		t.Errorf("error = %v, want a wait until %s", err, until)
	}
}

func TestOnceRemembersItsResult(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	var s service
	for range 3 {
		if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-1" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if s.done != 1 || s.looked != 0 {
		t.Errorf("done %d times, looked %d times", s.done, s.looked)
	}
}

func TestOnceTriesAtOnceAfterASureFailure(t *testing.T) {
	for name, sure := range map[string]error{
		"refused":    &framework.ServiceError{Service: "jira", Reason: "no such project", Permanent: true},
		"over quota": &framework.Wait{Until: frameworktest.Start(), Reason: "quota"},
	} {
		t.Run(name, func(t *testing.T) {
			var clock frameworktest.Clock
			var ledger frameworktest.MemoryLedger
			s := service{do: func(context.Context) (string, error) { return "", sure }}
			if _, err := s.once(t, &ledger, &clock); !errors.Is(err, sure) {
				t.Errorf("error = %v", err)
			}
			s.do = nil
			if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-1" || s.looked != 0 {
				t.Errorf("got %q, %v, looked %d times", got, err, s.looked)
			}
		})
	}
}

func TestOnceWaitsAndLooksAfterAnUnsureFailure(t *testing.T) {
	for name, unsure := range map[string]error{
		"no answer":         &framework.ServiceError{Service: "jira", Reason: "no answer", Ambiguous: true},
		"an unknown error":  errPlanned,
		"a caller who left": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			var clock frameworktest.Clock
			var ledger frameworktest.MemoryLedger
			s := service{do: func(context.Context) (string, error) {
				clock.Advance(10 * time.Second)
				return "", unsure
			}}
			// However soon the answer was lost, the effect may come about until Limit has passed, and be hidden for Lag.
			ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
			if _, err := s.once(t, &ledger, &clock); !errors.Is(err, unsure) {
				t.Errorf("error = %v", err)
			}
			clock.Advance(ready.Sub(clock.Now()) - time.Second)
			_, err := s.once(t, &ledger, &clock)
			wantWait(t, err, ready)
			if s.looked != 0 {
				t.Error("looked before the service can be trusted to show it")
			}
			clock.Advance(time.Second)
			s.found = "SEC-7"
			if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-7" || s.done != 1 {
				t.Errorf("got %q, %v, done %d times", got, err, s.done)
			}
			s.found = ""
			if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-7" || s.looked != 1 {
				t.Errorf("what was found is not remembered: %q, %v, looked %d times", got, err, s.looked)
			}
		})
	}
}

func TestOnceDoesItAgainWhenNothingIsFound(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	s := service{do: func(context.Context) (string, error) { return "", errPlanned }}
	_, _ = s.once(t, &ledger, &clock)
	clock.Advance(framework.DefaultLimit + time.Minute)
	s.do = nil
	if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-1" || s.done != 2 || s.looked != 1 {
		t.Errorf("got %q, %v, done %d times, looked %d times", got, err, s.done, s.looked)
	}
}

// crash stops a worker without any further step of it.
type crash struct{}

func crashing(t *testing.T, work func()) {
	t.Helper()
	defer func() {
		if _, ok := recover().(crash); !ok {
			t.Error("the worker did not crash")
		}
	}()
	work()
}

func TestOnceWaitsUntilACrashedWorkersCallMustHaveEnded(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	s := service{do: func(context.Context) (string, error) { panic(crash{}) }}
	crashing(t, func() { _, _ = s.once(t, &ledger, &clock) })
	ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
	clock.Advance(time.Minute)
	_, err := s.once(t, &ledger, &clock)
	wantWait(t, err, ready)
	clock.Advance(framework.DefaultLimit)
	s.found = "SEC-1"
	if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-1" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", got, err, s.done)
	}
}

func TestOnceDoesNotWaitForAClockThatWasSetBack(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	s := service{do: func(context.Context) (string, error) { return "", errPlanned }}
	_, _ = s.once(t, &ledger, &clock)
	clock.Advance(-30 * 24 * time.Hour)
	ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
	for range 3 { // each from the first call on, not anew
		_, err := s.once(t, &ledger, &clock)
		wantWait(t, err, ready)
		clock.Advance(time.Second)
	}
	clock.Advance(framework.DefaultLimit + time.Minute)
	s.found = "SEC-7"
	if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-7" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", got, err, s.done)
	}
}

func TestOnceDoesNothingWhenAnIntentFromTheFutureCannotBeDated(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	s := service{do: func(context.Context) (string, error) { return "", errPlanned }}
	_, _ = s.once(t, &ledger, &clock)
	clock.Advance(-time.Hour)
	ledger.BeforePut = func(string) error { return errPlanned }
	if _, err := s.once(t, &ledger, &clock); !errors.Is(err, errPlanned) || s.done != 1 || s.looked != 0 {
		t.Errorf("error = %v, done %d times, looked %d times", err, s.done, s.looked)
	}
}

func TestOnceBoundsTheEffect(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	for limit, want := range map[time.Duration]time.Duration{0: framework.DefaultLimit, time.Hour: time.Hour} {
		var s service
		s.do = func(ctx context.Context) (string, error) {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > want || left < want-time.Minute {
				t.Errorf("limit %s: %s are left", limit, left)
			}
			return "x", nil
		}
		effect := s.effect()
		effect.Limit = limit
		if _, err := framework.Once(t.Context(), &ledger, clock.Now, fmt.Sprint("limit-", int(limit)), effect); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnceRecordsAnEffectWhoseCallerIsGone(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	ctx, leave := context.WithCancel(t.Context())
	var s service
	s.do = func(context.Context) (string, error) {
		leave()
		return "SEC-1", nil
	}
	if got, err := framework.Once(ctx, &ledger, clock.Now, "ticket.a", s.effect()); err != nil || got != "SEC-1" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := s.once(t, &ledger, &clock); err != nil || got != "SEC-1" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", got, err, s.done)
	}
}

func TestOnceDoesNothingWithoutALedger(t *testing.T) {
	var clock frameworktest.Clock
	for name, ledger := range map[string]*frameworktest.MemoryLedger{
		"it cannot be read":    {BeforeGet: func(string) error { return errPlanned }},
		"it cannot be written": {BeforePut: func(string) error { return errPlanned }},
	} {
		var s service
		if _, err := s.once(t, ledger, &clock); !errors.Is(err, errPlanned) || s.done != 0 {
			t.Errorf("%s: error = %v, done %d times", name, err, s.done)
		}
	}
	var ledger frameworktest.MemoryLedger
	for i, broken := range []string{"no JSON", `{"state":"later"}`} {
		key := fmt.Sprint("broken-", i)
		if _, err := ledger.Put(t.Context(), key, []byte(broken), 0); err != nil {
			t.Fatal(err)
		}
		var s service
		if _, err := framework.Once(t.Context(), &ledger, clock.Now, key, s.effect()); err == nil || s.done != 0 {
			t.Errorf("%s: error = %v, done %d times", broken, err, s.done)
		}
	}
}

func TestOnceTellsBothErrorsWhenTheOutcomeIsNotRecorded(t *testing.T) {
	var clock frameworktest.Clock
	refused := &framework.ServiceError{Service: "jira", Op: "create issue", Reason: "no such project", Permanent: true}
	puts := 0
	ledger := frameworktest.MemoryLedger{BeforePut: func(string) error {
		if puts++; puts > 1 {
			return errPlanned
		}
		return nil
	}}
	s := service{do: func(context.Context) (string, error) { return "", refused }}
	_, err := s.once(t, &ledger, &clock)
	want := "jira: create issue: no such project; recording that: write ledger ticket.a: planned by the test"
	if diff := cmp.Diff(want, err.Error()); diff != "" || !framework.IsPermanent(err) {
		t.Error(diff)
	}
}

func TestOnlyOneOfTwoWorkersDoesIt(t *testing.T) {
	var clock frameworktest.Clock
	var ledger frameworktest.MemoryLedger
	var s service
	var second error
	s.do = func(context.Context) (string, error) {
		s.do = nil
		_, second = s.once(t, &ledger, &clock)
		return "SEC-1", nil
	}
	first, err := s.once(t, &ledger, &clock)
	if err != nil || first != "SEC-1" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", first, err, s.done)
	}
	wantWait(t, second, clock.Now().Add(framework.DefaultLimit+time.Minute))

	// Both have read the ledger before either has written to it.
	var other frameworktest.MemoryLedger
	other.BeforePut = func(string) error {
		other.BeforePut = nil
		_, err := s.once(t, &other, &clock)
		return err
	}
	s.done = 0
	_, err = s.once(t, &other, &clock)
	wantWait(t, err, clock.Now().Add(time.Second))
	if s.done != 1 {
		t.Errorf("done %d times", s.done)
	}
}

// world is a service that commits late and shows late, within Limit and Lag, with workers that fail at every step.
type world struct {
	*rapid.T
	clock     frameworktest.Clock
	ledger    frameworktest.MemoryLedger
	committed []time.Time // when each effect came about, or will
	depth     int
	back      time.Duration // by how much the workers' clock was set back
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

func (w *world) find(context.Context) (string, error) {
	if err := w.step("find"); err != nil {
		return "", err
	}
	for i, at := range w.committed {
		if !w.clock.Now().Before(at.Add(w.upTo(worldLag, "hidden for"))) {
			return fmt.Sprint(i), nil
		}
	}
	return "", nil
}

func (w *world) do(context.Context) (string, error) {
	began := w.clock.Now()
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
	if passed := w.clock.Now().Sub(began); passed < took {
		w.clock.Advance(took - passed)
	}
	if w.flip("dies") {
		panic(crash{})
	}
	if err := w.step("do"); err != nil || !happens {
		return "", &framework.ServiceError{Service: "s", Reason: "no answer", Ambiguous: true}
	}
	if late := w.committed[mine].Sub(w.clock.Now()); late > 0 { // an answer comes after the commit
		w.clock.Advance(late)
	}
	return fmt.Sprint(mine), nil
}

// worker makes one attempt and returns its result, or "" when it failed or died.
func (w *world) worker() (result string) {
	if w.depth > 2 {
		return ""
	}
	w.depth++
	defer func() {
		w.depth--
		if died := recover(); died != nil {
			if _, planned := died.(crash); !planned {
				panic(died)
			}
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if w.flip("gone") {
		cancel()
	}
	effect := framework.Effect{Find: w.find, Do: w.do, Lag: worldLag, Limit: worldLimit}
	result, err := framework.Once(ctx, &w.ledger, w.shown, "k", effect)
	if wait, ok := errors.AsType[*framework.Wait](err); ok && wait.Until.Sub(w.shown()) > worldLimit+worldLag {
		w.Errorf("told to wait for %s", wait.Until.Sub(w.shown()))
	}
	if err != nil {
		return ""
	}
	return result
}

// shown is the time that the workers see.
func (w *world) shown() time.Time { return w.clock.Now().Add(-w.back) }

func TestOnceNeverDoesItTwice(t *testing.T) {
	for range 5 { // of a hundred worlds each
		rapid.Check(t, live)
	}
}

func live(rt *rapid.T) {
	w := &world{T: rt}
	w.ledger.BeforeGet = func(string) error { return w.step("get") }
	w.ledger.BeforePut = func(string) error { return w.step("put") }
	w.ledger.AfterPut = func(string) error { return w.step("put answer") }
	results := map[string]bool{}
	for range 10 {
		if result := w.worker(); result != "" {
			results[result] = true
		}
		w.clock.Advance(w.upTo(worldLimit+worldLag, "until redelivery"))
		if w.flip("set back") {
			w.back += w.upTo(time.Hour, "by")
		}
	}
	if len(w.committed) > 1 {
		rt.Errorf("it came about %d times", len(w.committed))
	}
	if len(results) > 1 || len(results) == 1 && len(w.committed) == 0 {
		rt.Errorf("results %v of %d effects", results, len(w.committed))
	}
}
