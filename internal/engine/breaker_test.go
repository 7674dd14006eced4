package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"funnelweb/framework"
	"funnelweb/framework/frameworktest"
)

func usual() breaking {
	return breaking{after: breakAfter, first: probeFirst, max: probeMax, factor: probeFactor, jitter: probeJitter, claim: 70 * time.Second}
}

const middle = 0.5 // no jitter

// failures notes failures of different jobs.
func failures(c *circuit, now time.Time, count int, o outage) {
	for i := range count {
		o.job, o.queue = fmt.Sprint(i), "ticket"
		c.fail(now, o, usual(), middle)
	}
}

func opened(now time.Time) *circuit {
	c := &circuit{Service: "jira", State: framework.CircuitClosed}
	failures(c, now, breakAfter, outage{reason: "no answer"})
	return c
}

func TestACircuitOpensAfterFailuresInARowOfDifferentJobs(t *testing.T) {
	now := frameworktest.Start()
	for name, c := range map[string]struct {
		given func(*circuit)
		state framework.CircuitState
		next  time.Duration
	}{
		"four jobs": {func(c *circuit) { failures(c, now, 4, outage{}) }, framework.CircuitClosed, 0},
		"five jobs": {func(c *circuit) { failures(c, now, 5, outage{}) }, framework.CircuitOpen, time.Second},
		"one job, over and over": {func(c *circuit) {
			for range 100 {
				failures(c, now, 1, outage{})
			}
		}, framework.CircuitClosed, 0},
		"a success in between": {func(c *circuit) {
			failures(c, now, 4, outage{})
			c.succeed(now, now, "ticket", "")
			failures(c, now, 4, outage{})
		}, framework.CircuitClosed, 0},
		"a success of a job that may not need it": {func(c *circuit) {
			failures(c, now, 4, outage{})
			c.succeed(now, now, "archive", "")
			failures(c, now, 5, outage{})
		}, framework.CircuitOpen, time.Second},
		"nobody there":       {func(c *circuit) { failures(c, now, 1, outage{refused: true}) }, framework.CircuitOpen, time.Second},
		"asked to stay away": {func(c *circuit) { failures(c, now, 1, outage{asked: 5 * time.Minute}) }, framework.CircuitOpen, 5 * time.Minute},
		"asked for a longer one": {func(c *circuit) {
			failures(c, now, 1, outage{asked: time.Minute})
			failures(c, now, 1, outage{asked: time.Hour})
		}, framework.CircuitOpen, time.Hour},
		"jobs that were under way": {func(c *circuit) { failures(c, now, 9, outage{}) }, framework.CircuitOpen, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := &circuit{State: framework.CircuitClosed}
			c.given(got)
			if got.State != c.state || c.next > 0 && !got.Next.Equal(now.Add(c.next)) {
				t.Errorf("it is %s, next probe %s", got.State, got.Next)
			}
		})
	}
}

func TestOneProbeAtATimeAndEverLongerInBetween(t *testing.T) {
	c, now := opened(frameworktest.Start()), frameworktest.Start()
	var waits []time.Duration
	for range 9 {
		early, changed := c.admit(now, "early", false, usual(), 0)
		if changed || !early.until.Equal(c.Next) {
			t.Fatalf("before its time: %+v", early)
		}
		waits = append(waits, c.Next.Sub(now))
		now = c.Next
		if first, _ := c.admit(now, "first", false, usual(), 0); first.pass != "first" || !first.until.IsZero() {
			t.Fatalf("the probe: %+v", first)
		}
		if second, changed := c.admit(now, "second", false, usual(), 0); changed || second.pass != "" || !second.until.After(now) {
			t.Fatalf("beside the probe: %+v", second)
		}
		c.fail(now, outage{job: "x", queue: "ticket", reason: "still down", pass: "first"}, usual(), middle)
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Error(diff)
	}
	if !c.Since.Equal(frameworktest.Start()) || c.Reason != "still down" {
		t.Errorf("down since %s: %s", c.Since, c.Reason)
	}
}

