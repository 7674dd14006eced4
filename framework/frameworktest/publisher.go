package frameworktest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"funnelweb/framework"
)

// RequestID is the id of a Request, and what MemoryPublisher fills in for an event that came with none.
const RequestID = "test-request"

// MemoryPublisher is a framework.Publisher that keeps events and finds duplicates by their ids.
type MemoryPublisher struct {
	Now  func() time.Time            // Start when nil
	Fail func(framework.Event) error // an error keeps the event, and those after it, from being stored

	mu     sync.Mutex
	events []framework.Event
}

// Publish stores the events in order, up to the first that Fail refuses or that is no event.
func (p *MemoryPublisher) Publish(ctx context.Context, events ...framework.Event) ([]framework.Receipt, error) {
	var receipts []framework.Receipt
	for _, event := range events {
		if err := p.refuse(ctx, event); err != nil {
			return nil, framework.Unavailable("the event could not be stored; send it again", time.Second, err)
		}
		receipts = append(receipts, p.store(ctx, event))
	}
	return receipts, nil
}

func (p *MemoryPublisher) refuse(ctx context.Context, event framework.Event) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case event.ID == "" || event.Source() == "":
		return errors.New("event without an id or a type: make it with framework.NewEvent")
	case !jsontext.Value(event.Data).IsValid():
		return errors.New("event whose data is not JSON")
	case p.Fail != nil:
		return p.Fail(event)
	default:
		return nil
	}
}

func (p *MemoryPublisher) store(ctx context.Context, event framework.Event) framework.Receipt {
	if event.Time.IsZero() {
		event.Time = p.now()
	}
	if event.RequestID == "" {
		event.RequestID = cmp.Or(framework.RequestID(ctx), RequestID)
	}
	event.Data = bytes.Clone(event.Data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.events, func(stored framework.Event) bool { return stored.ID == event.ID }) {
		return framework.Receipt{ID: event.ID, Duplicate: true}
	}
	p.events = append(p.events, event)
	return framework.Receipt{ID: event.ID}
}

func (p *MemoryPublisher) now() time.Time {
	if p.Now == nil {
		return Start()
	}
	return p.Now()
}

// Events returns what was stored, oldest first, without the duplicates.
func (p *MemoryPublisher) Events() []framework.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}
