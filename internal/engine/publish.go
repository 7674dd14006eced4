package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// codeStoreFailed is what the server answers when a stream refuses a message: the subject has one already, or the
// stream is full (JSStreamStoreFailedF in nats-server/v2 v2.15.2).
const codeStoreFailed jetstream.ErrorCode = 10077

const (
	retryFull = time.Minute      // for senders, while the store is full
	retryDown = 10 * time.Second // for senders, while it does not answer
)

// pending is an event on its way into its stream.
type pending struct {
	message   *nats.Msg
	stream    jetstream.Stream
	ack       jetstream.PubAckFuture // nil when it has to be sent again
	sent      int
	duplicate bool
}

// Publish stores events as framework.Publisher says. An event that is too large is a Problem with status 413; one whose
// type or id has no valid form is an ordinary error, as that is a fault of the part that made it.
func (e *Engine) Publish(ctx context.Context, events ...framework.Event) ([]framework.Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	sender := ctx
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := e.barrier.failed(); err != nil {
		return nil, unavailable(err)
	}
	batch, size, err := e.prepare(ctx, events)
	if err != nil {
		return nil, err
	}
	weight := min(size, maxInFlight)
	if err := e.inFlight.Acquire(ctx, weight); err != nil {
		return nil, unavailable(fmt.Errorf("wait for room to send: %w", err))
	}
	defer e.inFlight.Release(weight)
	take := func(ctx context.Context) error { return e.space.take(ctx, size) }
	if err := e.makeRoom(ctx, take); err != nil {
		return nil, unavailable(err)
	}
	receipts, err := e.write(ctx, events, batch)
	if err == nil {
		e.probe.worked(events, receipts)
		e.observe(receipts)
		if err := e.settle(sender, receipts); err != nil {
			return nil, err
		}
		return receipts, nil
	}
	if sender.Err() == nil { // else the store had not the time
		e.probe.failed(events, err)
	}
	return nil, unavailable(errors.Join(err, e.remakeLost(ctx, events, err)))
}

// write returns when all messages are safe.
func (e *Engine) write(ctx context.Context, events []framework.Event, batch []pending) ([]framework.Receipt, error) {
	receipts, err := e.send(ctx, events, batch)
	if err != nil {
		return nil, err
	}
	// A duplicate waits too: the first delivery may not be safe yet.
	return receipts, e.barrier.wait(ctx)
}

// remakeLost makes streams again that do not answer because the store has lost them, for when the sender repeats.
func (e *Engine) remakeLost(ctx context.Context, events []framework.Event, cause error) error {
	if !errors.Is(cause, jetstream.ErrNoStreamResponse) {
		return nil
	}
	for _, event := range events {
		source, _ := sourceOf(event.ID)
		if _, err := e.streams.remake(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// prepare encodes the events and finds their streams.
func (e *Engine) prepare(ctx context.Context, events []framework.Event) ([]pending, int64, error) {
	batch := make([]pending, len(events))
	size := int64(0)
	for i, event := range events {
		at, err := placeOf(event)
		if err != nil {
			return nil, 0, err
		}
		if event.Time.IsZero() {
			event.Time = e.now().UTC()
		}
		if event.RequestID == "" {
			event.RequestID = framework.RequestID(ctx)
		}
		event.Trace = framework.Trace(ctx)
		data, err := json.Marshal(event)
		if err != nil {
			return nil, 0, fmt.Errorf("encode event %s: %w", event.ID, err)
		}
		if len(data) > e.maxEvent {
			detail := fmt.Sprintf("An event may have at most %d bytes.", e.maxEvent)
			return nil, 0, framework.NewProblem(http.StatusRequestEntityTooLarge, detail)
		}
		stream, err := e.streams.of(ctx, at.source)
		if err != nil {
			return nil, 0, unavailable(err)
		}
		batch[i] = pending{message: &nats.Msg{Subject: at.subject(e.names), Data: data}, stream: stream}
		size += int64(len(data)) + messageOverhead
	}
	return batch, size, nil
}

// send hands all messages to the server and then waits for each.
func (e *Engine) send(ctx context.Context, events []framework.Event, batch []pending) ([]framework.Receipt, error) {
	patient := e.patience()
	for i := range batch {
		if err := batch[i].send(e.js); err != nil && patient.try == 0 {
			return nil, fmt.Errorf("send event %s: %w", events[i].ID, err)
		}
	}
	receipts := make([]framework.Receipt, len(batch))
	for i := range batch {
		one := &batch[i]
		if err := patient.do(ctx, func(ctx context.Context) error { return one.settle(ctx, e.js) }); err != nil {
			return nil, fmt.Errorf("store event %s: %w", events[i].ID, err)
		}
		receipts[i] = framework.Receipt{ID: events[i].ID, Duplicate: one.duplicate}
	}
	return receipts, nil
}

func (p *pending) send(js jetstream.JetStream) (err error) {
	p.sent++
	p.ack, err = js.PublishMsgAsync(p.message)
	return err
}

// settle waits until the message is stored, and sends it first if an earlier try was in vain. It may be sent any number
// of times: a stream has one message of a subject.
func (p *pending) settle(ctx context.Context, js jetstream.JetStream) error {
	if p.ack == nil {
		if err := p.send(js); err != nil {
			return err
		}
	}
	ack := p.ack
	p.ack = nil
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		return p.known(ctx, err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// known returns nil when a message was refused because the stream has it. One code stands for that and for a full
// stream, so the stream is asked. It is a duplicate unless an earlier try of the same call put it there.
func (p *pending) known(ctx context.Context, refusal error) error {
	if isFull(refusal) {
		return final{errors.Join(errFull, refusal)}
	}
	if !isRefused(refusal) {
		return refusal
	}
	found, err := last(ctx, p.stream, p.message.Subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return refusal
	}
	if err == nil {
		p.duplicate = p.sent == 1 || !bytes.Equal(found.Data, p.message.Data)
	}
	return err
}

// isFull reports whether the servers have no room at all.
func isFull(err error) bool {
	refusal, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (refusal.ErrorCode == codeNoStorage || refusal.ErrorCode == codeNoResources)
}

func isRefused(err error) bool {
	var refusal *jetstream.APIError
	return errors.As(err, &refusal) && refusal.ErrorCode == codeStoreFailed
}

// unavailable tells senders to repeat the call.
func unavailable(err error) *framework.Problem {
	if errors.Is(err, errFull) {
		return framework.Unavailable("The event store is full.", retryFull, err)
	}
	return framework.Unavailable("The event could not be stored.", retryDown, err)
}