func TestAProbeWhoseMakerDiedIsVoidInTheEnd(t *testing.T) {
	now := frameworktest.Start()
	c := opened(now)
	now = c.Next
	if first, _ := c.admit(now, "dead", false, usual(), 0); first.pass == "" {
		t.Fatal("no probe")
	}
	if next, _ := c.admit(now.Add(70*time.Second-1), "heir", false, usual(), 0); next.pass != "" {
		t.Error("two probes")
	}
	if next, _ := c.admit(now.Add(70*time.Second), "heir", false, usual(), 0); next.pass != "heir" {
		t.Errorf("the heir got %+v", next)
	}
	c.fail(now, outage{job: "x", queue: "ticket", pass: "dead"}, usual(), middle)
	if c.Probe != "heir" || c.Interval != 1000 {
		t.Error("who was taken for dead settled the probe of another")
	}
}

func TestOnlyASuccessThatProvesSomethingCloses(t *testing.T) {
	down := frameworktest.Start()
	for name, c := range map[string]struct {
		began       time.Duration
		queue, pass string
		want        framework.CircuitState
	}{
		"the probe":                       {time.Second, "ticket", "p", framework.CircuitRecovering},
		"the last try of another job":     {time.Second, "ticket", "", framework.CircuitRecovering},
		"a job that began before":         {-time.Second, "ticket", "", framework.CircuitOpen},
		"a job that may not need it":      {time.Second, "archive", "", framework.CircuitOpen},
		"a probe that was taken for dead": {-time.Second, "ticket", "q", framework.CircuitOpen},
	} {
		t.Run(name, func(t *testing.T) {
			got := opened(down)
			now := got.Next
			got.admit(now, "p", false, usual(), 0)
			got.succeed(now, down.Add(c.began), c.queue, c.pass)
			if got.State != c.want {
				t.Errorf("it is %s", got.State)
			}
		})
	}
}

func TestAfterASuccessJobsComeBackEverFasterUntilTheServiceIsDownAgain(t *testing.T) {
	start := frameworktest.Start()
	recovering := func() *circuit {
		c := opened(start)
		c.admit(c.Next, "p", false, usual(), 0)
		c.succeed(start, start, "ticket", "p")
		return c
	}
	c := recovering()
	perSecond := make([]int, 6)
	for now := start; now.Before(start.Add(6 * time.Second)); now = now.Add(time.Millisecond) {
		c.follow(now)
		if c.State == framework.CircuitClosed {
			break
		}
		for c.Next.Compare(now) <= 0 { // as many as may begin now
			if told, _ := c.admit(now, "x", false, usual(), 0); !told.until.IsZero() || told.turn.Before(now) {
				t.Fatalf("at %s: %+v", now, told)
			}
			perSecond[int(now.Sub(start)/time.Second)]++
		}
	}
	if diff := cmp.Diff([]int{4, 8, 16, 31, 63, 0}, perSecond); diff != "" {
		t.Error(diff)
	}
	if c.State != framework.CircuitClosed || c.Queues != nil || c.Interval != 0 {
		t.Errorf("after the ramp: %+v", c)
	}

	c = recovering()
	later := start.Add(2 * time.Second)
	c.follow(later)
	failures(c, later, breakAfter-1, outage{reason: "a few"})
	if c.State != framework.CircuitRecovering {
		t.Errorf("after a few failures: %+v", c)
	}
	failures(c, later, 1, outage{reason: "down again", refused: true})
	if c.State != framework.CircuitOpen || !c.Since.Equal(later) || !c.Next.Equal(later.Add(2*time.Second)) {
		t.Errorf("after a failure: %+v", c)
	}
}

