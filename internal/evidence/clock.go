package evidence

import (
	"context"
	"time"
)

// Clock is implemented by a store that tells its own time. All replicas have that in common, and none of their machines' clocks.
type Clock interface {
	// Time returns the zero time when the store does not tell it.
	Time(ctx context.Context) (time.Time, error)
}

// noLaterThanStore puts an hour back to that of the store's clock. A replica whose own clock runs ahead would close hours that are
// yet to come, and everybody's objects would be entered into the first one that it left open, days from now.
func (a *Archive) noLaterThanStore(ctx context.Context, hour time.Time) (time.Time, error) {
	clock, ok := a.Archive.(Clock)
	if !ok {
		return hour, nil
	}
	now := a.deps.Now()
	theirs, err := clock.Time(ctx)
	if err != nil || theirs.IsZero() {
		return hour, wrapIf("ask the archive's store for its time", err)
	}
	ahead := max(0, now.Sub(theirs))
	a.mu.Lock()
	a.ahead = ahead
	a.mu.Unlock()
	if !hourOf(theirs).Before(hour) {
		return hour, nil
	}
	if ahead > 2*sealDelay { // less is the way that an answer takes
		a.deps.Log.WarnContext(ctx, "this machine's clock is ahead of the archive's store: hours are sealed by the store's; set it by NTP", "ahead", ahead.Round(time.Second).String())
	}
	return hourOf(theirs), nil
}

// aheadBy is how far this machine's clock is ahead of the store's, as far as is known.
func (a *Archive) aheadBy() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ahead
}
