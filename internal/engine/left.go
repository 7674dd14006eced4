package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// queueState is what is known of a queue beside what the store keeps with it.
type queueState struct {
	// Left is the last place in the stream when it was noticed that no configuration has the queue any more: what comes
	// later is not its own. 0 while it is configured.
	Left   uint64    `json:"left,omitzero"`
	LeftAt time.Time `json:"left_at,omitzero"`
	// Fate is what an operator began to do with what waits, until that is all done.
	Fate string `json:"fate,omitempty"`
	// Settled is up to where that is done.
	Settled uint64 `json:"settled,omitzero"`
	// Gaps are the events that came while it was not configured, before it was again.
	Gaps []gap `json:"gaps,omitempty"`

	revision uint64
}

// gap is a stretch of a stream, both ends included.
type gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// owns reports whether an event at a place is the queue's own. What was published for the queue alone always is.
func (s *queueState) owns(place uint64) bool {
	if s.Left != 0 && place > s.Left {
		return false
	}
	return !slices.ContainsFunc(s.Gaps, func(g gap) bool { return g.From <= place && place <= g.To })
}

// queueStates are in a bucket with a key for each queue; changes are made by compare-and-set, as replicas share them.
type queueStates struct{ bucket *bucket }

func stateKey(source, name string) string { return source + "." + name }

// read returns the state of a queue; without an entry it is a configured one.
func (s queueStates) read(ctx context.Context, source, name string) (*queueState, error) {
	value, revision, err := s.bucket.get(ctx, stateKey(source, name))
	if errors.Is(err, errNoEntry) {
		return new(queueState), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state of queue %s of source %s: %w", name, source, err)
	}
	state := &queueState{revision: revision}
	if err := json.Unmarshal(value, state); err != nil {
		return nil, fmt.Errorf("decode state of queue %s of source %s: %w", name, source, err)
	}
	return state, nil
}

// change reads a state, has it changed, and writes it, again and again until nobody else wrote meanwhile. The function
// reports whether there is something to write.
func (s queueStates) change(ctx context.Context, source, name string, change func(*queueState) (bool, error)) (*queueState, error) {
	for {
		state, err := s.read(ctx, source, name)
		if err != nil {
			return nil, err
		}
		needed, err := change(state)
		if err != nil || !needed {
			return state, err
		}
		data, err := json.Marshal(state)
		if err != nil {
			return nil, fmt.Errorf("encode state of queue %s of source %s: %w", name, source, err)
		}
		if _, err := s.bucket.put(ctx, stateKey(source, name), data, state.revision); !errors.Is(err, errMismatch) {
			return state, err
		}
	}
}

// forget makes the state that of a queue that never was.
func (s queueStates) forget(ctx context.Context, source, name string) error {
	_, err := s.change(ctx, source, name, func(state *queueState) (bool, error) {
		known := state.revision != 0
		*state = queueState{revision: state.revision}
		return known, nil
	})
	return err
}

// comeBack finds out which events are not the queue's own: those that came since it was left, if it was.
func (q *queue) comeBack(ctx context.Context, stream jetstream.Stream, finished uint64) error {
	state, err := q.engine.states.change(ctx, q.source, q.name, func(state *queueState) (bool, error) {
		if state.Left == 0 {
			return false, nil
		}
		info, err := stream.Info(ctx)
		if err != nil {
			return false, fmt.Errorf("read stream of source %s: %w", q.source, err)
		}
		gaps := slices.DeleteFunc(state.Gaps, func(g gap) bool { return g.To <= finished })
		if came := (gap{state.Left + 1, info.State.LastSeq}); came.From <= came.To {
			gaps = append(gaps, came)
		}
		q.engine.log.Info("an automation is configured again; it goes on with what waited for it, and is not given what came meanwhile",
			"automation", q.automation.Name, "job", q.job, "left", state.LeftAt)
		*state = queueState{Gaps: gaps, revision: state.revision}
		return true, nil
	})
	if err != nil {
		return err
	}
	q.state = *state
	return nil
}

// left is a queue that the configuration does not have.
type left struct {
	source, name string
	stream       jetstream.Stream
	info         *jetstream.ConsumerInfo
	state        *queueState
}

// what is the second part of the type of its events.
func (l left) what() string {
	for _, filter := range l.info.Config.FilterSubjects {
		tokens := strings.Split(filter, ".")
		if i := slices.Index(tokens, l.source); i > 0 && tokens[i-1] == "ev" && i+1 < len(tokens) {
			return tokens[i+1]
		}
	}
	return ""
}

// concerns reports whether a message came after the queue began, and before it was left. One that was made anew, or copied, says
// where it first began, by time or by place; else that is when it was made.
func (l left) concerns(message *jetstream.RawStreamMsg) bool {
	config, began := l.info.Config, l.info.Created
	switch {
	case config.OptStartSeq > 0:
		return message.Sequence >= config.OptStartSeq && l.state.owns(message.Sequence)
	case config.OptStartTime != nil:
		began = *config.OptStartTime
	}
	return !message.Time.Before(began) && l.state.owns(message.Sequence)
}

func (l left) eventType() string { return l.source + "." + l.what() }

// floor is the place up to which nothing waits.
func (l left) floor() uint64 { return max(l.info.AckFloor.Stream, l.state.Settled) }

