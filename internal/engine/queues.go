package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// Queues returns the queues of the configuration, in its order, then those that it does not have and for which events wait.
func (e *Engine) Queues(ctx context.Context) ([]framework.Queue, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	queues := []framework.Queue{}
	if e.queues.Load() == nil {
		return queues, nil
	}
	for _, queue := range e.configured() {
		one, err := queue.shown(ctx)
		if err != nil {
			return nil, err
		}
		queues = append(queues, one)
	}
	if err := e.leaveUnconfigured(ctx, e.configured()); err != nil {
		return nil, err
	}
	for _, l := range *e.left.Load() {
		one, err := e.shownLeft(ctx, l)
		if err != nil {
			return nil, err
		}
		queues = append(queues, one)
	}
	return queues, nil
}

// shownName is the name of a queue as people see it.
func shownName(name string) string { return strings.ReplaceAll(name, "=", "/") }

func (q *queue) shown(ctx context.Context) (framework.Queue, error) {
	shown := framework.Queue{Name: shownName(q.name), Source: q.source, Type: q.automation.On, Configured: true}
	needed, err := q.engine.breakers.needed(ctx, q.name)
	if err != nil {
		return shown, err
	}
	for _, circuit := range needed {
		if circuit.State != framework.CircuitClosed {
			shown.Services = append(shown.Services, circuit.public())
		}
	}
	stream, err := q.engine.streams.of(ctx, q.source)
	if err != nil {
		return shown, err
	}
	consumer, err := stream.Consumer(ctx, q.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return shown, nil // the store has lost it; it is made anew
	}
	if err != nil {
		return shown, fmt.Errorf("read state of queue %s of source %s: %w", q.name, q.source, err)
	}
	info := consumer.CachedInfo()
	if shown.Waiting = unfinished(info); shown.Waiting > 0 {
		shown.Oldest, err = oldest(ctx, stream, info, info.AckFloor.Stream)
	}
	return shown, err
}

func (e *Engine) shownLeft(ctx context.Context, l left) (framework.Queue, error) {
	shown := framework.Queue{Name: shownName(l.name), Source: l.source, Type: l.eventType(), LeftAt: l.state.LeftAt}
	var err error
	if shown.Waiting, err = l.waiting(ctx); err != nil || shown.Waiting == 0 {
		return shown, err
	}
	shown.Oldest, err = oldest(ctx, l.stream, l.info, l.floor())
	return shown, err
}

// unfinished is how many events a queue is not finished with.
func unfinished(info *jetstream.ConsumerInfo) uint64 {
	return info.NumPending + uint64(max(0, info.NumAckPending))
}

// waiting is how many events wait for a queue that was left. Once some were dropped or handed over it counts those that are
// finished behind the first that is not.
func (l left) waiting(ctx context.Context) (uint64, error) {
	if l.state.Left == 0 {
		return unfinished(l.info), nil
	}
	later, err := l.countFrom(ctx, l.state.Left+1)
	if err != nil {
		return 0, err
	}
	all := unfinished(l.info)
	if l.state.Settled > 0 {
		if all, err = l.countFrom(ctx, l.floor()+1); err != nil {
			return 0, err
		}
	}
	return all - min(all, later), nil
}

// countFrom counts the events of a queue from a place on: a consumer knows how many are in front of it.
func (l left) countFrom(ctx context.Context, place uint64) (uint64, error) {
	consumer, err := l.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: place, AckPolicy: jetstream.AckNonePolicy,
		FilterSubjects: l.info.Config.FilterSubjects, MemoryStorage: true, Replicas: 1, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return 0, fmt.Errorf("count events of queue %s: %w", l.name, err)
	}
	count := consumer.CachedInfo().NumPending
	if err := l.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name); err != nil {
		return 0, fmt.Errorf("count events of queue %s: %w", l.name, err)
	}
	return count, nil
}

// oldest is when the first message behind a place was stored that comes to the queue. A queue may be finished with it, out
// of turn.
func oldest(ctx context.Context, stream jetstream.Stream, info *jetstream.ConsumerInfo, floor uint64) (time.Time, error) {
	var oldest time.Time
	for _, filter := range info.Config.FilterSubjects {
		reader := forward{stream: stream, subject: filter, next: floor + 1}
		message, err := reader.read(ctx)
		if err != nil {
			return oldest, fmt.Errorf("read oldest event of queue %s: %w", info.Name, err)
		}
		if message != nil && (oldest.IsZero() || message.Time.Before(oldest)) {
			oldest = message.Time.UTC()
		}
	}
	return oldest, nil
}
