package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// An embedded store is that of one process: what an earlier one had in hand when it was killed is nobody's. The store would
// hold it back until AckWait is over.

const (
	// The takeBackWait is AckWait while events are taken back: all that were given out have been silent for longer.
	takeBackWait = 10 * time.Millisecond
	// The takeBackTime is for how long it is so short. A server looks at what it has given out 100 ms after AckWait was changed
	// (updateConfig and checkPending in consumer.go of nats-server/v2 v2.15.2). One that is late leaves AckWait to do it.
	takeBackTime = 300 * time.Millisecond
)

// takeBack lets all events come back at once that an earlier process was given and did not finish, before this one takes any.
// Those that wait for their time for less than AckWait come too: inherit puts them back. The error is that the store does
// not answer, and no event may be taken before it does: AckWait may be short.
func (q *queue) takeBack(taking context.Context) error {
	if !q.engine.owns() {
		return nil
	}
	info, err := q.info(taking)
	if err != nil || info.NumAckPending == 0 && info.Config.AckWait == q.engine.opts.ackWait {
		return err
	}
	if err := q.setAckWait(taking, info.Config, takeBackWait); err != nil {
		return err
	}
	pause(taking, takeBackTime)
	return q.setAckWait(taking, info.Config, q.engine.opts.ackWait)
}

// owns reports whether nobody but this process works on the store, and an earlier one may have.
func (e *Engine) owns() bool { return !e.shared() && !e.opts.Inline }

func (q *queue) info(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	info, err := q.consumer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read queue %s of source %s: %w", q.name, q.source, err)
	}
	return info, nil
}

func (q *queue) setAckWait(ctx context.Context, config jetstream.ConsumerConfig, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stream, err := q.engine.streams.of(ctx, q.source)
	if err != nil {
		return err
	}
	config.AckWait = wait
	if _, err := stream.UpdateConsumer(ctx, config); err != nil {
		return fmt.Errorf("take back what queue %s of source %s has given out: %w", q.name, q.source, err)
	}
	return nil
}

// inherit puts a job back that an earlier process left and whose time has not come: its record knows that better than the
// store, which writes down late what waits and for how long, and is told to give all back by takeBack. It reports whether it did.
func (d *delivery) inherit(jobs context.Context) (bool, error) {
	if !d.engine.runs.inherits(d.record) {
		return false, nil
	}
	now, state, reason := d.engine.now().UTC(), d.record.State, d.record.Reason
	next := d.record.NextTry
	if state == framework.RunRunning && d.record.Attempts > 1 {
		// It may be what ends the process: the first time it goes on at once, then it leaves the others time.
		next = d.record.ChangedAt.Add(d.engine.opts.Retry.delay(d.record.Attempts-1, 1.0/2))
		state, reason = framework.RunRetrying, "the process ended during the last attempt"
	}
	left := min(next.Sub(now), next.Sub(d.record.ChangedAt)) // the clock may have been set back since
	if left <= 0 {
		return false, nil
	}
	return true, d.putBack(jobs, state, now.Add(left), reason, false)
}
