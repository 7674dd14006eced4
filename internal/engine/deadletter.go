package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const letterPrefix = "dlq."

// letter is a dead letter as stored: its event goes with it, as the stream of the source does not keep it for ever.
type letter struct {
	framework.DeadLetter
	Event framework.Event `json:"event"`

	sequence uint64 // its place among the letters
}

// lettersConfig keeps one letter for each event and job, the last. They do not expire.
func lettersConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              "DLQ",
		Subjects:          []string{letterPrefix + ">"},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: 1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		Storage:           jetstream.FileStorage,
		Replicas:          1,
		AllowDirect:       true,
	}
}

// bury stores a dead letter. It returns when the letter is safe against power loss, also when jobs are interrupted.
func (e *Engine) bury(ctx context.Context, dead letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	data, err := json.Marshal(dead)
	if err != nil {
		return fmt.Errorf("encode dead letter %s: %w", dead.ID, err)
	}
	if _, err := e.js.Publish(ctx, letterPrefix+dead.ID, data); err != nil {
		return fmt.Errorf("store dead letter %s: %w", dead.ID, err)
	}
	if err := e.barrier.wait(ctx); err != nil {
		return fmt.Errorf("store dead letter %s: %w", dead.ID, err)
	}
	return nil
}

// DeadLetters returns the dead letters, oldest first, at most limit.
func (e *Engine) DeadLetters(ctx context.Context, limit int) ([]framework.DeadLetter, error) {
	letters := []framework.DeadLetter{}
	for next := uint64(1); len(letters) < limit; {
		message, err := e.letters.GetMsg(ctx, next, jetstream.WithGetMsgSubject(letterPrefix+">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		dead, err := decodeLetter(message)
		if err != nil {
			return nil, err
		}
		letters = append(letters, dead.DeadLetter)
		next = message.Sequence + 1
	}
	return letters, nil
}

// DeadLetter returns one dead letter and its event, or framework.ErrNoEvent.
func (e *Engine) DeadLetter(ctx context.Context, id string) (framework.DeadLetter, framework.Event, error) {
	dead, err := e.letter(ctx, id)
	return dead.DeadLetter, dead.Event, err
}

func (e *Engine) letter(ctx context.Context, id string) (letter, error) {
	if !hashPattern.MatchString(id) {
		return letter{}, framework.ErrNoEvent
	}
	message, err := last(ctx, e.letters, letterPrefix+id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return letter{}, framework.ErrNoEvent
	}
	if err != nil {
		return letter{}, err
	}
	return decodeLetter(message)
}

func decodeLetter(message *jetstream.RawStreamMsg) (letter, error) {
	dead := letter{sequence: message.Sequence}
	if err := json.Unmarshal(message.Data, &dead); err != nil {
		return letter{}, fmt.Errorf("decode dead letter %s: %w", strings.TrimPrefix(message.Subject, letterPrefix), err)
	}
	return dead, nil
}

// Replay gives the event once more to the job that gave it up, with its attempts counted from 1, and removes the letter
// when that is safe. It is a Problem with status 409 when the job is no longer configured.
func (e *Engine) Replay(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	dead, err := e.letter(ctx, id)
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
	return e.remove(ctx, dead)
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
	parts := []string{"redo", queue.source, queue.name, dead.EventID, strconv.FormatUint(dead.sequence, 10)}
	message := &nats.Msg{Subject: strings.Join(parts, "."), Data: data}
	ack, err := e.js.PublishMsg(ctx, message)
	if isRefused(err) {
		earlier, err := last(ctx, stream, message.Subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, errFull
		}
		if err != nil {
			return 0, err
		}
		return earlier.Sequence, e.barrier.wait(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("store event %s: %w", dead.EventID, err)
	}
	return ack.Sequence, e.barrier.wait(ctx)
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

// Drop removes a dead letter for good, or returns framework.ErrNoEvent.
func (e *Engine) Drop(ctx context.Context, id string) error {
	dead, err := e.letter(ctx, id)
	if err != nil {
		return err
	}
	return e.remove(ctx, dead)
}

// remove removes this letter, not a later one of the same event and job.
func (e *Engine) remove(ctx context.Context, dead letter) error {
	err := e.letters.DeleteMsg(ctx, dead.sequence)
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return nil
	}
	return fmt.Errorf("remove dead letter %s: %w", dead.ID, err)
}
