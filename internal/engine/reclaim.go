package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// maxReclaimed bounds how many events of a source are looked at one by one for one event's room.
const maxReclaimed = 2000

// makeRoom asks for room, by space.take or space.check. When there is none it gives up the oldest events that every
// queue is finished with, and asks again: keeping events longer than needed is no reason to refuse new ones. That the
// disk is full is no reason to give up any.
func (e *Engine) makeRoom(ctx context.Context, ask func(context.Context) error) error {
	if err := ask(ctx); !errors.Is(err, errFull) || errors.Is(err, errDiskFull) {
		return err
	}
	e.reclaiming.Lock()
	defer e.reclaiming.Unlock()
	if err := ask(ctx); !errors.Is(err, errFull) {
		return err // someone else made room meanwhile
	}
	streams, err := e.streams.all(ctx)
	if err != nil {
		return errors.Join(errFull, err)
	}
	for source, stream := range streams {
		if err := e.reclaim(ctx, source, stream, maxReclaimed); err != nil {
			return errors.Join(errFull, err)
		}
	}
	return ask(ctx)
}

// reclaim removes up to a tenth of a stream's messages, the oldest first, and none that a queue still needs: all in
// front of the first unfinished one at once, or, where that is the very first, one by one those that are finished.
func (e *Engine) reclaim(ctx context.Context, source string, stream jetstream.Stream, most int) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream of source %s: %w", source, err)
	}
	needs, err := e.needsOf(ctx, source, stream)
	if err != nil {
		return fmt.Errorf("source %s: %w", source, err)
	}
	state := info.State
	tenth := state.Msgs/10 + 1
	upTo := state.FirstSeq + tenth // the first that stays
	for _, queue := range needs {
		upTo = min(upTo, queue.floor+1)
	}
	switch {
	case state.Msgs == 0:
		return nil
	case upTo <= state.FirstSeq:
		return e.reclaimSingly(ctx, source, stream, needs, bounds{state.LastSeq, most, tenth})
	}
	removed, err := e.reached.remove(info.Config.Name)
	if err != nil {
		return err
	}
	defer removed()
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(upTo)); err != nil {
		return fmt.Errorf("remove finished events of source %s: %w", source, err)
	}
	return nil
}

// bounds of a walk over messages.
type bounds struct {
	last    uint64 // the queues were not asked about what is behind it
	looked  int
	removed uint64
}

// reclaimSingly removes finished messages within the bounds, from where it stopped the last time.
func (e *Engine) reclaimSingly(ctx context.Context, source string, stream jetstream.Stream, needs []need, most bounds) error {
	next := e.reclaimed[source]
	delete(e.reclaimed, source)
	for removed := uint64(0); most.looked > 0 && removed < most.removed; most.looked-- {
		message, err := stream.GetMsg(ctx, max(1, next), jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && message.Sequence > most.last {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read old event of source %s: %w", source, err)
		}
		gone, err := e.removeUnneeded(ctx, stream, needs, message)
		if err != nil {
			return err
		}
		if gone {
			removed++
		}
		next = message.Sequence + 1
	}
	e.reclaimed[source] = next
	return nil
}
