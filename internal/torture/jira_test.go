package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"funnelweb/internal/sandbox/fault"
)

// tortureByJira has Jira misbehave while alerts come in. The time of day runs 60 times as fast as the real time, so that an hour
// of failing takes a minute. What must pass before something is done again, and what a call may take, are not by the
// time of day, and stay what they are: 15 s.
func tortureByJira(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	clock := &clock{began: time.Now(), speed: 60}
	w := newWorld(t, options{now: clock.now, searchLag: lateSearch * time.Duration(clock.speed)})
	inside := w.startInside(t, clock)
	a := account{trials: trials}
	sent := newTally()
	for range trials {
		began := time.Now()
		wrong, name := anyFault(random)
		a.note(name)
		hour := wrong.Times == 0
		w.jira.Faults().Add(wrong)
		for range 1 + random.IntN(4) {
			if !w.post(t.Context(), sent, sent.marker(), 0) {
				t.Errorf("an alert was refused because of Jira: %v", sent.statuses())
			}
		}
		if hour {
			clock.wait(t.Context(), time.Hour)
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

// wait returns when the clock has moved on by so much.
func (c *clock) wait(ctx context.Context, duration time.Duration) {
	rest(ctx, duration/time.Duration(c.speed))
}
