package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

// replay gives the event once more to the job that gave it up, with its attempts counted from 1, and removes the letter
// when that is safe. Of several calls for one letter, of Drop too, one succeeds: those of this process
// take turns, and those of other replicas find it claimed. A crash in between leaves a letter that can be replayed again. It is a Problem with status 409 when the job is no longer configured.
func (e *Engine) replay(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := e.claim.Acquire(ctx, 1); err != nil {
		return unavailable(fmt.Errorf("wait for other replays: %w", err))
	}
	defer e.claim.Release(1)
	dead, err := e.take(ctx, id)
	if err != nil {
		return err
	}
	queue := e.queueFor(queueName(dead.Automation, dead.Job), dead.Event)
	if queue == nil {
		return framework.NewProblem(http.StatusConflict, "The automation that gave the event up is not configured for it any more.")
	}
	sequence, err := e.redo(ctx, queue, dead)
	if err != nil {
		return unavailable(fmt.Errorf("replay dead letter %s: %w", id, err))
	}
	if err := e.restart(ctx, queue, dead.EventID, sequence); err != nil {
		return unavailable(fmt.Errorf("replay dead letter %s: %w", id, err))
	}
	_, err = e.remove(ctx, dead) // a new letter may have taken its place already
	return err
}

// redo publishes the event for one queue and returns its place in the stream. The subject names the letter: when the
// letter was published before and could not be removed, it is found and not published again.
func (e *Engine) redo(ctx context.Context, queue *queue, dead letter) (uint64, error) {
	stream, err := e.streams.of(ctx, queue.source)
	if err != nil {
		return 0, err
	}
	data, err := json.Marshal(dead.Event)
	if err != nil {
		return 0, fmt.Errorf("encode event %s: %w", dead.EventID, err)
	}
	message := &nats.Msg{Subject: dead.redoSubject(e.names, queue.source), Data: data}
	var sequence uint64
	err = e.patience().do(ctx, func(ctx context.Context) error {
		ack, err := e.js.PublishMsg(ctx, message)
		if isRefused(err) {
			sequence, err = earlierRedo(ctx, stream, message.Subject)
		} else if err == nil {
			sequence = ack.Sequence
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store event %s: %w", dead.EventID, err)
	}
	return sequence, e.barrier.wait(ctx)
}

func earlierRedo(ctx context.Context, stream jetstream.Stream, subject string) (uint64, error) {
	earlier, err := last(ctx, stream, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, errFull
	}
	if err != nil {
		return 0, err
	}
	return earlier.Sequence, nil
}

// restart shows the run as waiting, unless the queue was faster.
func (e *Engine) restart(ctx context.Context, queue *queue, eventID string, sequence uint64) error {
	for {
		old, err := e.runs.read(ctx, eventID, queue.name)
		if err != nil {
			return err
		}
		if old.Sequence >= sequence {
			return nil
		}
		waiting := queue.fresh(sequence, old.revision)
		waiting.ChangedAt = e.now().UTC()
		if err := e.runs.write(ctx, eventID, queue.name, waiting); !errors.Is(err, errSuperseded) {
			return err
		}
	}
}

// redoSubject is where the letter's event goes when it is replayed.
func (l letter) redoSubject(names names, source string) string {
	sequence := strconv.FormatUint(l.place(), 10)
	return names.subject("redo", source, queueName(l.Automation, l.Job), l.EventID, sequence)
}

// drop removes a dead letter for good, or returns framework.ErrNoEvent, also when it was replayed.
func (e *Engine) drop(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if err := e.claim.Acquire(ctx, 1); err != nil {
		return unavailable(fmt.Errorf("wait for other replays: %w", err))
	}
	defer e.claim.Release(1)
	dead, err := e.take(ctx, id)
	if err != nil {
		return err
	}
	replayed, err := e.wasReplayed(ctx, dead)
	if err != nil {
		return err
	}
	removed, err := e.remove(ctx, dead)
	if err == nil && (replayed || !removed) {
		return framework.ErrNoEvent
	}
	return err
}

// wasReplayed reports whether a replay was cut short before it could remove the letter.
func (e *Engine) wasReplayed(ctx context.Context, dead letter) (bool, error) {
	source, _ := sourceOf(dead.EventID)
	stream, found, err := e.streams.find(ctx, source)
	if !found {
		return false, err
	}
	_, err = last(ctx, stream, dead.redoSubject(e.names, source))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil, err
}

// remove removes this letter, not a later one of the same event and job, and reports whether it was there.
func (e *Engine) remove(ctx context.Context, dead letter) (bool, error) {
	err := e.letters.DeleteMsg(ctx, dead.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove dead letter %s: %w", dead.ID, err)
	}
	return true, nil
}
