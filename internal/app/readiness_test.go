package app

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func TestADependencyIsNotAskedByEveryProbe(t *testing.T) {
	clock := &frameworktest.Clock{}
	var log frameworktest.Log
	r := newReadiness(clock.Now, log.Logger())
	var outside, own atomic.Int32
	var down error = &framework.ServiceError{Service: "jira", Op: "check", Reason: "the token is wrong", Status: 401}
	r.add("events", true, func(context.Context) error { own.Add(1); return nil })
	r.add("jira", false, func(context.Context) error { outside.Add(1); return down })
	step := time.Second
	for _, want := range []struct{ own, outside int32 }{{1, 1}, {1, 1}, {2, 1}, {2, 1}, {3, 1}} { // a second later each time
		seconds := int(clock.Now().Sub(frameworktest.Start()) / step)
		states := []framework.Readiness{
			{Name: "events", Ready: true, Vital: true, AgeSeconds: seconds % 2},
			{Name: "jira", Reason: "jira: check: the token is wrong (status 401)", AgeSeconds: seconds},
		}
		if diff := cmp.Diff(states, r.all(t.Context())); diff != "" {
			t.Fatalf("after %d s (-want +got):\n%s", seconds, diff)
		}
		if own.Load() != want.own || outside.Load() != want.outside {
			t.Errorf("after %d s the store was asked %d times, the service %d times; want %+v", seconds, own.Load(), outside.Load(), want)
		}
		clock.Advance(step)
	}
	clock.Advance(outsideFresh)
	r.all(t.Context())
	if outside.Load() != 2 {
		t.Errorf("a stale answer was used: asked %d times", outside.Load())
	}
	if strings.Count(log.String(), "a dependency is not ready") != 1 || !strings.Contains(log.String(), "the token is wrong") {
		t.Errorf("the cause is to be logged once:\n%s", log.String())
	}
	down = nil
	clock.Advance(outsideFresh)
	r.all(t.Context())
	if !strings.Contains(log.String(), "a dependency is ready again") {
		t.Errorf("its return is not logged:\n%s", log.String())
	}
	clock.Set(-time.Hour) // a clock that was set back must not make an answer last
	if r.all(t.Context()); outside.Load() != 4 {
		t.Errorf("after the clock was set back the service was asked %d times, want 4", outside.Load())
	}
}

func TestManyCallersAskADependencyOnce(t *testing.T) {
	r := newReadiness(new(frameworktest.Clock).Now, new(frameworktest.Log).Logger())
	var asked atomic.Int32
	r.add("events", true, func(context.Context) error { asked.Add(1); return nil })
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if states := r.all(t.Context()); len(states) != 1 || !states[0].Ready {
				t.Errorf("got %+v", states)
			}
		})
	}
	callers.Wait()
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times", got)
	}
}

func TestADrainingServerSaysSoAtOnce(t *testing.T) {
	r := newReadiness(new(frameworktest.Clock).Now, new(frameworktest.Log).Logger())
	r.add("events", true, func(context.Context) error { return nil })
	r.all(t.Context())
	r.stop()
	want := []framework.Readiness{{Name: "server", Reason: "the server is stopping", Vital: true}, {Name: "events", Ready: true, Vital: true}}
	if diff := cmp.Diff(want, r.all(t.Context())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASlowDependencyHoldsNobodyForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReadiness(time.Now, new(frameworktest.Log).Logger())
		began := make(chan struct{})
		var asked atomic.Int32
		r.add("jira", false, func(ctx context.Context) error {
			if asked.Add(1) == 1 {
				close(began)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		hungUp, hangUp := context.WithCancel(t.Context())
		first := make(chan []framework.Readiness)
		go func() { first <- r.all(hungUp) }()
		<-began

		impatient, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		want := []framework.Readiness{{Name: "jira", Reason: "it is still being asked"}}
		if diff := cmp.Diff(want, r.all(impatient)); diff != "" {
			t.Errorf("a caller who gave up while another asks (-want +got):\n%s", diff)
		}
		hangUp() // the answer is everybody's: it is waited for and kept
		start := time.Now()
		want[0].Reason = "no answer within the time limit"
		if diff := cmp.Diff(want, <-first); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if waited := time.Since(start); waited > readyTimeout {
			t.Errorf("waited %s", waited)
		}
		time.Sleep(5 * time.Second)
		want[0].AgeSeconds = 5
		if diff := cmp.Diff(want, r.all(t.Context())); diff != "" || asked.Load() != 1 {
			t.Errorf("the next caller, after %d askings (-want +got):\n%s", asked.Load(), diff)
		}
	})
}
