package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// makeRoom asks for room, by space.take or space.check. When there is none it gives up the oldest events that every
// queue is finished with, and asks again: keeping events longer than needed is no reason to refuse new ones.
func (e *Engine) makeRoom(ctx context.Context, ask func(context.Context) error) error {
	if err := ask(ctx); !errors.Is(err, errFull) {
		return err
	}
	e.reclaiming.Lock()
	defer e.reclaiming.Unlock()
	if err := ask(ctx); !errors.Is(err, errFull) {
		return err // someone else made room meanwhile
	}
	for _, stream := range e.streams.all() {
		if err := reclaim(ctx, stream); err != nil {
			return errors.Join(errFull, err)
		}
	}
	return ask(ctx)
}

// reclaim removes up to a tenth of a stream's messages, the oldest first, and none that a queue still needs.
func reclaim(ctx context.Context, stream jetstream.Stream) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	state := info.State
	upTo := state.FirstSeq + state.Msgs/10 + 1 // the first that stays
	consumers := stream.ListConsumers(ctx)
	for consumer := range consumers.Info() {
		if consumer.NumPending > 0 || consumer.NumAckPending > 0 {
			upTo = min(upTo, consumer.AckFloor.Stream+1)
		}
	}
	if err := consumers.Err(); err != nil {
		return fmt.Errorf("list queues of stream %s: %w", info.Config.Name, err)
	}
	if upTo <= state.FirstSeq || state.Msgs == 0 {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(upTo)); err != nil {
		return fmt.Errorf("remove finished events of stream %s: %w", info.Config.Name, err)
	}
	return nil
}
