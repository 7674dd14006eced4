package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// open makes the consumer or finds it as it was left.
func (q *queue) open(ctx context.Context) error {
	stream, err := q.engine.streams.of(ctx, q.source)
	if err != nil {
		return err
	}
	config := q.config()
	found, err := stream.Consumer(ctx, q.name)
	switch {
	case err == nil: // where it began cannot be changed
		old := found.CachedInfo()
		if slices.Contains(old.Config.FilterSubjects, config.FilterSubjects[0]) {
			config.DeliverPolicy, config.OptStartTime, config.OptStartSeq = old.Config.DeliverPolicy, old.Config.OptStartTime, old.Config.OptStartSeq
			q.created = old.Created // what an update answers is the time of the update
			err = q.comeBack(ctx, stream, old.AckFloor.Stream)
		} else {
			err = errors.Join(q.takeOtherType(ctx, left{q.source, q.name, stream, old, new(queueState)}), q.beginHere(ctx, stream, &config))
		}
		if err != nil {
			return err
		}
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("find queue %s of source %s: %w", q.name, q.source, err)
	default:
		if err := q.engine.states.forget(ctx, q.source, q.name); err != nil {
			return err
		}
		if err := q.beginHere(ctx, stream, &config); err != nil {
			return err
		}
	}
	if q.consumer, err = stream.CreateOrUpdateConsumer(ctx, config); err != nil {
		return fmt.Errorf("make queue %s of source %s: %w", q.name, q.source, err)
	}
	q.first = config.OptStartSeq
	if q.created.IsZero() {
		q.created = q.consumer.CachedInfo().Created
	}
	if config.OptStartTime != nil { // it was lost once, and made anew by an earlier version
		q.created = *config.OptStartTime
	}
	return nil
}

// beginHere lets a new queue in a cluster begin behind what is stored now. Told to begin with what is new, its consumer would
// do so when it gets its leader, some time after it was made, and pass over what was stored meanwhile. Of several replicas
// that make it at once the first decides.
func (q *queue) beginHere(ctx context.Context, stream jetstream.Stream, config *jetstream.ConsumerConfig) error {
	if !q.engine.shared() {
		return nil
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("find the end of source %s: %w", q.source, err)
	}
	beginAt(config, info.State.LastSeq+1)
	return nil
}

// takeOtherType makes room for a queue of the same name that takes other events. Nothing may wait in the old one: what does
// is for work on the old type.
func (q *queue) takeOtherType(ctx context.Context, old left) error {
	if waiting := unfinished(old.info); waiting > 0 {
		return fmt.Errorf("automation %s is on %s now, and %d events of %s wait for it: give it another name; then funnelweb queues drops those, or hands them over",
			q.automation.Name, q.automation.On, waiting, old.eventType())
	}
	return q.engine.removeQueue(ctx, old)
}

// config is that of a new queue. MaxDeliver and BackOff stay unset: the worker decides about retries, and BackOff would
// override AckWait, so that a slow job ran twice.
func (q *queue) config() jetstream.ConsumerConfig {
	names := q.engine.names
	return jetstream.ConsumerConfig{
		Durable:        q.name,
		DeliverPolicy:  jetstream.DeliverNewPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        q.engine.opts.ackWait,
		MaxDeliver:     -1,
		MaxAckPending:  maxWaiting,
		FilterSubjects: []string{names.subject("ev", q.source, q.what, ">"), names.subject("redo", q.source, q.name, ">")},
	}
}

// works notes that the store answers the queue.
func (q *queue) works() {
	if q.broken {
		q.engine.log.Info("the queue works again", "automation", q.automation.Name, "job", q.job)
		q.broken = false
	}
}

// revive makes the consumer anew if the store has lost it, and pauses. It logs only the first of several failures.
func (q *queue) revive(ctx context.Context, cause error) {
	if !q.broken {
		q.engine.log.Error("the queue is out of order", "automation", q.automation.Name, "job", q.job, "err", cause)
		q.broken = true
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := q.remake(bounded); err != nil {
		q.engine.log.Debug("make the queue anew", "automation", q.automation.Name, "job", q.job, "err", err)
		pause(ctx, retryQueue)
	}
}

// remake finds the consumer, or makes it for all events since the queue was first made: the run records tell those that
// are finished.
func (q *queue) remake(ctx context.Context) error {
	stream, err := q.engine.streams.remake(ctx, q.source)
	if err != nil {
		return err
	}
	found, err := stream.Consumer(ctx, q.name)
	if err == nil {
		q.consumer = found
		return fmt.Errorf("queue %s is there", q.name) // something else is wrong
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("find queue %s: %w", q.name, err)
	}
	config := q.config()
	if q.first > 0 {
		beginAt(&config, q.first)
	} else if err := beginSince(ctx, stream, &config, q.created); err != nil {
		return fmt.Errorf("find where queue %s begins: %w", q.name, err)
	}
	anew, err := stream.CreateConsumer(ctx, config)
	if err != nil {
		return fmt.Errorf("make queue %s: %w", q.name, err)
	}
	q.consumer = anew
	return nil
}
