package torture

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// tortureByKill kills one server again and again on one store. Some kills come while it starts, some soon after, some
// under load.
func tortureByKill(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	w := newWorld(t, options{searchLag: 500 * time.Millisecond})
	a := account{trials: trials}
	sent := newTally()
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	senders := w.send(sending, sent, random, 3, 1500, 20*time.Millisecond)
	for range trials {
		running := w.start(t)
		if random.IntN(5) == 0 { // during the start
			rest(t.Context(), time.Duration(random.IntN(250))*time.Millisecond)
			running.kill()
			a.note("killed while starting")
			continue
		}
		took, err := w.ready(t, running)
		if err != nil {
			t.Fatalf("%v\n%s", err, w.logTail())
		}
		a.recovered = append(a.recovered, took)
		rest(t.Context(), time.Duration(random.IntN(random.IntN(1200)+1))*time.Millisecond)
		running.kill()
	}
	stop()
	senders.Wait()
	running, took := w.mustStart(t)
	a.recovered = append(a.recovered, took)
	w.settle(t, sent, &a)
	w.stop(t, running)
	w.keepsSecrets(t)
	return a
}
