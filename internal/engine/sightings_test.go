package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// hands is a clock for sightings that is moved by hand.
type hands struct{ passed time.Duration }

func (h *hands) elapsed() time.Duration { return h.passed }

func wantAge(t *testing.T, s *sightings, revision uint64, want time.Duration) {
	t.Helper()
	if got := s.age(revision); got != want {
		t.Errorf("revision %d is %s old, want %s", revision, got, want)
	}
}

func TestARevisionAgesFromWhenItOrALaterOneWasMet(t *testing.T) {
	var clock hands
	s := &sightings{elapsed: clock.elapsed}
	wantAge(t, s, 1, 0) // nothing is known
	s.note(5)
	clock.passed = time.Minute
	wantAge(t, s, 3, time.Minute)
	wantAge(t, s, 5, time.Minute)
	wantAge(t, s, 6, 0)
	s.note(4) // is no news
	s.note(9)
	clock.passed += time.Hour
	wantAge(t, s, 5, time.Hour+time.Minute)
	wantAge(t, s, 6, time.Hour)
	wantAge(t, s, 9, time.Hour)
	wantAge(t, s, 10, 0)
}

func TestASightingNeverMakesARevisionOlder(t *testing.T) {
	var clock hands
	s := &sightings{elapsed: clock.elapsed}
	s.note(1)
	s.note(2)
	clock.passed = sightingEvery - 1
	s.note(3) // joins the one of 2, which looks younger by that
	wantAge(t, s, 3, 0)
	wantAge(t, s, 2, 0)
	wantAge(t, s, 1, sightingEvery-1)
}

func TestAStoreThatGivesRevisionsASecondTimeHasOnlyNewOnes(t *testing.T) {
	var clock hands
	s := &sightings{elapsed: clock.elapsed}
	s.note(100)
	clock.passed = time.Hour
	met := s.newest()
	s.wrote(101, met)
	wantAge(t, s, 90, time.Hour)
	met = s.newest()
	s.wrote(91, met)
	s.wrote(92, met) // was under way at the same time
	clock.passed += time.Minute
	wantAge(t, s, 90, time.Minute)
	wantAge(t, s, 92, time.Minute)
	wantAge(t, s, 93, 0)
	s.wrote(93, s.newest())
	wantAge(t, s, 92, time.Minute)
	wantAge(t, s, 93, 0)
}

func TestForHowLongNothingWasLost(t *testing.T) {
	var clock hands
	s := &sightings{elapsed: clock.elapsed}
	clock.passed = time.Hour
	wantAge(t, s, 0, math.MaxInt64)
	s.lose()
	clock.passed += time.Minute
	wantAge(t, s, 0, time.Minute)
	s.lose()
	wantAge(t, s, 0, 0)
	s.note(7)
	wantAge(t, s, 0, 0)
}

// TestAgesOfADay compares with the truth, under a load that changes.
func TestAgesOfADay(t *testing.T) {
	var clock hands
	s := &sightings{elapsed: clock.elapsed}
	var met []time.Duration // by revision
	random := rand.New(rand.NewPCG(1, 2))
	for clock.passed < 24*time.Hour {
		clock.passed += time.Duration(random.Int64N(int64(4 * time.Second)))
		met = append(met, clock.passed)
		s.note(uint64(len(met))) // the first is 1
		if len(met)%1000 > 0 {
			continue
		}
		for revision, at := range met {
			truth, got := clock.passed-at, s.age(uint64(revision)+1)
			if got > truth {
				t.Fatalf("after %s: revision %d is %s old, and looks as if it were %s", clock.passed, revision, truth, got)
			}
			if got < truth-truth/10-2*sightingEvery {
				t.Fatalf("after %s: revision %d is %s old, and looks as if it were only %s", clock.passed, revision, truth, got)
			}
		}
	}
	if len(met) < 10*maxSightings || len(s.kept) > maxSightings || cap(s.kept) > 2*maxSightings {
		t.Errorf("%d revisions, %d kept in %d", len(met), len(s.kept), cap(s.kept))
	}
}

func TestTheMonotonicClockRuns(t *testing.T) {
	elapsed := monotonic()
	first := elapsed()
	deadline := time.Now().Add(time.Minute)
	for elapsed() == first && time.Now().Before(deadline) {
		continue
	}
	if second := elapsed(); second <= first || first < 0 {
		t.Errorf("%s, then %s", first, second)
	}
}
