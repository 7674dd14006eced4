package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// more is what Batch.Next says while something is left to do: how far it is, the store knows.
const more = "more"

// fateDrop is queueState.Fate while events are dropped; else it names the queue that gets them.
const fateDrop = "drop"

// DropQueue takes waiting events from a queue that is not configured, for good; their runs say so. A call takes a bounded
// number, and removes the queue when there are no more.
func (e *Engine) DropQueue(ctx context.Context, act framework.Act, name framework.QueueName) (framework.Batch, error) {
	from, err := e.leftQueue(ctx, name)
	if err != nil {
		return framework.Batch{}, err
	}
	s := &settling{engine: e, from: from, fate: fateDrop, result: "dropped by an operator"}
	return s.run(ctx, act, framework.AuditEntry{Act: framework.AuditDropQueue, Queue: shownName(from.name)})
}

// HandOver gives the events that wait in a queue that is not configured to one that is, each once: those that this one
// had before, or has by itself, it is not given. A call gives a bounded number, and removes the queue when there are no
// more. What was cut short goes on where it stopped.
func (e *Engine) HandOver(ctx context.Context, act framework.Act, from, to framework.QueueName) (framework.Batch, error) {
	old, err := e.leftQueue(ctx, from)
	if err != nil {
		return framework.Batch{}, err
	}
	target, err := e.target(old, to)
	if err != nil {
		return framework.Batch{}, err
	}
	shown := shownName(target.name)
	s := &settling{engine: e, from: old, to: target, fate: target.name, result: "handed over to " + shown}
	return s.run(ctx, act, framework.AuditEntry{Act: framework.AuditHandOver, Queue: shownName(old.name), To: shown})
}

// CheckQueue returns the queue that DropQueue would empty, or HandOver where there is one to hand over to, or the Problem that
// they would return. Nothing is changed.
func (e *Engine) CheckQueue(ctx context.Context, from, to framework.QueueName) (framework.Queue, error) {
	old, err := e.leftQueue(ctx, from)
	if err != nil {
		return framework.Queue{}, err
	}
	fate := fateDrop
	if to.Name != "" {
		target, err := e.target(old, to)
		if err != nil {
			return framework.Queue{}, err
		}
		fate = target.name
	}
	state, err := e.states.read(ctx, old.source, old.name)
	if err == nil {
		err = state.allows(fate)
	}
	if err != nil {
		return framework.Queue{}, err
	}
	return e.shownLeft(ctx, old)
}

// leftQueue finds a queue that is not configured.
func (e *Engine) leftQueue(ctx context.Context, name framework.QueueName) (left, error) {
	if e.queues.Load() == nil {
		return left{}, unavailable(errors.New("the automations are not started yet"))
	}
	if err := e.leaveUnconfigured(ctx, e.configured()); err != nil { // the last replica that had it may have gone since
		return left{}, err
	}
	var found []left
	for _, one := range e.leftQueues() {
		if shownName(one.name) == name.Name && (name.Source == "" || name.Source == one.source) {
			found = append(found, one)
		}
	}
	switch {
	case len(found) > 1:
		return left{}, framework.NewProblem(http.StatusConflict, "Queues of several sources have this name: name the source too.")
	case len(found) == 0 && e.isConfigured(name):
		return left{}, framework.NewProblem(http.StatusConflict, "The configuration has this automation: it works on what waits.")
	case len(found) == 0:
		return left{}, framework.ErrNoEvent
	case found[0].state.Left == 0 || e.inUse(found[0].info):
		return left{}, framework.NewProblem(http.StatusConflict, "Another replica, whose configuration has this automation, works on what waits.")
	}
	return found[0], nil
}

func (e *Engine) isConfigured(name framework.QueueName) bool {
	for _, queue := range e.configured() {
		if shownName(queue.name) == name.Name && (name.Source == "" || name.Source == queue.source) {
			return true
		}
	}
	return false
}

