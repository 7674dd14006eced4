package engine

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

func TestWaitersShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		syncs := 0
		b, err := startBarrier(Options{Dir: t.TempDir(), syncStore: func() error {
			syncs++
			<-release
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		wait := func() {
			if err := b.wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		all.Go(wait)
		synctest.Wait() // the first sync runs: whoever comes now must wait for the next
		for range 64 {
			all.Go(wait)
		}
		synctest.Wait()
		release <- struct{}{}
		synctest.Wait()
		release <- struct{}{}
		all.Wait()
		if err := b.close(); err != nil || syncs != 2 {
			t.Errorf("%d syncs for one waiter and 64 more, error %v", syncs, err)
		}
	})
}

func TestNothingIsAcknowledgedBeforeTheSync(t *testing.T) {
	begun, release := make(chan struct{}, 100), make(chan struct{})
	engine := open(t, t.TempDir(), func(o *Options) {
		o.syncStore = func() error {
			begun <- struct{}{}
			<-release
			return nil
		}
	})
	event := alert(t, "first")
	answered := make(chan error, 2)
	for range 2 { // the second is a duplicate
		go func() {
			_, err := engine.Publish(t.Context(), event)
			answered <- err
		}()
	}
	<-begun
	until(t, "the event is in the stream", func() bool {
		_, err := engine.Event(t.Context(), event.ID)
		return err == nil
	})
	select {
	case err := <-answered:
		t.Errorf("answered before the sync ended: %v", err)
	default:
	}
	close(release)
	for range 2 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

func TestAnEventLeavesItsQueueOnlyWhenWhatBecameOfItIsSafe(t *testing.T) {
	for name, do := range map[string]func(context.Context, framework.Job) (framework.Result, error){
		"done": nil,
		"given up": func(context.Context, framework.Job) (framework.Result, error) {
			return framework.Result{}, &framework.ServiceError{Service: "jira", Op: "create", Reason: "no such project", Permanent: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var hold atomic.Bool
			held, release := make(chan struct{}, 100), make(chan struct{})
			engine := open(t, t.TempDir(), func(o *Options) {
				o.syncStore = func() error {
					if hold.Load() {
						held <- struct{}{}
						<-release
					}
					return nil
				}
			})
			act := &action{do: func(ctx context.Context, job framework.Job) (framework.Result, error) {
				hold.Store(true) // the event is stored: what is noted from here on is not safe
				if do == nil {
					return framework.Result{}, nil
				}
				return do(ctx, job)
			}}
			run(t, engine, Automation{Name: "file", On: "splunk.alert", Action: act})
			publish(t, engine, alert(t, "one"))
			<-held
			consumer, err := engine.js.Consumer(t.Context(), "EV_splunk", "file")
			if err != nil {
				t.Fatal(err)
			}
			given := func() int {
				info, err := consumer.Info(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return info.NumAckPending
			}
			if diff := cmp.Diff(1, given()); diff != "" {
				t.Errorf("in hand while the sync runs, -want +got\n%s", diff)
			}
			hold.Store(false)
			close(release)
			until(t, "the event has left the queue", func() bool { return given() == 0 })
		})
	}
}

func TestAfterAFailedSyncNothingIsAcknowledged(t *testing.T) {
	var fails atomic.Bool // once
	engine := open(t, t.TempDir(), func(o *Options) {
		o.syncStore = func() error {
			if fails.CompareAndSwap(true, false) {
				return errors.New("input/output error")
			}
			return nil
		}
	})
	publish(t, engine, alert(t, "before"))
	fails.Store(true)
	for _, key := range []string{"at the failure", "at the failure", "after it", "before"} {
		_, err := engine.Publish(t.Context(), alert(t, key))
		problem, ok := errors.AsType[*framework.Problem](err)
		if !ok || problem.Status != http.StatusServiceUnavailable {
			t.Errorf("publish %s: %v", key, err)
		}
	}
	if _, err := engine.Ledger().Put(t.Context(), "ticket.abc", nil, 0); err == nil {
		t.Error("the ledger took an entry")
	}
	service, ok := errors.AsType[*framework.ServiceError](engine.Ready(t.Context()))
	if !ok || service.Public() != "event store: check: the disk reported a write error: check it, then restart" {
		t.Errorf("ready says %v", service)
	}
}

func TestAWaiterLeavesWhenItsContextEnds(t *testing.T) {
	release := make(chan struct{})
	b, err := startBarrier(Options{Dir: t.TempDir(), syncStore: func() error { <-release; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if err := b.wait(t.Context()); !errors.Is(err, errBarrierClosed) {
		t.Errorf("after closing: %v", err)
	}
}