// unconfigured returns the queues that are not among those given.
func (e *Engine) unconfigured(ctx context.Context, queues []*queue) ([]left, error) {
	configured := map[string]bool{}
	for _, queue := range queues {
		configured[stateKey(queue.source, queue.name)] = true
	}
	streams, err := e.streams.all(ctx)
	if err != nil {
		return nil, err
	}
	var found []left
	for source, stream := range streams {
		consumers := stream.ConsumerNames(ctx)
		for name := range consumers.Name() {
			if configured[stateKey(source, name)] {
				continue
			}
			info, err := queueInfo(ctx, stream, name)
			if err != nil {
				return nil, err
			}
			if info == nil || info.Config.Durable == "" {
				continue
			}
			state, err := e.states.read(ctx, source, name)
			if err != nil {
				return nil, err
			}
			found = append(found, left{source, name, stream, info, state})
		}
		if err := consumers.Err(); err != nil {
			return nil, fmt.Errorf("list queues of source %s: %w", source, err)
		}
	}
	slices.SortFunc(found, func(a, b left) int { return strings.Compare(stateKey(a.source, a.name), stateKey(b.source, b.name)) })
	return found, nil
}

// leaveUnconfigured looks after the queues of automations that the configuration does not have. One with unfinished events
// is kept, and is told of: the events wait until its automation comes back, or an operator drops them or hands them over.
// The others are removed.
func (e *Engine) leaveUnconfigured(ctx context.Context, queues []*queue) error {
	found, err := e.unconfigured(ctx, queues)
	if err != nil {
		return err
	}
	kept := found[:0]
	for _, one := range found {
		keep, err := e.leave(ctx, &one)
		if err != nil {
			return err
		}
		if keep {
			kept = append(kept, one)
		}
		moved := slices.ContainsFunc(queues, func(q *queue) bool { return q.name == one.name }) // to events of another source
		if moved || e.inUse(one.info) {
			continue
		}
		if err := e.breakers.forget(ctx, one.name); err != nil {
			return err
		}
	}
	e.left.Store(&kept)
	return nil
}

// leftQueues returns the queues that were kept, as they were when that was last looked at.
func (e *Engine) leftQueues() []left {
	if kept := e.left.Load(); kept != nil {
		return *kept
	}
	return nil
}

// leave reports whether a queue is kept.
func (e *Engine) leave(ctx context.Context, l *left) (bool, error) {
	switch {
	case e.inUse(l.info):
		return true, nil
	case l.info.NumPending == 0 && l.info.NumAckPending == 0:
		return false, e.removeQueue(ctx, *l)
	case l.state.Left != 0:
		return true, nil
	}
	info, err := l.stream.Info(ctx)
	if err != nil {
		return false, fmt.Errorf("read stream of source %s: %w", l.source, err)
	}
	l.state, err = e.states.change(ctx, l.source, l.name, func(state *queueState) (bool, error) {
		if state.Left != 0 {
			return false, nil
		}
		state.Left, state.LeftAt = max(1, info.State.LastSeq), e.now().UTC()
		return true, nil
	})
	if err != nil {
		return false, err
	}
	automation, job := splitQueueName(l.name)
	e.log.Warn("an automation that is not configured has unfinished events; they are kept: funnelweb queues shows, drops and hands over",
		"automation", automation, "job", job, "type", l.eventType(), "events", l.info.NumPending+uint64(l.info.NumAckPending)) //nolint:gosec // a count
	return true, nil
}

// inUseFor is until a queue whose workers ask for no events, as they all are busy or their questions are lost with a leader,
// counts as left. They ask again every 30 s.
const inUseFor = time.Minute

// inUse reports whether another replica, with a configuration that has the queue, works on it.
func (e *Engine) inUse(info *jetstream.ConsumerInfo) bool {
	if !e.shared() {
		return false
	}
	recently := info.Delivered.Last != nil && e.now().Sub(*info.Delivered.Last) < inUseFor
	return info.NumWaiting > 0 || recently
}

func (e *Engine) removeQueue(ctx context.Context, l left) error {
	if err := e.dropCopy(filepath.Join(e.names.stream(streamPrefix+l.source), "obs", l.name)); err != nil {
		return err
	}
	if err := l.stream.DeleteConsumer(ctx, l.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("remove queue %s of source %s: %w", l.name, l.source, err)
	}
	return e.states.forget(ctx, l.source, l.name)
}

// Left returns nil when nothing waits for automations that the configuration does not have, else what does, as a
// ServiceError.
func (e *Engine) Left(ctx context.Context) error {
	if e.queues.Load() == nil {
		return nil
	}
	queues, err := e.Queues(ctx)
	if err != nil {
		return err
	}
	var names []string
	waiting := uint64(0)
	for _, queue := range queues {
		if !queue.Configured {
			names = append(names, queue.Name)
			waiting += queue.Waiting
		}
	}
	if len(names) == 0 {
		return nil
	}
	reason := fmt.Sprintf("%d events wait for automations that the configuration does not have (%s): see funnelweb queues", waiting, framework.Line(strings.Join(names, ", "), 200))
	return &framework.ServiceError{Service: "queues", Op: "check", Reason: reason}
}
