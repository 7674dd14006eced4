package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	stream, found := e.streams.find(source)
	if !found {
		return framework.EventStatus{}, framework.ErrNoEvent
	}
	message, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject("ev."+source+".*."+id))
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
	runs, err := e.runsOf(ctx, event, message.Time)
	return framework.EventStatus{Event: event, Runs: runs}, err
}

func (e *Engine) runsOf(ctx context.Context, event framework.Event, stored time.Time) ([]framework.Run, error) {
	names := []string{}
	for _, queue := range e.configured() {
		if queue.matches(event.Type) && !stored.Before(queue.created) {
			names = append(names, queue.name)
		}
	}
	recorded, err := e.runs.queuesOf(ctx, event.ID)
	if err != nil {
		return nil, err
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

// Recent returns the newest events of all sources, newest first, at most limit.
func (e *Engine) Recent(ctx context.Context, limit int) ([]framework.Event, error) {
	events := []framework.Event{}
	for source, stream := range e.streams.all() {
		newest, err := recent(ctx, stream, "ev."+source+".", limit)
		if err != nil {
			return nil, fmt.Errorf("read newest events of source %s: %w", source, err)
		}
		events = append(events, newest...)
	}
	slices.SortStableFunc(events, func(a, b framework.Event) int { return b.Time.Compare(a.Time) })
	return events[:min(len(events), limit)], nil
}

// recent walks one stream back from its end. Replays lie in it too and are passed over.
func recent(ctx context.Context, stream jetstream.Stream, prefix string, limit int) ([]framework.Event, error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	var events []framework.Event
	for at := info.State.LastSeq; at >= info.State.FirstSeq && at > 0 && len(events) < limit; at-- {
		message, err := stream.GetMsg(ctx, at)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read message %d: %w", at, err)
		}
		if !strings.HasPrefix(message.Subject, prefix) {
			continue
		}
		event, err := decodeEvent(message)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}
