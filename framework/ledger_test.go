package framework_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// newLedger has a ledger whose entries age by the clock.
func newLedger(clock *frameworktest.Clock) *frameworktest.MemoryLedger {
	return &frameworktest.MemoryLedger{Elapsed: clock.Elapsed}
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
			ledger := newLedger(&clock)
			s := service{do: func(context.Context) (string, error) {
				clock.Advance(10 * time.Second)
				return "", unsure
			}}
			// However soon the answer was lost, the effect may come about until Limit has passed, and be hidden for Lag.
			ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
			if _, err := s.once(t, ledger, &clock); !errors.Is(err, unsure) {
				t.Errorf("error = %v", err)
			}
			clock.Advance(ready.Sub(clock.Now()) - time.Second)
			_, err := s.once(t, ledger, &clock)
			wantWait(t, err, ready)
			if s.looked != 0 {
				t.Error("looked before the service can be trusted to show it")
			}
			clock.Advance(time.Second)
			s.found = "SEC-7"
			if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-7" || s.done != 1 {
				t.Errorf("got %q, %v, done %d times", got, err, s.done)
			}
			s.found = ""
			if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-7" || s.looked != 1 {
				t.Errorf("what was found is not remembered: %q, %v, looked %d times", got, err, s.looked)
			}
		})
	}
}

func TestOnceDoesItAgainWhenNothingIsFound(t *testing.T) {
	var clock frameworktest.Clock
	ledger := newLedger(&clock)
	s := service{do: func(context.Context) (string, error) { return "", errPlanned }}
	_, _ = s.once(t, ledger, &clock)
	clock.Advance(framework.DefaultLimit + time.Minute)
	s.do = nil
	if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-1" || s.done != 2 || s.looked != 1 {
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
	ledger := newLedger(&clock)
	s := service{do: func(context.Context) (string, error) { panic(crash{}) }}
	crashing(t, func() { _, _ = s.once(t, ledger, &clock) })
	ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
	clock.Advance(time.Minute)
	_, err := s.once(t, ledger, &clock)
	wantWait(t, err, ready)
	clock.Advance(framework.DefaultLimit)
	s.found = "SEC-1"
	if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-1" || s.done != 1 {
		t.Errorf("got %q, %v, done %d times", got, err, s.done)
	}
}

func TestOnceWaitsWhateverTheClockIsSetTo(t *testing.T) {
	const month = 30 * 24 * time.Hour
	for name, set := range map[string]time.Duration{"forth": month, "by a little": 16 * time.Second, "back": -month, "not at all": 0} {
		t.Run(name, func(t *testing.T) {
			var clock frameworktest.Clock
			ledger := newLedger(&clock)
			s := service{do: func(context.Context) (string, error) { return "", errPlanned }}
			_, _ = s.once(t, ledger, &clock)
			clock.Set(set)
			ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
			for range 3 { // each from the first call on, not anew
				_, err := s.once(t, ledger, &clock)
				wantWait(t, err, ready)
				clock.Advance(time.Second)
			}
			clock.Set(set)
			clock.Advance(framework.DefaultLimit + time.Minute - 4*time.Second)
			_, err := s.once(t, ledger, &clock)
			wantWait(t, err, clock.Now().Add(time.Second))
			if s.looked != 0 {
				t.Error("looked before the service can be trusted to show it")
			}
			clock.Advance(time.Second)
			s.found = "SEC-7"
			if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-7" || s.done != 1 {
				t.Errorf("got %q, %v, done %d times", got, err, s.done)
			}
		})
	}
}

func TestASecondWorkerWaitsHoweverFarTheClockJumps(t *testing.T) {
	var clock frameworktest.Clock
	ledger := newLedger(&clock)
	var s service
	var second error
	s.do = func(context.Context) (string, error) {
		clock.Set(72 * time.Hour)
		_, second = s.once(t, ledger, &clock)
		return "SEC-1", nil
	}
	if got, err := s.once(t, ledger, &clock); err != nil || got != "SEC-1" || s.done != 1 || s.looked != 0 {
		t.Errorf("got %q, %v, done %d times, looked %d times", got, err, s.done, s.looked)
	}
	wantWait(t, second, clock.Now().Add(framework.DefaultLimit+time.Minute))
}

// successor is a ledger as another process sees it, which knows since when it has met each revision.
type successor struct {
	framework.Ledger

	elapsed func() time.Duration
	met     map[uint64]time.Duration
}

func (s successor) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	value, revision, err := s.Ledger.Get(ctx, key)
	if _, known := s.met[revision]; !known && err == nil {
		s.met[revision] = s.elapsed()
	}
	return value, revision, err
}

func (s successor) Age(revision uint64) time.Duration {
	at, known := s.met[revision]
	if !known {
		return 0
	}
	return s.elapsed() - at
}

func TestAProcessWaitsFromWhenItMetAnIntentThatIsNotItsOwn(t *testing.T) {
	var clock frameworktest.Clock
	ledger := newLedger(&clock)
	s := service{do: func(context.Context) (string, error) { panic(crash{}) }}
	crashing(t, func() { _, _ = s.once(t, ledger, &clock) })
	s.do = nil
	clock.Set(time.Hour) // so much has passed, for all that the next process can tell from the record
	next := successor{ledger, clock.Elapsed, map[uint64]time.Duration{}}
	ready := clock.Now().Add(framework.DefaultLimit + time.Minute)
	_, err := s.once(t, next, &clock)
	wantWait(t, err, ready)
	clock.Advance(framework.DefaultLimit + time.Minute)
	s.found = "SEC-1"
	if got, err := s.once(t, next, &clock); err != nil || got != "SEC-1" || s.done != 1 || s.looked != 1 {
		t.Errorf("got %q, %v, done %d times, looked %d times", got, err, s.done, s.looked)
	}
}

func TestAnAttemptEndsALimitAfterItsIntentWasBegunToBeRecorded(t *testing.T) {
	var clock frameworktest.Clock
	var least time.Duration
	effect := framework.Effect{Limit: time.Hour, Do: func(ctx context.Context) (string, error) {
		deadline, _ := ctx.Deadline()
		least = time.Until(deadline)
		return "x", nil
	}}
	asked := &deadlines{MemoryLedger: newLedger(&clock)}
	if _, err := framework.Once(t.Context(), asked, clock.Now, "k", effect); err != nil {
		t.Fatal(err)
	}
	if before := asked.left[0]; len(asked.left) != 2 || before < least || before > time.Hour || least < time.Hour-time.Minute {
		t.Errorf("%s were left when Do began, %v at the writes", least, asked.left)
	}
}

// deadlines notes how long each write may take.
type deadlines struct {
	*frameworktest.MemoryLedger

	left []time.Duration
}

func (d *deadlines) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	deadline, _ := ctx.Deadline()
	d.left = append(d.left, time.Until(deadline))
	return d.MemoryLedger.Put(ctx, key, value, revision)
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
