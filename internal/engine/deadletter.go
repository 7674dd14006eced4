package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const letterPrefix = "dlq"

// letter is a dead letter as stored: its event goes with it, as the stream of the source does not keep it for ever.
type letter struct {
	framework.DeadLetter
	Event framework.Event `json:"event"`
	Claim claim           `json:"claim,omitzero"`

	sequence uint64 // its place among the letters
}

// lettersConfig keeps one letter for each event and job, the last. They do not expire.
func (e *Engine) lettersConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              e.names.stream("DLQ"),
		Subjects:          []string{e.names.subject(letterPrefix, ">")},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgsPerSubject: 1,
		MaxMsgs:           -1,
		Duplicates:        leastWindow,
		MaxBytes:          -1,
		Storage:           e.storage(),
		Replicas:          e.replicas(),
		AllowDirect:       !e.shared(),
	}
}

// openLetters makes or opens the stream of dead letters. Claims that are in it are no older than that, as far as is known.
func (e *Engine) openLetters(ctx context.Context) (err error) {
	if e.letters, err = e.js.CreateOrUpdateStream(ctx, e.lettersConfig()); err != nil {
		return fmt.Errorf("open dead letters: %w", err)
	}
	e.claims = &sightings{elapsed: monotonic()}
	e.claims.note(e.letters.CachedInfo().State.LastSeq)
	return nil
}

// bury stores a dead letter. It returns when the letter is safe against power loss, also when jobs are interrupted.
func (e *Engine) bury(ctx context.Context, dead letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout())
	defer cancel()
	data, err := json.Marshal(dead)
	if err != nil {
		return fmt.Errorf("encode dead letter %s: %w", dead.ID, err)
	}
	err = e.patience().do(ctx, func(ctx context.Context) error {
		_, err := e.js.Publish(ctx, e.names.subject(letterPrefix, dead.ID), data)
		return err
	})
	if err != nil {
		return fmt.Errorf("store dead letter %s: %w", dead.ID, err)
	}
	if err := e.barrier.wait(ctx); err != nil {
		return fmt.Errorf("store dead letter %s: %w", dead.ID, err)
	}
	return nil
}

// DeadLetter returns one dead letter and its event, or framework.ErrNoEvent.
func (e *Engine) DeadLetter(ctx context.Context, id string) (framework.DeadLetter, framework.Event, error) {
	dead, err := e.letter(ctx, id)
	return dead.DeadLetter, dead.Event, err
}

func (e *Engine) letter(ctx context.Context, id string) (letter, error) {
	if !isHash(id) {
		return letter{}, framework.ErrNoEvent
	}
	message, err := last(ctx, e.letters, e.names.subject(letterPrefix, id))
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
		return letter{}, fmt.Errorf("decode dead letter %s: %w", message.Subject[strings.LastIndexByte(message.Subject, '.')+1:], err)
	}
	return dead, nil
}
