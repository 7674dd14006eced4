package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"funnelweb/framework"
)

// panicError is a panic of an action or a condition.
type panicError struct {
	value any
	stack []byte
}

// Error tells the value; the stack is logged beside it.
func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovered turns a panic into an error. It must be deferred directly.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &panicError{value, debug.Stack()}
	}
}

// failed decides what becomes of the event after an attempt that did not succeed.
func (d *delivery) failed(jobs context.Context, cause error) error {
	var wait *framework.Wait
	switch {
	case jobs.Err() != nil:
		return d.interrupted(jobs)
	case errors.As(cause, &wait):
		return d.wait(jobs, wait)
	case framework.IsPermanent(cause):
		return d.giveUp(jobs, cause)
	}
	next, again := d.engine.opts.Retry.next(d.engine.now().UTC(), d.record.GiveUpAt, d.record.Attempts, framework.RetryAfter(cause))
	if !again {
		return d.giveUp(jobs, cause)
	}
	if behind := d.behind(cause); next.Before(behind) && behind.Before(d.record.GiveUpAt) {
		next = behind
	}
	d.log().Warn("attempt failed", append(attributes(cause), "next_try", next)...)
	return d.putBack(jobs, framework.RunRetrying, next, framework.Reason(cause), true)
}

// interrupted gives an event back whose job was told to stop: no attempt, and the next process may go on at once.
func (d *delivery) interrupted(jobs context.Context) error {
	d.uncount()
	if err := d.save(jobs, framework.RunWaiting); err != nil {
		return err
	}
	d.still()
	d.release(d.message)
	return nil
}

// wait puts an event back that nothing failed with. The time does not count towards giving up.
func (d *delivery) wait(jobs context.Context, wait *framework.Wait) error {
	now := d.engine.now().UTC()
	until := wait.Until.UTC()
	if least := now.Add(min(d.engine.opts.Retry.First, time.Second)); until.Before(least) {
		until = least // a time in the past must not make a loop
	}
	if most := now.Add(maxWait); until.After(most) {
		until = most
	}
	d.uncount()
	if !d.record.GiveUpAt.IsZero() {
		d.record.GiveUpAt = d.record.GiveUpAt.Add(until.Sub(now))
	}
	d.log().Debug("job waits", "until", until, "err", wait)
	return d.putBack(jobs, framework.RunWaiting, until, framework.Reason(wait), true)
}

func (d *delivery) uncount() {
	d.record.Attempts--
	if d.record.Attempts == 0 {
		d.record.FirstTry, d.record.GiveUpAt = time.Time{}, d.giveUpAt
	}
}

// behind returns when the job of a service that is down comes back at the earliest.
func (d *delivery) behind(cause error) time.Time {
	if failure, ok := errors.AsType[*framework.ServiceError](cause); ok {
		return d.engine.breakers.behind(failure.Service)
	}
	return time.Time{}
}

// putBack notes why the event waits and until when, tells people if that can be done now, and puts it back.
func (d *delivery) putBack(jobs context.Context, state framework.RunState, next time.Time, reason string, tell bool) error {
	wait, passed := next.Sub(d.engine.now()), monotonic() // the clock may be set before the store has the wait
	d.record.NextTry, d.record.Reason = next, reason
	if tell = tell && d.canTell(); tell {
		d.record.ToldAt = d.engine.now().UTC()
	}
	if err := d.save(jobs, state); err != nil {
		return err
	}
	if tell {
		waiting := state == framework.RunWaiting
		d.tell(jobs, framework.Failure{Reason: reason, Waiting: waiting, Next: next, Attempts: d.record.Attempts})
	}
	d.answer(func() error { return d.message.NakWithDelay(max(time.Millisecond, wait-passed())) })
	return nil
}

// giveUp makes a dead letter, and only when that is safe lets go of the event.
func (d *delivery) giveUp(jobs context.Context, cause error) error {
	now := d.engine.now().UTC()
	reason := framework.Reason(cause)
	err := d.engine.bury(jobs, letter{Event: d.event, DeadLetter: framework.DeadLetter{
		ID: d.asJob().Key(), EventID: d.event.ID, EventType: d.event.Type, Automation: d.automation.Name, Job: d.job,
		Service: framework.Service(cause),
		Reason:  reason, Attempts: d.record.Attempts, FirstTry: d.record.FirstTry, GivenUpAt: now,
	}})
	if err != nil {
		return err
	}
	d.log().Error("gave up on an event", attributes(cause)...)
	if d.canTell() {
		d.tell(jobs, framework.Failure{Reason: reason, Attempts: d.record.Attempts})
	}
	d.record.NextTry, d.record.Reason = time.Time{}, reason
	if err := d.save(jobs, framework.RunDead); err != nil {
		return err
	}
	return d.letGo(jobs, d.message.Term)
}

// tell lets the action show people what became of the job.
func (d *delivery) tell(jobs context.Context, failure framework.Failure) {
	watcher, ok := d.automation.Action.(framework.FailureWatcher)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(jobs, d.engine.opts.JobTimeout)
	defer cancel()
	if err := show(ctx, watcher, d.asJob(), failure); err != nil {
		if failed, ok := errors.AsType[*framework.ServiceError](err); ok && isDown(failed) {
			d.told.need(failed.Service)
		}
		d.log().Warn("failure could not be shown", attributes(err)...)
	}
}

func show(ctx context.Context, watcher framework.FailureWatcher, job framework.Job, failure framework.Failure) (err error) {
	defer recovered(&err)
	return watcher.Failed(ctx, job, failure)
}

// log is the log with what identifies the attempt.
func (d *delivery) log() *slog.Logger {
	attempt := 0
	if d.record != nil {
		attempt = d.record.Attempts
	}
	return d.engine.log.With("event_id", d.event.ID, "automation", d.automation.Name, "job", d.job, "attempt", attempt)
}

func attributes(err error) []any {
	if panicked, ok := errors.AsType[*panicError](err); ok {
		return []any{"err", err, "stack", string(panicked.stack)}
	}
	return []any{"err", err}
}
