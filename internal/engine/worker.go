package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// deadlyAttempts is how many attempts at least have to be made by a job that is suspected of ending the process: a
// machine that was off for a day must not look like that.
const deadlyAttempts = 10

// delivery is one delivery of an event to a worker.
type delivery struct {
	*queue

	message jetstream.Msg
	event   framework.Event
	broken  error // why the event cannot be read
	record  *record

	still    func()    // ends the heartbeat
	giveUpAt time.Time // of the record before this attempt
	stale    bool      // a replay took the place of this delivery, or an earlier delivery did all
}

// handle brings one delivery to an end. What the store fails to note is tried again by a later delivery.
func (q *queue) handle(jobs context.Context, message jetstream.Msg) {
	d := &delivery{queue: q, message: message, still: sync.OnceFunc(q.heartbeat(message))}
	defer d.still()
	err := d.work(jobs)
	if err == nil {
		if !d.stale {
			q.engine.opts.Observer.Settled(q.automation.Name, q.job, d.record.State)
		}
		return
	}
	if !errors.Is(err, errSuperseded) {
		d.log().Error("the store does not follow; the event is delivered again", "err", err)
	}
	d.answer(func() error { return message.NakWithDelay(q.engine.opts.Retry.First) })
}

// answer tells the store what becomes of the event, when no heartbeat can follow: that would hold it for AckWait again.
func (d *delivery) answer(tell func() error) {
	d.still()
	d.settle(tell())
}

