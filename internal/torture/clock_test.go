package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"funnelweb/internal/sandbox/fault"
)

// lateSearch is for how long Jira's search hides a new ticket, by the real time: less than the 15 s and search_lag (1 s) for
// which a ticket is not looked for whose making may have succeeded, and so long that whoever looks too early finds nothing.
const lateSearch = 12 * time.Second

// tortureByClock has the server's clock jump while it works, with restarts in between: the store's own times are then from
// another day than the clock's.
func tortureByClock(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	clock := &clock{began: time.Now(), speed: 1}
	w := newWorld(t, options{searchLag: lateSearch}) // whose clocks do not jump
	w.mayForget = true
	a := account{trials: trials}
	sent := newTally()
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	running := w.startInside(t, clock)
	senders := w.send(sending, sent, random, 2, 1500, 100*time.Millisecond)
	for range trials {
		by := []time.Duration{time.Second, time.Minute, time.Hour, 11 * time.Hour, 25 * time.Hour, 72 * time.Hour}[random.IntN(6)]
		if random.IntN(2) == 0 {
			by = -by
		}
		if by < 12*time.Hour { // a job that failed once and then for a day, by the clock, is rightly given up
			w.jira.Faults().Add(fault.Fault{Match: "POST /rest/api/2/issue", CutAfter: true, Times: 1})
		}
		a.note(fmt.Sprintf("by %s", by))
		rest(t.Context(), time.Duration(random.IntN(500))*time.Millisecond)
		clock.jump(by)
		rest(t.Context(), time.Duration(random.IntN(500))*time.Millisecond)
		if random.IntN(3) == 0 {
			a.note("restart")
			began := time.Now()
			running.stop(t)
			running = w.startInside(t, clock)
			a.recovered = append(a.recovered, time.Since(began))
		}
		w.jira.Faults().Clear()
	}
	stop()
	senders.Wait()
	w.settle(t, sent, &a)
	running.stop(t)
	return a
}
