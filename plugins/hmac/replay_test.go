package hmac

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework/frameworktest"
)

func number(n int) []fingerprint {
	var one fingerprint
	binary.BigEndian.PutUint64(one[:], uint64(n))
	return []fingerprint{one}
}

// remembered is a memory of a window, whose log goes nowhere, with what it knows of a delivery at a time.
func remembered(t *testing.T, window time.Duration) (*memory, func(n int, now time.Time) state) {
	t.Helper()
	m, log := newMemory(), frameworktest.Deps(t).Log
	m.widen(window)
	return m, func(n int, now time.Time) state { return m.begin(t.Context(), log, number(n), now) }
}

func TestMemoryIsBoundedAndSaysWhenItForgetsEarly(t *testing.T) {
	var log frameworktest.Log
	m := newMemory()
	m.widen(10 * time.Minute)
	m.capacity = 100
	now := frameworktest.Start()
	for n := range 1000 {
		if m.begin(t.Context(), log.Logger(), number(n), now) != unknown {
			t.Fatalf("%d is new and was known", n)
		}
		m.end(number(n), true)
		now = now.Add(time.Second)
		if len(m.younger)+len(m.older) > 200 {
			t.Fatalf("%d are remembered", len(m.younger)+len(m.older))
		}
	}
	for _, n := range []int{999, 901} {
		if m.begin(t.Context(), log.Logger(), number(n), now) != takenIn {
			t.Errorf("%d, one of the latest, is not known", n)
		}
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "known_for=1m40s") {
		t.Errorf("nobody was told: %s", log.String())
	}
}

func TestMemoryForgetsWhatIsOlderThanTwoWindows(t *testing.T) {
	m, begin := remembered(t, 10*time.Minute)
	now := frameworktest.Start()
	for n := range 3 {
		begin(n, now.Add(time.Duration(n)*10*time.Minute))
	}
	if len(m.younger)+len(m.older) != 2 || begin(0, now.Add(25*time.Minute)) != unknown {
		t.Errorf("%d are remembered", len(m.younger)+len(m.older))
	}
}

func TestMemoryOfSeveralRoutesHasTheWidestWindow(t *testing.T) {
	m, begin := remembered(t, time.Minute)
	m.widen(time.Hour)
	m.widen(time.Second)
	now := frameworktest.Start()
	begin(1, now)
	if got := begin(1, now.Add(59*time.Minute)); got != underWay {
		t.Errorf("after 59 minutes it is %d", got)
	}
}

func TestDeliveriesGoFromUnderWayToTakenInOrAreGivenFree(t *testing.T) {
	m, begin := remembered(t, time.Minute)
	now := frameworktest.Start()
	later := now.Add(time.Minute) // the first is in the older generation by then
	var got []state
	got = append(got, begin(1, now), begin(1, now), begin(2, later), begin(2, later), begin(1, later))
	m.end(number(1), true)
	m.end(number(2), true)
	got = append(got, begin(1, later), begin(2, later))
	for n := 3; n <= 4; n++ {
		got = append(got, begin(n, later))
		m.end(number(n), false)
		got = append(got, begin(n, later))
	}
	want := []state{unknown, underWay, unknown, underWay, underWay, takenIn, takenIn, unknown, unknown, unknown, unknown}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeliveryThatWasForgottenWhileUnderWayStaysSo(t *testing.T) {
	m, begin := remembered(t, time.Minute)
	now := frameworktest.Start()
	begin(1, now)
	begin(2, now.Add(time.Minute))
	begin(3, now.Add(2*time.Minute)) // forgets the first
	m.end(number(1), true)
	if len(m.younger)+len(m.older) != 2 {
		t.Errorf("%d are remembered, not 2", len(m.younger)+len(m.older))
	}
}

func TestDeliverySignedByTwoSecretsIsKnownByEither(t *testing.T) {
	m, begin := remembered(t, time.Minute)
	now := frameworktest.Start()
	both := append(number(1), number(2)...)
	if m.begin(t.Context(), frameworktest.Deps(t).Log, both, now) != unknown {
		t.Fatal("known")
	}
	m.end(both, true)
	if diff := cmp.Diff([]state{takenIn, takenIn, unknown}, []state{begin(1, now), begin(2, now), begin(3, now)}); diff != "" {
		t.Error(diff)
	}
}

func TestOfManyAtOnceOneIsLetThrough(t *testing.T) {
	_, begin := remembered(t, time.Minute)
	got := make([]state, 50)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() { got[i] = begin(1, frameworktest.Start()) })
	}
	group.Wait()
	passed := 0
	for _, state := range got {
		if state == unknown {
			passed++
		}
	}
	if passed != 1 {
		t.Errorf("%d passed", passed)
	}
}
