package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"funnelweb/framework"
)

// shifted is the time of day with what it was set by.
type shifted struct{ by atomic.Int64 }

func (s *shifted) Now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

func TestTimeInWhichNobodyWorkedIsNoReasonToGiveUp(t *testing.T) {
	for name, c := range map[string]struct {
		fails int
		// what happens in the first attempt, or when it has failed; the second may restart the engine
		during func(*shifted)
		after  func(*shifted)
		off    time.Duration
	}{
		"the clock is set ahead during an attempt": {fails: 2, during: func(s *shifted) { s.by.Store(int64(72 * time.Hour)) }},
		"the clock is set ahead between two":       {fails: 3, after: func(s *shifted) { s.by.Store(int64(72 * time.Hour)) }},
		"the machine is off for two days":          {fails: 3, off: 48 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			clock, dir := new(shifted), t.TempDir()
			options := func(o *Options) {
				o.Now = clock.Now
				o.Retry = Retry{First: 300 * time.Millisecond, Max: 300 * time.Millisecond}
			}
			engine := open(t, dir, options)
			ticket := failing(c.fails, down)
			fail := ticket.do
			ticket.do = func(ctx context.Context, job framework.Job) (framework.Result, error) {
				if c.during != nil && job.Attempt == 1 {
					c.during(clock)
				}
				return fail(ctx, job)
			}
			run(t, engine, onAlert("ticket", ticket))
			event := alert(t, "first")
			publish(t, engine, event)
			untilState(t, engine, event.ID, framework.RunRetrying)
			if c.after != nil {
				c.after(clock)
			}
			if c.off > 0 {
				closeEngine(t, engine)
				clock.by.Store(int64(c.off))
				engine = open(t, dir, options)
				run(t, engine, onAlert("ticket", ticket))
			}
			until(t, "it comes to an end", func() bool {
				state := runsOf(t, engine, event.ID)[0].State
				return state == framework.RunDone || state == framework.RunDead
			})
			if diff := cmp.Diff(framework.RunDone, runsOf(t, engine, event.ID)[0].State); diff != "" {
				t.Errorf("after %d attempts, -want +got\n%s", len(ticket.attempts()), diff)
			}
		})
	}
}

func TestTimeInWhichAJobFailedIsForgivenToNobody(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		record framework.Run
		want   time.Duration // that giving up is put off
	}{
		"it comes in time":                    {framework.Run{State: framework.RunRetrying, NextTry: now}, 0},
		"it comes a little late":              {framework.Run{State: framework.RunRetrying, NextTry: now.Add(-30 * time.Second)}, 0},
		"it comes late":                       {framework.Run{State: framework.RunRetrying, NextTry: now.Add(-time.Hour)}, time.Hour},
		"the process ended during an attempt": {framework.Run{State: framework.RunRunning, ChangedAt: now.Add(-time.Hour)}, time.Hour},
		"it was never tried":                  {framework.Run{State: framework.RunWaiting, ChangedAt: now.Add(-time.Hour)}, 0},
		"the clock was set back":              {framework.Run{State: framework.RunRetrying, NextTry: now.Add(time.Hour)}, 0},
	} {
		d := &delivery{queue: &queue{engine: &Engine{now: func() time.Time { return now }}}, record: &record{Run: c.record, GiveUpAt: now}}
		d.forgive()
		if diff := cmp.Diff(c.want, d.record.GiveUpAt.Sub(now)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
