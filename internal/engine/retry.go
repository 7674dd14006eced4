package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Retry says when a failed job is tried again.
type Retry struct {
	First       time.Duration // before the second attempt; 1 s when 0
	Max         time.Duration // between two attempts; 10 min when 0
	Factor      float64       // by which the delay grows, at least 1; 2 when 0
	Jitter      float64       // the part of a delay that chance adds or takes, below 1; 0.2 when 0
	GiveUpAfter time.Duration // since the first attempt, waits for quotas not counted; 24 h when 0
}

func (r Retry) complete() (Retry, error) {
	if r.First == 0 {
		r.First = time.Second
	}
	if r.Max == 0 {
		r.Max = 10 * time.Minute
	}
	if r.Factor == 0 {
		r.Factor = 2
	}
	if r.Jitter == 0 {
		r.Jitter = 0.2
	}
	if r.GiveUpAfter == 0 {
		r.GiveUpAfter = day
	}
	if r.First < 0 || r.Max < r.First || r.Factor < 1 || r.Jitter < 0 || r.Jitter >= 1 || r.GiveUpAfter < 0 {
		return r, errors.New("engine: Retry needs 0 < First <= Max, Factor >= 1, 0 <= Jitter < 1 and GiveUpAfter >= 0")
	}
	return r, nil
}

// next returns when to try again after a failed attempt (counted from 1), and false when it is time to give up. The
// last try is at giveUpAt, unless the service asked for a later one.
func (r Retry) next(now, giveUpAt time.Time, attempt int, asked time.Duration) (time.Time, bool) {
	if !now.Before(giveUpAt) {
		return time.Time{}, false
	}
	next := now.Add(r.delay(attempt, rand.Float64())) //nolint:gosec // spreads retries, guards nothing
	if next.After(giveUpAt) {
		next = giveUpAt
	}
	if least := now.Add(min(asked, day)); next.Before(least) { // a service must not put a job off for ever
		next = least
	}
	return next, true
}

// delay returns how long to wait after an attempt; chance is from 0 to 1.
func (r Retry) delay(attempt int, chance float64) time.Duration {
	delay := float64(r.First) * math.Pow(r.Factor, float64(attempt-1))
	delay = min(delay, float64(r.Max))
	return time.Duration(delay * (1 + r.Jitter*(2*chance-1)))
}
