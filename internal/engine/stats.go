package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// Stats is the state of an engine at one moment.
type Stats struct {
	Queues      []QueueStats      // in the order of the configuration
	Left        []framework.Queue // those that the configuration does not have, as it was last looked
	DeadLetters uint64
	StoreBytes  uint64 // held by all streams
	StoreLimit  int64  // what they may hold

	DamagedBytes int64 // of files that were put aside as they were damaged

	Services []framework.Circuit    // those that failed lately, by name
	Quotas   []framework.QuotaState // those that were taken from, by name
}

// QueueStats is the state of one job of one automation, over all replicas.
type QueueStats struct {
	Automation, Job string
	Waiting         uint64        // events that it is not finished with, those under way included
	Oldest          time.Duration // since the oldest of these was stored; 0 when there is none
}

// Stats reads the state from the store; its cost grows with the number of queues and not with that of the events.
func (e *Engine) Stats(ctx context.Context) (Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stats := Stats{StoreLimit: e.opts.MaxStore}
	account, err := e.js.AccountInfo(ctx)
	if err != nil {
		return stats, fmt.Errorf("read size of store: %w", err)
	}
	stats.StoreBytes = account.Store
	if e.embedded != nil && !e.opts.Inline {
		if stats.DamagedBytes, err = sizeOf(filepath.Join(e.opts.Dir, damagedDir)); err != nil {
			return stats, fmt.Errorf("read size of what was put aside: %w", err)
		}
	}
	letters, err := e.letters.Info(ctx)
	if err != nil {
		return stats, fmt.Errorf("count dead letters: %w", err)
	}
	stats.DeadLetters = letters.State.Msgs
	e.claims.note(letters.State.LastSeq) // a claim that is met late is then known to be old
	for _, queue := range e.configured() {
		one, err := queue.stats(ctx)
		if err != nil {
			return stats, err
		}
		stats.Queues = append(stats.Queues, one)
	}
	for _, l := range e.leftQueues() {
		one, err := e.shownLeft(ctx, l)
		if err != nil {
			return stats, err
		}
		stats.Left = append(stats.Left, one)
	}
	if stats.Services, err = e.Breakers(ctx); err != nil {
		return stats, err
	}
	stats.Quotas, err = e.Quotas(ctx)
	return stats, err
}

func (q *queue) stats(ctx context.Context) (QueueStats, error) {
	stats := QueueStats{Automation: q.automation.Name, Job: q.job}
	stream, err := q.engine.streams.of(ctx, q.source)
	if err != nil {
		return stats, err
	}
	consumer, err := stream.Consumer(ctx, q.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return stats, nil // the store has lost it; its dispatcher makes it anew
	}
	if err != nil {
		return stats, fmt.Errorf("read state of queue %s: %w", q.name, err)
	}
	info := consumer.CachedInfo()
	stats.Waiting = info.NumPending + uint64(max(0, info.NumAckPending))
	if stats.Waiting == 0 {
		return stats, nil
	}
	stats.Oldest, err = q.oldest(ctx, stream, info)
	return stats, err
}

// oldest is the age of the first message behind all that the queue has finished. One that it finished out of turn is
// behind it.
func (q *queue) oldest(ctx context.Context, stream jetstream.Stream, info *jetstream.ConsumerInfo) (time.Duration, error) {
	var oldest time.Duration
	for _, filter := range info.Config.FilterSubjects {
		message, err := stream.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read oldest event of queue %s: %w", q.name, err)
		}
		oldest = max(oldest, q.engine.now().Sub(message.Time))
	}
	return oldest, nil
}
