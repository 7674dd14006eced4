package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func defaults(t *testing.T) Retry {
	t.Helper()
	retry, err := Retry{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	return retry
}

func TestDelaysDoubleFromOneSecondToTenMinutes(t *testing.T) {
	retry := defaults(t)
	var got []time.Duration
	for _, attempt := range []int{1, 2, 3, 4, 10, 11, 12, 5000} {
		got = append(got, retry.delay(attempt, 0.5))
	}
	want := []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 512 * time.Second,
		10 * time.Minute, 10 * time.Minute, 10 * time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if least, most := retry.delay(1, 0), retry.delay(1, 1); least != 800*time.Millisecond || most != 1200*time.Millisecond {
		t.Errorf("the first delay is from %s to %s", least, most)
	}
}

func TestTheNextTry(t *testing.T) {
	retry := defaults(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		giveUpIn, asked time.Duration
		attempt         int
		least, most     time.Duration // from now
		again           bool
	}{
		"comes after the delay, give or take a fifth":         {day, 0, 1, 800 * time.Millisecond, 1200 * time.Millisecond, true},
		"does not come before the service asked for":          {day, time.Hour, 1, time.Hour, time.Hour, true},
		"comes later than a service asked for if it must":     {day, time.Millisecond, 1, 800 * time.Millisecond, 1200 * time.Millisecond, true},
		"is the last when the day is over":                    {time.Second, 0, 12, time.Second, time.Second, true},
		"may be after the day when the service asked for it":  {time.Second, time.Hour, 1, time.Hour, time.Hour, true},
		"is at most a day away whatever a service asked for":  {day, 1000 * day, 1, day, day, true},
		"does not come when the day is over":                  {0, 0, 5, 0, 0, false},
		"does not come after the day whatever is asked for":   {-time.Minute, time.Hour, 5, 0, 0, false},
		"does not overflow after very many attempts":          {day, 0, 1 << 40, 8 * time.Minute, 12 * time.Minute, true},
		"is not in the past for a service that asks for that": {day, -time.Hour, 1, 800 * time.Millisecond, 1200 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			next, again := retry.next(now, now.Add(c.giveUpIn), c.attempt, c.asked)
			if again != c.again {
				t.Fatalf("again is %t", again)
			}
			if in := next.Sub(now); again && (in < c.least || in > c.most) {
				t.Errorf("next in %s, want %s to %s", in, c.least, c.most)
			}
		})
	}
}

func TestARetryThatMakesNoSenseIsRefused(t *testing.T) {
	for name, retry := range map[string]Retry{
		"a negative first delay": {First: -1},
		"first above max":        {First: time.Hour, Max: time.Minute},
		"a shrinking delay":      {Factor: 0.5},
		"negative jitter":        {Jitter: -0.1},
		"jitter of one":          {Jitter: 1},
		"negative give up":       {GiveUpAfter: -1},
	} {
		if _, err := retry.complete(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