// heartbeat holds the event for this worker until the returned function is called.
func (q *queue) heartbeat(message jetstream.Msg) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		beat := time.NewTicker(q.engine.opts.beat)
		defer beat.Stop()
		for {
			select {
			case <-done:
				return
			case <-beat.C:
				q.settle(message.InProgress())
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

// work does what is left to do for the event. The error is the store's, never the action's.
func (d *delivery) work(jobs context.Context) error {
	if err := d.load(jobs); err != nil {
		return err
	}
	if d.stale = d.stale || d.record.finished(); d.stale {
		return d.letGo(jobs, d.message.Ack)
	}
	holds, err := d.condition()
	switch {
	case err != nil:
		return d.giveUp(jobs, err)
	case !holds:
		return d.finish(jobs, framework.RunSkipped, framework.Result{})
	}
	d.forgive()
	if d.deadly() {
		return d.giveUp(jobs, d.unusable("run", "its attempts do not end: the process ends with them", nil))
	}
	if putBack, err := d.inherit(jobs); err != nil || putBack {
		return err
	}
	passed, putOff, err := d.admit(jobs)
	if err != nil || putOff {
		return err
	}
	if err := d.begin(jobs); err != nil {
		d.giveBack(jobs, passed, true)
		return err
	}
	began, ended := d.engine.now().UTC(), d.timed()
	result, err := d.attempt(jobs)
	ended()
	d.heard(jobs, passed, began, err)
	if err != nil {
		return d.failed(jobs, err)
	}
	return d.finish(jobs, framework.RunDone, result)
}

// load reads the event and its record. A later message than the record knows is a replay, or the event itself.
func (d *delivery) load(ctx context.Context) error {
	metadata, err := d.message.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata of a delivery: %w", err)
	}
	if err := json.Unmarshal(d.message.Data(), &d.event); err != nil {
		d.event = d.fromSubject()
		d.broken = d.unusable("read event", "the stored event is damaged", err)
	}
	d.record, err = d.engine.runs.read(ctx, d.event.ID, d.name)
	if err != nil {
		return err
	}
	sequence := metadata.Sequence.Stream
	d.stale = d.record.Sequence > sequence || sequence < d.first || !d.state.owns(sequence) && !d.engine.names.isReplay(d.message.Subject())
	if d.record.Sequence < sequence {
		d.record = d.fresh(sequence, d.record.revision)
	}
	return nil
}

// fromSubject tells of an event what its subject does: ev.<source>.<what>.<id> or redo.<source>.<queue>.<id>.<letter>.
func (d *delivery) fromSubject() framework.Event {
	return framework.Event{ID: idIn(d.message.Subject()), Type: d.automation.On}
}

// fresh is the record of a message that no work was done for.
func (q *queue) fresh(sequence, revision uint64) *record {
	waiting := framework.Run{Automation: q.automation.Name, Job: q.job, State: framework.RunWaiting}
	return &record{Run: waiting, Sequence: sequence, revision: revision}
}

// condition reports whether the automation wants the event. Its errors are permanent.
func (d *delivery) condition() (bool, error) {
	switch {
	case d.broken != nil:
		return false, d.broken
	case !d.matches(d.event.Type): // put back before the automation was given another type
		return false, nil
	case d.automation.When == nil:
		return true, nil
	}
	holds, err := evaluate(d.automation.When, d.event)
	if err != nil && !framework.IsPermanent(err) {
		err = d.unusable("condition", "it cannot be evaluated for this event; the log has the cause", err)
	}
	return holds, err
}

func evaluate(when func(framework.Event) (bool, error), event framework.Event) (holds bool, err error) {
	defer recovered(&err)
	return when(event)
}

// unusable is an error that no repetition cures.
func (d *delivery) unusable(op, reason string, cause error) error {
	return &framework.ServiceError{
		Service: "automation " + d.automation.Name, Op: op, Reason: reason, Permanent: true, Err: cause,
	}
}

// deadly reports whether attempts took the process with them (memory, a fatal error) for as long as a job may fail.
func (d *delivery) deadly() bool {
	return d.record.State == framework.RunRunning && d.record.Attempts >= deadlyAttempts && !d.engine.now().Before(d.record.GiveUpAt)
}

// begin counts an attempt before it is made: one that takes the process with it counts too.
func (d *delivery) begin(ctx context.Context) error {
	now := d.engine.now().UTC()
	d.giveUpAt = d.record.GiveUpAt
	if d.record.Attempts == 0 {
		d.record.FirstTry = now
	}
	if d.record.GiveUpAt.IsZero() { // else it began to wait for a service before
		d.record.GiveUpAt = now.Add(d.engine.opts.Retry.GiveUpAfter)
	}
	d.record.Attempts++
	d.record.NextTry, d.record.Reason = time.Time{}, ""
	return d.save(ctx, framework.RunRunning)
}

// attempt does the job once. A panic is an error like any other.
func (d *delivery) attempt(jobs context.Context) (result framework.Result, err error) {
	ctx, cancel := context.WithTimeout(jobs, d.engine.opts.JobTimeout)
	defer cancel()
	job := d.asJob()
	ctx, ended := d.engine.opts.Observer.Attempt(ctx, job)
	defer func() { ended(result, err) }()
	defer recovered(&err)
	return d.automation.Action.Do(ctx, job)
}

func (d *delivery) asJob() framework.Job {
	return framework.Job{Automation: d.automation.Name, Name: d.job, Event: d.event, Attempt: max(1, d.record.Attempts)}
}

// finish notes the result and lets go of the event.
func (d *delivery) finish(ctx context.Context, state framework.RunState, result framework.Result) error {
	d.record.Result, d.record.Link = result.Summary, result.Link
	d.record.NextTry, d.record.Reason = time.Time{}, ""
	if err := d.save(ctx, state); err != nil {
		return err
	}
	return d.letGo(ctx, d.message.Ack)
}

// letGo tells the store that nothing is left to do for the event, once what was noted of it is safe against power loss: of a
// cut the store may keep the acknowledgement, and lose the run record and what the ledger knows of the effect.
func (d *delivery) letGo(ctx context.Context, tell func() error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.engine.timeout())
	defer cancel()
	if err := d.engine.barrier.wait(ctx); err != nil {
		return fmt.Errorf("make the end of a job safe: %w", err)
	}
	d.answer(tell)
	return nil
}

// save writes the record even when jobs are being interrupted.
func (d *delivery) save(ctx context.Context, state framework.RunState) error {
	d.record.State, d.record.ChangedAt = state, d.engine.now().UTC()
	defer d.engine.inline.tell(d.event.ID)
	ctx = context.WithoutCancel(ctx)
	err := d.engine.runs.write(ctx, d.event.ID, d.name, d.record)
	if !errors.Is(err, errSuperseded) {
		return err
	}
	// A replay shows its run as waiting after the event is published, which a worker may have taken by then.
	stored, unread := d.engine.runs.read(ctx, d.event.ID, d.name)
	if unread != nil || !stored.announces(d.record.Sequence) {
		return err
	}
	d.record.revision = stored.revision
	return d.engine.runs.write(ctx, d.event.ID, d.name, d.record)
}
