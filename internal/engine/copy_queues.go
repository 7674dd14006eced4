package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// queues makes the queues in the cluster: each begins behind what it has finished here. What it finished out of turn is
// told by the run records.
func (c *copier) queues(ctx context.Context, source string, stream, target jetstream.Stream) ([]waiting, error) {
	var queues []waiting
	listed := stream.ListConsumers(ctx)
	for info := range listed.Info() {
		start, err := startOf(ctx, stream, info)
		if err != nil {
			return nil, fmt.Errorf("find where queue %s is: %w", info.Name, err)
		}
		queues = append(queues, waiting{info, start})
	}
	if err := listed.Err(); err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	for _, here := range queues {
		info, config := here.info, here.info.Config
		beginAt(&config, here.start)
		config.FilterSubjects = nil
		for _, subject := range info.Config.FilterSubjects {
			config.FilterSubjects = append(config.FilterSubjects, c.to.names.subject(subject))
		}
		if err := c.queue(ctx, target, config); err != nil {
			return nil, fmt.Errorf("make queue %s of source %s: %w", info.Name, source, err)
		}
	}
	return queues, nil
}

// waiting is a queue here, and the place of the first message that it may still have to do with.
type waiting struct {
	info  *jetstream.ConsumerInfo
	start uint64
}

// startOf returns the first place behind what a queue is finished with. Of a queue to which nothing has come yet the store
// tells no such place: what was stored before it was made does not concern it.
func startOf(ctx context.Context, stream jetstream.Stream, info *jetstream.ConsumerInfo) (uint64, error) {
	low := max(1, info.AckFloor.Stream+1, info.Config.OptStartSeq)
	if info.Config.DeliverPolicy == jetstream.DeliverByStartSequencePolicy {
		return low, nil
	}
	since := info.Created
	if info.Config.OptStartTime != nil {
		since = *info.Config.OptStartTime
	}
	return placeSince(ctx, stream, low, since)
}

// queue makes one, anew if it began elsewhere in an earlier call.
func (c *copier) queue(ctx context.Context, target jetstream.Stream, config jetstream.ConsumerConfig) error {
	return c.to.setup().do(ctx, func(ctx context.Context) error {
		found, err := target.Consumer(ctx, config.Durable)
		if err == nil && found.CachedInfo().Config.OptStartSeq == config.OptStartSeq {
			return nil
		}
		if err == nil {
			err = target.DeleteConsumer(ctx, config.Durable)
		}
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		_, err = target.CreateConsumer(ctx, config)
		return err
	})
}

// proveQueues checks that each queue has at least what it had to do, and nothing of what is behind it.
func (c *copier) proveQueues(ctx context.Context, target jetstream.Stream, queues []waiting) error {
	for _, queue := range queues {
		here := queue.info
		found, err := target.Consumer(ctx, here.Name)
		if err != nil {
			return fmt.Errorf("read queue %s: %w", here.Name, err)
		}
		there := found.CachedInfo()
		row := CopyRow{Kind: "queue", Name: here.Name, From: here.NumPending + uint64(here.NumAckPending), To: there.NumPending} //nolint:gosec // a count
		c.row(row)
		if there.Config.OptStartSeq != queue.start || row.To < row.From {
			return fmt.Errorf("queue %s has %d events to do here and %d in the cluster", here.Name, row.From, row.To)
		}
	}
	return nil
}
