package engine

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework/frameworktest"
)

// TestAQueueThatWasLeftHasTheEventsSinceItBegan: one that was made anew was made later than it began.
func TestAQueueThatWasLeftHasTheEventsSinceItBegan(t *testing.T) {
	at := func(hour int) time.Time { return frameworktest.Start().Add(time.Duration(hour) * time.Hour) }
	one := at(1)
	five := at(5)
	for _, c := range []struct {
		name     string
		made     time.Time
		began    *time.Time
		from     uint64
		came     time.Time
		place    uint64
		concerns bool
	}{
		{name: "after it was made", made: at(2), came: at(3), place: 7, concerns: true},
		{name: "before it was made", made: at(2), came: at(1), place: 7},
		{name: "made anew: before that, and after it began", made: at(3), began: &one, came: at(2), place: 7, concerns: true},
		{name: "made anew: before it began", made: at(3), began: &one, came: at(0), place: 7},
		{name: "it begins later than it was made: in between", made: at(3), began: &five, came: at(4), place: 7},
		{name: "it begins later than it was made: after that", made: at(3), began: &five, came: at(6), place: 7, concerns: true},
		{name: "in front of the place where it begins", made: at(1), from: 8, came: at(2), place: 7},
		{name: "made anew: before that, and behind the place where it begins", made: at(3), from: 7, came: at(2), place: 7, concerns: true},
		{name: "since it was left", made: at(1), came: at(2), place: 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := &jetstream.ConsumerInfo{Created: c.made, Config: jetstream.ConsumerConfig{OptStartTime: c.began, OptStartSeq: c.from}}
			queue := left{info: info, state: &queueState{Left: 9}}
			if got := queue.concerns(&jetstream.RawStreamMsg{Time: c.came, Sequence: c.place}); got != c.concerns {
				t.Errorf("an event at %s is its own: %t", c.came, got)
			}
		})
	}
}
