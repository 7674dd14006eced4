package engine

import (
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// The sightingEvery is how far apart in time sightings are kept: an age is short by so much at most.
	sightingEvery = time.Second
	// The maxSightings bound how many are kept, 16 bytes each. They then lie the further apart the older they are: so many are
	// less than a tenth of their age apart, over decades.
	maxSightings = 1024
)

// sightings tell for how long revisions have been there, as far as this process can prove. Revisions rise in the order of
// the writes, so that whoever meets one knows that all before it were there by then: a few sightings tell of all entries.
type sightings struct {
	elapsed func() time.Duration // by a clock that nobody sets

	mu     sync.Mutex
	kept   []sighting // both of its fields rise
	losing bool
	lostAt time.Duration
}

// sighting says that a revision, and all before it, were there at a time.
type sighting struct {
	revision uint64
	at       time.Duration
}

// monotonic returns a clock for durations alone: it runs evenly, and setting the system's time does not move it.
func monotonic() func() time.Duration {
	began := time.Now() //nolint:forbidigo // for time.Since, which is by the monotonic clock
	return func() time.Duration { return time.Since(began) }
}

// note notes that a revision is there now.
func (s *sightings) note(revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(revision)
}

// newest is the last revision that was met.
func (s *sightings) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 {
		return 0
	}
	return s.kept[len(s.kept)-1].revision
}

// wrote notes a revision that was written when before had been met already. Where it is no later than that, the store has lost
// what it had, as a damaged one may when it is started anew, and gives revisions a second time: all of them are then
// taken for new.
func (s *sightings) wrote(revision, before uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision <= before {
		s.kept = s.kept[:0]
	}
	s.add(revision)
}

func (s *sightings) add(revision uint64) {
	now, last := s.elapsed(), len(s.kept)-1
	switch {
	case last >= 0 && revision <= s.kept[last].revision:
	case last >= 1 && now-s.kept[last-1].at < sightingEvery:
		s.kept[last] = sighting{revision, now} // what was seen a moment ago looks a moment younger
	default:
		s.thin(now)
		s.kept = append(s.kept, sighting{revision, now})
	}
}

// thin makes room: of all sightings that goes which is missed least for its age. What only it told of looks as young as the
// next one.
func (s *sightings) thin(now time.Duration) {
	if len(s.kept) < maxSightings {
		return
	}
	least, loss := 0, math.Inf(1)
	before := time.Duration(0)
	for i, one := range s.kept[:len(s.kept)-1] {
		if part := float64(s.kept[i+1].at-before) / float64(now-before); part < loss {
			least, loss = i, part
		}
		before = one.at
	}
	s.kept = slices.Delete(s.kept, least, least+1)
}

// lose notes that records were found to be lost now.
func (s *sightings) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losing, s.lostAt = true, s.elapsed()
}

// age returns for how long at least a revision has been there; 0 for one that is not known. For revision 0 it is for how long
// none were lost.
func (s *sightings) age(revision uint64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision == 0 && s.losing {
		return s.elapsed() - s.lostAt
	}
	if revision == 0 {
		return math.MaxInt64
	}
	i, _ := slices.BinarySearchFunc(s.kept, revision, func(one sighting, revision uint64) int {
		if one.revision < revision {
			return -1
		}
		return 1
	})
	if i == len(s.kept) {
		return 0
	}
	return s.elapsed() - s.kept[i].at
}
