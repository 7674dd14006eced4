package engine

import (
	"time"

	"funnelweb/framework"
)

// A job is given up when it has failed for long enough. The time in which nobody could work on it does not count: the machine was
// off for a week-end and the service is not back yet either, or the clock was set. Else one failed try would be the last.

// lateAfter is from when on an event comes late: queues that are busy, and clocks that are corrected, are not meant.
const lateAfter = time.Minute

// forgive moves the time to give up on by how much later than it was to the event has come.
func (d *delivery) forgive() {
	due := d.record.NextTry
	if due.IsZero() && d.record.State == framework.RunRunning { // the process ended during the attempt
		due = d.record.ChangedAt
	}
	if late := d.engine.now().Sub(due); !due.IsZero() && late > lateAfter {
		d.extend(late)
	}
}

// timed runs the clock of an attempt. What it returns moves the time to give up on by how far the clock was set ahead meanwhile.
func (d *delivery) timed() (ended func()) {
	began, passed := d.engine.now(), monotonic()
	return func() {
		if ahead := d.engine.now().Sub(began) - passed(); ahead > lateAfter {
			d.extend(ahead)
		}
	}
}

func (d *delivery) extend(by time.Duration) {
	for _, at := range []*time.Time{&d.record.GiveUpAt, &d.giveUpAt} {
		if !at.IsZero() {
			*at = at.Add(by)
		}
	}
}
