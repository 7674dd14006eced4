package torture

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"funnelweb/internal/sandbox/fault"
)

// How many times as fast as the real time the time of day runs, and how long the hour takes in which Jira fails: 1,200 times as
// fast. Jobs are tried again after 50 ms at most, so that each may be tried 60 times in it.
const (
	fast    = 60
	anHour  = 3 * time.Second
	inAHour = int(time.Hour / anHour)
)

// tortureByJira has Jira misbehave while alerts come in, by a clock that runs fast. What must pass before something is done
// again, and what a call may take, are not by the time of day, and stay what they are: 15 s.
func tortureByJira(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	clock := &clock{began: time.Now(), speed: fast}
	w := newWorld(t, options{now: clock.now, searchLag: lateSearch * fast, retry: "retry_first: 5ms, retry_max: 50ms"})
	inside := w.startInside(t, clock)
	a := account{trials: trials}
	sent := newTally()
	for range trials {
		began := time.Now()
		wrong, name := anyFault(random)
		a.note(name)
		w.jira.Faults().Add(wrong)
		for range 1 + random.IntN(4) {
			w.mustPost(t, sent)
		}
		hour := wrong.Times == 0
		if hour {
			w.failForAnHour(t, clock, sent)
		} else {
			rest(t.Context(), time.Duration(random.IntN(1000))*time.Millisecond)
		}
		if random.IntN(3) > 0 || hour { // else they stay until they were met
			w.jira.Faults().Clear()
		}
		a.recovered = append(a.recovered, time.Since(began))
	}
	w.jira.Faults().Clear()
	w.settle(t, sent, &a)
	inside.stop(t)
	return a
}

// failForAnHour lets an hour pass. In the midst of it more alerts come: however long the server waits after earlier faults
// until it calls Jira again, which is a minute at most, one of them is tried in this hour.
func (w *world) failForAnHour(t *testing.T, clock *clock, sent *tally) {
	t.Helper()
	asked := w.jira.Faults().Hits()
	clock.run(inAHour)
	rest(t.Context(), anHour/2)
	w.mustPost(t, sent)
	rest(t.Context(), anHour/2)
	clock.run(fast)
	if w.jira.Faults().Hits() == asked {
		t.Errorf("Jira was not asked in an hour in which it failed:\n%s", w.logTail())
	}
}

func (w *world) mustPost(t *testing.T, sent *tally) {
	t.Helper()
	if !w.post(t.Context(), sent, sent.marker(), 0) {
		t.Errorf("an alert was refused because of Jira: %v", sent.statuses())
	}
}

// anyFault chooses what Jira does wrong, on what, and how often. One without Times is for an hour.
func anyFault(random *rand.Rand) (fault.Fault, string) {
	on := []string{"POST /rest/api/2/issue$", "POST /rest/api/2/issue/SEC-", "PUT /rest/api/2/issue", "GET /rest/api/", ""}[random.IntN(5)]
	wrong := fault.Fault{Match: on, Times: 1 + random.IntN(8)}
	var name string
	switch random.IntN(7) {
	case 0, 1:
		wrong.CutAfter, name = true, "commits, then cuts the connection"
	case 2:
		wrong.CutBefore, name = true, "cuts the connection before it commits"
	case 3:
		wrong.HTML, name = true, "answers a log-in page with 200"
	case 4:
		wrong.Status, wrong.RetryAfter = http.StatusTooManyRequests, time.Duration(1+random.IntN(3))*time.Second
		name = "429 with Retry-After"
	case 5:
		wrong.Status, name = http.StatusBadGateway, "502"
	default:
		wrong.Match, wrong.Status, wrong.Times, name = "", http.StatusInternalServerError, 0, "500 for an hour"
	}
	return wrong, fmt.Sprintf("%s: %s", or(wrong.Match, "anything"), name)
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
