package framework_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

// maker is an event that an automation "tickets" makes a ticket of, and what there is to see of that.
type maker struct {
	clock    frameworktest.Clock
	ledger   *frameworktest.MemoryLedger
	activity frameworktest.RecordingActivity
	deps     framework.Deps
	event    framework.Event
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	event, err := framework.NewEvent("splunk.alert", "1", map[string]any{"sid": "1"})
	if err != nil {
		t.Fatal(err)
	}
	event.Time = frameworktest.Start()
	m := &maker{event: event}
	m.ledger = &frameworktest.MemoryLedger{Elapsed: m.clock.Elapsed}
	m.deps = framework.Deps{Now: m.clock.Now, Ledger: m.ledger, Tickets: new(frameworktest.RecordingTickets), Activity: &m.activity}
	return m
}

// attempt makes the ticket as the action ticket does.
func (m *maker) attempt(t *testing.T, key string, failure error) {
	t.Helper()
	_, err := framework.Once(t.Context(), m.ledger, m.clock.Now, framework.TicketEntry(framework.Job{Automation: "tickets", Event: m.event}.Key()), framework.Effect{
		Find: func(context.Context) (string, error) { return key, failure },
		Do:   func(context.Context) (string, error) { return key, failure },
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
}

func (m *maker) await(t *testing.T) (string, error) {
	t.Helper()
	return framework.AwaitTicket(t.Context(), m.deps, "tickets", m.event)
}

func TestATicketThatAnotherAutomationMakesIsAwaited(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	_, err := m.await(t)
	want := &framework.Wait{Until: m.clock.Now().Add(time.Second), Reason: "the automation tickets has not made a ticket of this event yet"}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.attempt(t, "SEC-1", nil)
	if key, err := m.await(t); key != "SEC-1" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
	if _, err := framework.AwaitTicket(t.Context(), m.deps, "others", m.event); framework.IsPermanent(err) || err == nil {
		t.Errorf("another automation's is taken for it: %v", err)
	}
}

func TestATicketIsAwaitedEverLongerAndNotForever(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	waits, last := 0, time.Duration(0)
	for {
		_, err := m.await(t)
		wait, ok := errors.AsType[*framework.Wait](err)
		if !ok {
			if !framework.IsPermanent(err) || !strings.Contains(err.Error(), "the automation tickets made no ticket of this event: see what became of it there") {
				t.Errorf("got %v", err)
			}
			break
		}
		next := wait.Until.Sub(m.clock.Now())
		if waits++; next < time.Second || next < last || next > 10*time.Minute {
			t.Fatalf("wait %d is %s after %s", waits, next, last)
		}
		last = next
		m.clock.Advance(next)
	}
	if waits < 400 || waits > 600 {
		t.Errorf("looked %d times", waits)
	}
	m.attempt(t, "SEC-1", nil) // somebody replayed both dead letters
	if key, err := m.await(t); key != "SEC-1" || err != nil {
		t.Errorf("got %q, %v", key, err)
	}
}

// While Jira is down, and a try is made now and then, a clock that is set ahead must not give the ticket up.
func TestATicketThatIsBeingMadeIsAwaitedWhateverTheClockSays(t *testing.T) {
	t.Parallel()
	down := &framework.ServiceError{Service: "jira", Op: "create ticket", Reason: "down"}
	for name, failure := range map[string]error{"it failed": down, "it is in doubt": &framework.ServiceError{Service: "jira", Reason: "cut", Ambiguous: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMaker(t)
			m.attempt(t, "", failure)
			m.clock.Set(30 * 24 * time.Hour)
			_, err := m.await(t)
			wait, ok := errors.AsType[*framework.Wait](err)
			if !ok || wait.Until.Sub(m.clock.Now()) != time.Second {
				t.Fatalf("got %v", err)
			}
			m.clock.Advance(framework.AwaitLimit + time.Second)
			if _, err := m.await(t); !framework.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWhatIsNoTicketsKeyIsNotAwaitedFurther(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"../SEC-1", "sec-1", "SEC-1 ", "A" + strings.Repeat("B", 80) + "-1"} {
		m := newMaker(t)
		m.attempt(t, key, nil)
		if got, err := m.await(t); got != "" || !framework.IsPermanent(err) || strings.Contains(err.Error(), key) {
			t.Errorf("%q: got %q, %v", key, got, err)
		}
	}
}

// forgetful is a ledger that says that it lost records.
type forgetful struct{ framework.Ledger }

func (forgetful) Forgets() bool { return true }

// away is an activity that cannot be read.
type away struct{ framework.Activity }

var errAway = errors.New("away")

func (away) Event(context.Context, string) (framework.EventStatus, error) {
	return framework.EventStatus{}, errAway
}

func TestATicketThatTheLedgerForgotIsTheOneThatTheRunMade(t *testing.T) {
	t.Parallel()
	made := framework.Run{Automation: "tickets", State: framework.RunDone, Result: "created SEC-1", Link: "https://jira.example.com/browse/SEC-1"}
	change := func(change func(*framework.Run)) framework.Run {
		run := made
		change(&run)
		return run
	}
	for name, c := range map[string]struct {
		run  framework.Run
		want string
	}{
		"it is done":                       {made, "SEC-1"},
		"it did something else":            {change(func(r *framework.Run) { r.Result = "stored" }), ""},
		"its link leads elsewhere":         {change(func(r *framework.Run) { r.Link = "https://elsewhere.example.com/SEC-1" }), ""},
		"it is not done":                   {change(func(r *framework.Run) { r.State = framework.RunDead }), ""},
		"it is that of another automation": {change(func(r *framework.Run) { r.Automation = "others" }), ""},
		"it is one of several jobs":        {change(func(r *framework.Run) { r.Job = "x" }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMaker(t)
			m.activity.AddEvent(m.event, framework.Run{Automation: "archive", State: framework.RunDone}, c.run)
			if key, err := m.await(t); err == nil {
				t.Errorf("a ledger that forgets nothing: got %q", key)
			}
			m.deps.Ledger = forgetful{m.ledger}
			key, err := m.await(t)
			if _, waits := errors.AsType[*framework.Wait](err); key != c.want || waits != (c.want == "") {
				t.Errorf("got %q, %v", key, err)
			}
		})
	}
}

func TestWhatCannotBeReadIsNotATicketThatIsMissing(t *testing.T) {
	t.Parallel()
	m := newMaker(t)
	m.deps.Ledger = forgetful{m.ledger}
	if _, err := m.await(t); framework.IsPermanent(err) || errors.Is(err, errAway) {
		t.Errorf("an event that is not stored: %v", err)
	}
	m.deps.Activity = away{}
	if _, err := m.await(t); !errors.Is(err, errAway) {
		t.Errorf("the events are away: %v", err)
	}
	m.deps.Activity = nil
	if _, err := m.await(t); framework.IsPermanent(err) || err == nil {
		t.Errorf("without events: %v", err)
	}
	m.ledger.BeforeGet = func(string) error { return errAway }
	if _, err := m.await(t); !errors.Is(err, errAway) {
		t.Errorf("the ledger is away: %v", err)
	}
}