func TestAProbeThatFoundNothingOutIsGivenBack(t *testing.T) {
	now := frameworktest.Start()
	for atOnce, want := range map[bool]time.Time{true: now.Add(time.Minute), false: now.Add(time.Minute + time.Second)} {
		c := opened(now)
		at := now.Add(time.Minute)
		c.admit(at, "p", false, usual(), 0)
		if c.release(at, "q", atOnce) || !c.release(at, "p", atOnce) || c.release(at, "p", atOnce) {
			t.Error("a probe is given back by who has it, once")
		}
		if !c.Next.Equal(want) || c.Interval != 1000 {
			t.Errorf("at once %t: next %s", atOnce, c.Next)
		}
	}
}

func TestAServiceThatFailsAgainAfterSeveralSuccessesIsProbedSoon(t *testing.T) {
	now := frameworktest.Start()
	c := opened(now)
	for range 6 {
		now = c.Next
		c.admit(now, "p", false, usual(), 0)
		c.fail(now, outage{job: "x", queue: "ticket", pass: "p"}, usual(), middle)
	}
	now = c.Next
	c.admit(now, "p", false, usual(), 0)
	c.succeed(now, now, "ticket", "p")
	if c.Interval != 60_000 || !c.succeed(now, now, "ticket", "") || c.succeed(now, now, "ticket", "") {
		t.Errorf("after the second success: %+v", c)
	}
	failures(c, now, breakAfter, outage{})
	if c.State != framework.CircuitOpen || !c.Next.Equal(now.Add(time.Second)) {
		t.Errorf("down again: %+v", c)
	}
}

func TestJobsThatWereNotTriedGoFirst(t *testing.T) {
	now := frameworktest.Start()
	c := opened(now)
	fresh, _ := c.admit(now, "a", false, usual(), 1)
	tried, _ := c.admit(now, "b", true, usual(), 0)
	if fresh.until.After(tried.until) || fresh.until.Before(c.Next) {
		t.Errorf("a new job waits until %s at most, one that failed until %s at least", fresh.until, tried.until)
	}
}

func TestAClockThatIsSetBackDoesNotHoldACircuitOpen(t *testing.T) {
	wrong := frameworktest.Start().AddDate(1, 0, 0)
	c := opened(wrong)
	c.follow(wrong)
	now := frameworktest.Start()
	c.follow(now)
	if c.Next.After(now.Add(time.Second)) || c.Since.After(now) {
		t.Errorf("at %s: since %s, next %s", now, c.Since, c.Next)
	}
}

// TestACircuitNeverHoldsAJobForLongerThanItSays draws failures, successes and time, and holds that a job is always let
// through in the end, and never two probes at once.
func TestACircuitNeverHoldsAJobForLongerThanItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, began := frameworktest.Start(), frameworktest.Start()
		c := &circuit{State: framework.CircuitClosed}
		probe := ""
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			c.follow(now)
			job := fmt.Sprint(i)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				asked := time.Duration(rapid.IntRange(0, 100).Draw(t, "asked")) * time.Second
				c.fail(now, outage{job: job, queue: "q", pass: probe, asked: asked}, usual(), rapid.Float64Range(0, 1).Draw(t, "chance"))
				probe = ""
			case 1:
				c.succeed(now, began, "q", probe)
				probe = ""
			default:
				told, _ := c.admit(now, job, rapid.Bool().Draw(t, "tried"), usual(), rapid.Float64Range(0, 1).Draw(t, "chance"))
				if told.pass != "" {
					if probe != "" && now.Before(began.Add(70*time.Second)) {
						t.Fatalf("two probes at once")
					}
					probe, began = told.pass, now
				}
				if !told.until.IsZero() && (!told.until.After(now) || told.until.After(now.Add(130*time.Second))) {
					t.Fatalf("at %s told to wait until %s", now, told.until)
				}
				if told.turn.After(now.Add(time.Minute)) {
					t.Fatalf("at %s a turn at %s", now, told.turn)
				}
			}
		}
	})
}