// target finds the queue that is to get the events.
func (e *Engine) target(from left, to framework.QueueName) (*queue, error) {
	for _, queue := range e.configured() {
		if shownName(queue.name) != to.Name || to.Source != "" && to.Source != queue.source {
			continue
		}
		if queue.automation.On != from.eventType() {
			detail := fmt.Sprintf("%s takes events of %s, and these are of %s.", to.Name, queue.automation.On, from.eventType())
			return nil, framework.NewProblem(http.StatusConflict, detail)
		}
		return queue, nil
	}
	return nil, framework.NewProblem(http.StatusConflict, "The configuration has no queue of this name to give the events to: funnelweb queues lists those that it has.")
}

// settling takes events from a queue that was left, and gives them to another where there is one.
type settling struct {
	engine *Engine
	from   left
	to     *queue // nil when they are dropped
	fate   string
	result string // in the run of each

	batch   []*jetstream.RawStreamMsg
	settled uint64 // what is behind it was not looked at
	ended   bool
}

func (s *settling) run(ctx context.Context, act framework.Act, entry framework.AuditEntry) (framework.Batch, error) {
	if err := s.decide(ctx); err != nil {
		return framework.Batch{}, err
	}
	if err := s.gather(ctx); err != nil {
		return framework.Batch{}, err
	}
	count, err := s.audited(ctx, act, entry)
	batch := framework.Batch{Count: count}
	if err == nil && !s.ended {
		batch.Next = more
	}
	return batch, err
}

// audited does it with the audit log around it, unless there is nothing to do it to.
func (s *settling) audited(ctx context.Context, act framework.Act, entry framework.AuditEntry) (int, error) {
	if len(s.batch) == 0 {
		return s.settle(ctx)
	}
	entry.Meant = len(s.batch)
	begun, err := s.engine.begin(ctx, act, entry)
	if err != nil {
		return 0, err
	}
	count, err := s.settle(ctx)
	begun.end(ctx, count, err)
	return count, err
}

// decide writes down what becomes of the events: half of them dropped and half handed over is what nobody wants.
func (s *settling) decide(ctx context.Context) error {
	state, err := s.engine.states.change(ctx, s.from.source, s.from.name, func(state *queueState) (bool, error) {
		if err := state.allows(s.fate); err != nil {
			return false, err
		}
		begun := state.Fate == ""
		state.Fate = s.fate
		return begun, nil
	})
	if err != nil {
		return err
	}
	s.from.state = state
	return nil
}

// allows returns a Problem with status 409 where a fate is not for the operator to choose.
func (s *queueState) allows(fate string) error {
	switch {
	case s.Left == 0:
		return framework.NewProblem(http.StatusConflict, "The configuration of a replica has this automation again.")
	case s.Fate != "" && s.Fate != fate:
		return framework.NewProblem(http.StatusConflict, "Something else was begun with its events: "+fateInWords(s.Fate)+". Go on with that.")
	}
	return nil
}

func fateInWords(fate string) string {
	if fate == fateDrop {
		return "dropping them"
	}
	return "handing them over to " + shownName(fate)
}

// gather reads the next events that wait.
func (s *settling) gather(ctx context.Context) error {
	spent := &budget{messages: 500, bytes: 16 << 20}
	var readers []*forward
	for _, filter := range s.from.info.Config.FilterSubjects {
		readers = append(readers, &forward{stream: s.from.stream, subject: filter, next: s.from.floor() + 1, end: s.from.state.Left + 1})
	}
	heads := make([]*jetstream.RawStreamMsg, len(readers))
	waits := need{s.from.name, s.from.info, s.from.floor(), s.from.state, s.engine.names}
	for !spent.over() {
		first := -1
		for i, reader := range readers {
			if heads[i] == nil {
				var err error
				if heads[i], err = reader.read(ctx); err != nil {
					return fmt.Errorf("read queue %s: %w", s.from.name, err)
				}
			}
			if heads[i] != nil && (first < 0 || heads[i].Sequence < heads[first].Sequence) {
				first = i
			}
		}
		if first < 0 {
			s.settled, s.ended = s.from.state.Left, true
			return nil
		}
		message := heads[first]
		heads[first] = nil
		spent.spend(message)
		held, err := waits.holds(ctx, s.engine.runs, message)
		if err != nil {
			return err
		}
		if held {
			s.batch = append(s.batch, message)
		}
		s.settled = message.Sequence
	}
	return nil
}

