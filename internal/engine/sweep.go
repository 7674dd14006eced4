package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	sweepEvery = time.Hour
	maxSwept   = 100_000 // events of a source that one sweep looks at; the next one goes on from there
)

// sweeper removes events that are older than the retention and that no configured queue needs any more. The store
// itself is given no such limit: it would drop events that still wait for a quota, or for a service that is down.
type sweeper struct {
	engine *Engine
	next   map[string]uint64 // by source, where a sweep that reached its bound stopped
}

func (e *Engine) newSweeper() *sweeper { return &sweeper{e, map[string]uint64{}} }

// run sweeps now and then until ctx ends.
func (s *sweeper) run(ctx context.Context) {
	tick := time.NewTicker(s.engine.opts.sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.engine.log.Error("remove old events", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep goes once over all sources. What fails for one does not keep it from the others.
func (s *sweeper) sweep(ctx context.Context) error {
	errs := []error{s.engine.leaveUnconfigured(ctx, s.engine.configured())}
	streams, err := s.engine.streams.all(ctx)
	if err != nil {
		return err
	}
	for source, stream := range streams {
		if err := s.sweepSource(ctx, source, stream); err != nil {
			errs = append(errs, fmt.Errorf("source %s: %w", source, err))
		}
	}
	return errors.Join(errs...)
}

func (s *sweeper) sweepSource(ctx context.Context, source string, stream jetstream.Stream) error {
	before := s.engine.now().Add(-retention)
	needs, err := s.engine.needsOf(ctx, source, stream)
	if err != nil {
		return err
	}
	next := s.next[source]
	delete(s.next, source)
	for range maxSwept {
		message, err := stream.GetMsg(ctx, max(1, next), jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !message.Time.Before(before) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read old event: %w", err)
		}
		if _, err := s.engine.removeUnneeded(ctx, stream, needs, message); err != nil {
			return err
		}
		next = message.Sequence + 1
	}
	s.next[source] = next
	return nil
}

// removeUnneeded removes a message that no queue holds, and reports whether it did.
func (e *Engine) removeUnneeded(ctx context.Context, stream jetstream.Stream, needs []need, message *jetstream.RawStreamMsg) (bool, error) {
	for _, queue := range needs {
		needed, err := queue.holds(ctx, e.runs, message)
		if needed || err != nil {
			return false, err
		}
	}
	removed, err := e.reached.remove(stream.CachedInfo().Config.Name)
	if err != nil {
		return false, err
	}
	defer removed()
	err = stream.DeleteMsg(ctx, message.Sequence)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return false, fmt.Errorf("remove old event: %w", err)
	}
	return true, nil
}

// need is what one queue still has to do with its stream, when it was asked.
type need struct {
	name  string
	info  *jetstream.ConsumerInfo
	floor uint64 // it is finished with everything up to here
	state *queueState
	names names
}

// needsOf asks the queues of a source that are not finished, those that are not configured too. When a configured one is
// missing nobody can say what it needs, which is an error.
func (e *Engine) needsOf(ctx context.Context, source string, stream jetstream.Stream) ([]need, error) {
	missing := map[string]bool{}
	for _, queue := range e.configured() {
		if queue.source == source {
			missing[queue.name] = true
		}
	}
	var needs []need
	consumers := stream.ConsumerNames(ctx) // a cluster's list of their states leaves out those that do not answer
	for name := range consumers.Name() {
		delete(missing, name)
		info, err := queueInfo(ctx, stream, name)
		if err != nil {
			return nil, err
		}
		if info == nil || info.Config.Durable == "" || unfinished(info) == 0 {
			continue
		}
		state, err := e.states.read(ctx, source, name)
		if err != nil {
			return nil, err
		}
		floor := max(info.AckFloor.Stream, state.Settled)
		if state.Left == 0 || floor < state.Left {
			needs = append(needs, need{name, info, floor, state, e.names})
		}
	}
	if err := consumers.Err(); err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	for name := range missing {
		return nil, fmt.Errorf("queue %s is missing", name)
	}
	return needs, nil
}

// queueInfo returns the state of a queue, nil when it was just removed.
func queueInfo(ctx context.Context, stream jetstream.Stream, name string) (*jetstream.ConsumerInfo, error) {
	found, err := stream.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	if err != nil {
		return nil, fmt.Errorf("read state of queue %s: %w", name, err)
	}
	return found.CachedInfo(), nil
}

// holds reports whether the queue still needs a message. In front of its first unfinished event it needs none. Behind
// it, where one event may wait for a quota for weeks, the run records tell; without one the message is needed.
func (n need) holds(ctx context.Context, runs *runs, message *jetstream.RawStreamMsg) (bool, error) {
	if message.Sequence <= n.floor || !n.reads(message.Subject) || !n.own(message) {
		return false, nil
	}
	if message.Sequence > n.info.Delivered.Stream {
		return true, nil
	}
	record, err := runs.read(ctx, idIn(message.Subject), n.name)
	if err != nil {
		return false, err
	}
	superseded := record.Sequence > message.Sequence
	return !superseded && (record.Sequence < message.Sequence || !record.finished()), nil
}

func (n need) own(message *jetstream.RawStreamMsg) bool {
	return n.state.owns(message.Sequence) || n.names.isReplay(message.Subject)
}

// reads reports whether messages of a subject come to the queue.
func (n need) reads(subject string) bool {
	for _, filter := range n.info.Config.FilterSubjects {
		if strings.HasPrefix(subject, strings.TrimSuffix(filter, ">")) {
			return true
		}
	}
	return false
}
