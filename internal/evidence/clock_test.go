package evidence

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

// clocked is a store with a clock of its own.
type clocked struct {
	*disk
	now func() (time.Time, error)
}

func (c clocked) Time(context.Context) (time.Time, error) { return c.now() }

// TestAReplicaWhoseClockRunsAheadSealsNoHourThatIsNotOver: what others put would be pushed into hours that are yet to come.
func TestAReplicaWhoseClockRunsAheadSealsNoHourThatIsNotOver(t *testing.T) {
	w := newWorld()
	theirs := frameworktest.Start()
	ahead := &clocked{w.disk, func() (time.Time, error) { return theirs, nil }}
	clock := new(frameworktest.Clock)
	clock.Advance(30 * time.Hour)
	a := New(ahead, Deps{Now: clock.Now, Log: frameworktest.Deps(t).Log})
	put(t, w.replica(nil), "webhooks/a", "one")
	if got := seal(t, a, false); got != nil {
		t.Errorf("sealed the hour of %s, which is not over", got.Hour)
	}
	theirs = theirs.Add(hour)
	if got := seal(t, a, false); got == nil || !got.Hour.Equal(frameworktest.Start()) {
		t.Errorf("got %v once the hour is over", got)
	}
	if got := seal(t, a, true); got == nil || !got.Hour.Equal(frameworktest.Start().Add(hour)) {
		t.Errorf("got %v for the hour that is open", got)
	}
	want := []string{"seals/closed/2026/11/20/12", "seals/closed/2026/11/20/13"}
	if diff := cmp.Diff(want, w.keysBelow("seals/closed/")); diff != "" {
		t.Errorf("closed hours (-want +got):\n%s", diff)
	}
}

func TestSealingBeginsByTheClockOfTheStore(t *testing.T) {
	w := newWorld()
	w.clock.Advance(30 * time.Hour)
	store := &clocked{w.disk, func() (time.Time, error) { return frameworktest.Start(), nil }}
	put(t, New(store, Deps{Now: w.clock.Now, Log: frameworktest.Deps(t).Log}), "webhooks/a", "one")
	if diff := cmp.Diff("2026-11-20T12:00:00Z\n", string(w.objects["seals/first"])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStoreThatDoesNotTellItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		tells error
		seals bool
	}{
		"has none": {nil, true}, // the zero time
		"fails":    {errors.New("broken"), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			store := &clocked{w.disk, func() (time.Time, error) { return time.Time{}, c.tells }}
			a := New(store, Deps{Now: w.clock.Now, Log: frameworktest.Deps(t).Log})
			put(t, w.replica(nil), "webhooks/a", "one")
			w.clock.Advance(hour)
			got, err := a.Seal(t.Context(), false)
			if !errors.Is(err, c.tells) || (got != nil) != c.seals {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// TestAReplicaThatIsAheadSealsWhenTheHourIsOver, not an hour later.
func TestAReplicaThatIsAheadSealsWhenTheHourIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		const ahead = 10 * time.Minute
		store := &clocked{w.disk, func() (time.Time, error) { return time.Now(), nil }}
		a := New(store, Deps{Now: func() time.Time { return time.Now().Add(ahead) }, Log: frameworktest.Deps(t).Log})
		put(t, a, "webhooks/a", "one")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); a.Run(ctx) }()
		time.Sleep(hour + time.Minute)
		synctest.Wait()
		if got := len(w.keysBelow("seals/manifests/")); got != 1 {
			t.Errorf("%d manifests a minute after the hour", got)
		}
		cancel()
		<-ended
	})
}