// settle does what was decided to what was gathered, and returns how many events it was done to.
func (s *settling) settle(ctx context.Context) (int, error) {
	given, err := s.give(ctx)
	if err != nil {
		return 0, err
	}
	for _, message := range s.batch {
		if err := s.close(ctx, message); err != nil {
			return given, err
		}
	}
	if s.ended {
		if err := s.engine.removeQueue(ctx, s.from); err != nil {
			return given, err
		}
		return given, s.engine.leaveUnconfigured(ctx, s.engine.configured())
	}
	_, err = s.engine.states.change(ctx, s.from.source, s.from.name, func(state *queueState) (bool, error) {
		if state.Fate != s.fate || state.Settled >= s.settled { // it came back, or someone else is further
			return false, nil
		}
		state.Settled = s.settled
		return true, nil
	})
	return given, err
}

// give publishes the events for the other queue alone. It returns when they are safe there.
func (s *settling) give(ctx context.Context) (int, error) {
	if s.to == nil {
		return len(s.batch), nil
	}
	if err := s.takeRoom(ctx); err != nil {
		return 0, err
	}
	given := 0
	for _, message := range s.batch {
		had, err := s.had(ctx, message)
		if err != nil {
			return 0, err
		}
		if had {
			continue
		}
		if err := s.giveOne(ctx, message); err != nil {
			return 0, unavailable(fmt.Errorf("hand over event %s: %w", idIn(message.Subject), err))
		}
		given++
	}
	return given, s.engine.barrier.wait(ctx)
}

// takeRoom takes room for the second copy of each event. Where there is not enough for all, the batch is made smaller: the first
// copies of those that were handed over give way to the next.
func (s *settling) takeRoom(ctx context.Context) error {
	for {
		size := int64(0)
		for _, message := range s.batch {
			size += int64(len(message.Data)) + messageOverhead
		}
		err := s.engine.makeRoom(ctx, func(ctx context.Context) error { return s.engine.space.take(ctx, size) })
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errFull):
			return unavailable(err)
		case len(s.batch) <= 1:
			return framework.Unavailable(noRoomToGive, retryFull, err)
		}
		s.batch = s.batch[:len(s.batch)/2]
		s.settled, s.ended = s.batch[len(s.batch)-1].Sequence, false
	}
}

const noRoomToGive = "The event store is full, and an event needs room a second time to be handed over: allow the store more, or drop the events."

// had reports whether the other queue has the event: it came to that by itself, or was given to it before.
func (s *settling) had(ctx context.Context, message *jetstream.RawStreamMsg) (bool, error) {
	record, err := s.engine.runs.read(ctx, idIn(message.Subject), s.to.name)
	if err != nil || record.Sequence > 0 {
		return err == nil, err
	}
	return !s.engine.names.isReplay(message.Subject) && s.to.concerns(message), nil
}

// giveOne publishes an event. The subject names its place in the stream: one that was published before is found.
func (s *settling) giveOne(ctx context.Context, message *jetstream.RawStreamMsg) error {
	id := idIn(message.Subject)
	place := "h" + strconv.FormatUint(message.Sequence, 10) // dead letters have numbers alone
	again := &nats.Msg{Subject: s.engine.names.subject("redo", s.from.source, s.to.name, id, place), Data: message.Data}
	var sequence uint64
	err := s.engine.patience().do(ctx, func(ctx context.Context) error {
		ack, err := s.engine.js.PublishMsg(ctx, again)
		if isRefused(err) {
			sequence, err = earlierRedo(ctx, s.from.stream, again.Subject)
		} else if err == nil {
			sequence = ack.Sequence
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.engine.restart(ctx, s.to, id, sequence)
}

// close ends the run of an event in the queue that was left.
func (s *settling) close(ctx context.Context, message *jetstream.RawStreamMsg) error {
	id := idIn(message.Subject)
	for {
		record, err := s.engine.runs.read(ctx, id, s.from.name)
		if err != nil || record.Sequence > message.Sequence {
			return err
		}
		record.Sequence, record.State, record.Result, record.Reason = message.Sequence, framework.RunSkipped, s.result, ""
		record.ChangedAt = s.engine.now().UTC()
		if err := s.engine.runs.write(ctx, id, s.from.name, record); !errors.Is(err, errSuperseded) {
			return err
		}
	}
}
