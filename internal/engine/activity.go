package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// Event returns an event and its runs: one for every configured job that it goes to, in the order of the
// configuration, then those of automations that are not configured any more. It does not go to automations that were
// first configured after it.
func (e *Engine) Event(ctx context.Context, id string) (framework.EventStatus, error) {
	source, ok := sourceOf(id)
	if !ok {
		return framework.EventStatus{}, framework.ErrNoEvent
	}
	stream, found, err := e.streams.find(ctx, source)
	if err != nil {
		return framework.EventStatus{}, err
	}
	if !found {
		return framework.EventStatus{}, framework.ErrNoEvent
	}
	message, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(e.names.subject("ev", source, "*", id)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return framework.EventStatus{}, framework.ErrNoEvent
	}
	if err != nil {
		return framework.EventStatus{}, fmt.Errorf("read event %s: %w", id, err)
	}
	event, err := decodeEvent(message)
	if err != nil {
		return framework.EventStatus{}, err
	}
	runs, err := e.runsOf(ctx, event, message)
	return framework.EventStatus{Event: event, Runs: runs}, err
}

// runsOf returns the runs of an event whose message is given.
func (e *Engine) runsOf(ctx context.Context, event framework.Event, message *jetstream.RawStreamMsg) ([]framework.Run, error) {
	recorded, err := e.runs.queuesOf(ctx, event.ID)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, queue := range e.configured() {
		if queue.matches(event.Type) && queue.concerns(message) || slices.Contains(recorded, queue.name) {
			names = append(names, queue.name)
		}
	}
	for _, l := range e.leftQueues() {
		if l.eventType() == event.Type && l.concerns(message) {
			names = append(names, l.name)
		}
	}
	for _, name := range recorded {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	runs := make([]framework.Run, 0, len(names))
	for _, name := range names {
		record, err := e.runs.read(ctx, event.ID, name)
		if err != nil {
			return nil, err
		}
		runs = append(runs, record.Run)
	}
	return runs, nil
}

func decodeEvent(message *jetstream.RawStreamMsg) (framework.Event, error) {
	var event framework.Event
	if err := json.Unmarshal(message.Data, &event); err != nil {
		return event, fmt.Errorf("decode event at %s: %w", message.Subject, err)
	}
	return event, nil
}
