package evidence

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// busy is a store in which something else happens before one of the calls of whoever looks at it.
type busy struct {
	*disk
	calls   atomic.Int32
	at      int32
	happens func()
}

func (b *busy) next() {
	if b.calls.Add(1) == b.at {
		b.happens()
	}
}

func (b *busy) Get(ctx context.Context, key string) ([]byte, error) {
	b.next()
	return b.disk.Get(ctx, key)
}

func (b *busy) List(ctx context.Context, prefix, from, to string) iter.Seq2[string, error] {
	b.next()
	return b.disk.List(ctx, prefix, from, to)
}

// cleared is a store that removes the journal of an hour that is sealed, as a directory does.
type cleared struct{ *disk }

func (c cleared) Clear(_ context.Context, prefix string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keysBelow(prefix) {
		c.remove(key)
	}
	return nil
}

// TestAServerAtWorkIsNoFinding lets a server put and seal before each call of Verify in turn.
func TestAServerAtWorkIsNoFinding(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, w world, a *Archive){
		"an object is put":  func(t *testing.T, _ world, a *Archive) { t.Helper(); put(t, a, "x/new", "body") },
		"an hour is sealed": func(t *testing.T, w world, a *Archive) { t.Helper(); w.clock.Advance(hour); seal(t, a, false) },
		"both, and an object more": func(t *testing.T, w world, a *Archive) {
			t.Helper()
			put(t, a, "alerts/new", "body")
			w.clock.Advance(hour)
			seal(t, a, false)
			put(t, a, "x/new", "body")
		},
	} {
		t.Run(name, func(t *testing.T) {
			calls := int32(0)
			for at := int32(1); at == 1 || at <= calls; at++ {
				w := sealedWorld(t, nil)
				a := New(cleared{w.disk}, Deps{Now: w.clock.Now, Log: w.log.Logger()})
				store := &busy{disk: w.disk, at: at, happens: func() { happens(t, w, a) }}
				report, err := Verify(t.Context(), store, Options{})
				if err != nil || len(report.Findings) != 0 {
					t.Errorf("before call %d: %v, %v", at, report, err)
				}
				calls = store.calls.Load()
			}
			if calls < 10 {
				t.Errorf("%d calls are too few for what Verify does", calls)
			}
		})
	}
}

// TestAnObjectOnItsWayIsWaitedFor verifies between the two writes of a put.
func TestAnObjectOnItsWayIsWaitedFor(t *testing.T) {
	for settle, want := range map[time.Duration][]string{0: {"added x/new"}, 3 * time.Second: {}} {
		t.Run(fmt.Sprint(settle), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := sealedWorld(t, nil)
				w.set("x/new", "body")
				entered := make(chan struct{})
				go func() {
					defer close(entered)
					time.Sleep(2 * time.Second)
					put(t, w.replica(nil), "x/new", "body")
				}()
				report := w.verify(t, Options{Settle: settle})
				<-entered
				if diff := cmp.Diff(want, told(report)); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNothingIsWaitedForWithoutADoubt would take three seconds of the test's time otherwise.
func TestNothingIsWaitedForWithoutADoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sealedWorld(t, nil)
		before := time.Now()
		w.verify(t, Options{Settle: time.Minute})
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}
