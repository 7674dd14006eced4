package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"funnelweb/framework"
)

const (
	answersBucket   = "answers"
	maxAnswers      = 20_000
	maxAnswersBytes = 64 << 20

	// The askLimit bounds one question, and a claim is for as long, by a clock that nobody sets: whoever made it is gone by then.
	askLimit = time.Minute
	// Another replica's call is waited for in place, looking after firstLook, then after twice as long and so on, looks
	// times: 3 s in all. A longer one is worth putting the job off.
	firstLook = 50 * time.Millisecond
	looks     = 6
	lookAgain = 5 * time.Second
	// A bucket that does not answer for so long in this process is not waited for, as nothing but calls is lost; then it is left
	// alone for a while, so that those who ask meanwhile need not wait for it.
	answersTimeout = 3 * time.Second
	leaveAlone     = 5 * time.Second
)

// answers is a framework.Answers on a bucket with one entry per question: a claim while it is asked, then the answer,
// until it is stale.
type answers struct {
	bucket  *bucket
	now     func() time.Time
	log     *slog.Logger
	timeout time.Duration
	id      string     // of this process, for claims
	alone   bool       // no other process uses the bucket
	claims  *sightings // of others' claims: how old they are, whatever clocks show
	flights flights

	mu    sync.Mutex
	until time.Time // when the bucket is tried again, after it failed
}

// storedAnswer is an answer as stored, or the claim of who asks.
type storedAnswer struct {
	Value   []byte    `json:"value,omitempty"`
	AskedAt time.Time `json:"asked_at,omitzero"`
	StaleAt time.Time `json:"stale_at,omitzero"`
	Claimed time.Time `json:"claimed,omitzero"` // since when somebody asks
	By      string    `json:"by,omitempty"`     // who does

	revision uint64 // 0 when there is nothing
}

// openAnswers opens the bucket of answers. When it is full its oldest entries give way, as in no other; most of the
// eighth of the store that is not for events stays free of it.
func (e *Engine) openAnswers(ctx context.Context) error {
	kept, err := e.makeBucket(ctx, answersBucket, func(config *jetstream.StreamConfig) {
		config.Discard, config.DenyDelete, config.AllowMsgTTL = jetstream.DiscardOld, false, true
		config.MaxMsgs, config.MaxBytes = maxAnswers, min(maxAnswersBytes, e.opts.MaxStore/32)
	})
	if err != nil {
		return err
	}
	e.answers = &answers{bucket: kept, now: e.now, log: e.log, timeout: answersTimeout, id: e.id, alone: !e.shared(), claims: &sightings{elapsed: monotonic()}}
	e.answers.claims.note(kept.stream.CachedInfo().State.LastSeq)
	if e.shared() {
		e.answers.timeout = e.timeout()
	}
	return nil
}

// Ask returns the kept answer, waits for the call that is under way in this process or another, or asks. When answers cannot
// be kept it asks all the same.
func (a *answers) Ask(ctx context.Context, service, question string, call func(context.Context) (framework.Answer, error)) (framework.Answer, error) {
	key := framework.Fingerprint(service, question)
	answer, err := a.flights.share(ctx, key, func() (framework.Answer, error) { return a.answer(ctx, service, key, call) })
	if errors.Is(err, errLeft) {
		return answer, fmt.Errorf("wait for the answer of %s: %w", service, ctx.Err())
	}
	return answer, err
}

func (a *answers) answer(ctx context.Context, service, key string, call func(context.Context) (framework.Answer, error)) (framework.Answer, error) {
	for look := 0; a.works(); look++ {
		stored, err := a.read(ctx, key)
		if err != nil {
			a.failed(ctx, err)
			break
		}
		now := a.now()
		met := a.claims.newest()
		if stored.isFresh(now) {
			return framework.Answer{Value: stored.Value, AskedAt: stored.AskedAt, StaleAt: stored.StaleAt}, nil
		}
		if !a.isAsking(stored) {
			claim := storedAnswer{Claimed: now.UTC(), By: a.id}
			claim.revision, err = a.write(ctx, key, claim, stored.revision, askLimit)
			if err == nil {
				a.claims.wrote(claim.revision, met)
				return a.ask(ctx, key, claim.revision, call)
			}
			if !errors.Is(err, errMismatch) {
				a.failed(ctx, err)
				break
			}
		}
		if look == looks {
			return framework.Answer{}, &framework.Wait{Until: now.Add(lookAgain), Reason: "another replica is asking " + service + " the same"}
		}
		pause(ctx, firstLook<<look)
		if err := ctx.Err(); err != nil {
			return framework.Answer{}, fmt.Errorf("wait for the answer of %s: %w", service, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return framework.Answer{}, fmt.Errorf("wait for the answer of %s: %w", service, err)
	}
	bounded, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return call(bounded)
}

// works reports whether the bucket is worth trying.
func (a *answers) works() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := a.until.Sub(a.now())
	return left <= 0 || left > leaveAlone // the clock was set back
}

// failed has the bucket left alone for a while. A caller whose own time ran out says nothing about it.
func (a *answers) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = a.now().Add(leaveAlone)
	a.log.Warn("answers cannot be kept; providers are asked without", "err", err, "until", a.until.UTC())
}

// ask makes the call and keeps the answer under the claim, or gives the claim up.
func (a *answers) ask(ctx context.Context, key string, claim uint64, call func(context.Context) (framework.Answer, error)) (framework.Answer, error) {
	done := false
	defer func() {
		if !done { // also when it panicked
			a.release(ctx, claim)
		}
	}()
	bounded, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := call(bounded)
	life := answer.StaleAt.Sub(a.now())
	if err != nil || len(answer.Value) > framework.MaxAnswerKept || life <= 0 {
		return answer, err
	}
	value := storedAnswer{Value: answer.Value, AskedAt: answer.AskedAt.UTC(), StaleAt: answer.StaleAt.UTC()}
	if _, err := a.write(context.WithoutCancel(ctx), key, value, claim, life); err != nil {
		a.log.Debug("an answer is not kept", "err", err) // which costs a call, and the answer is good all the same
		return answer, nil
	}
	done = true
	return answer, nil
}

// release gives a claim up. One that stays is void after askLimit.
func (a *answers) release(ctx context.Context, claim uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
	defer cancel()
	if err := a.bucket.stream.DeleteMsg(ctx, claim); err != nil {
		a.log.Debug("a claim is not given up", "err", err)
	}
}

func (a *answers) read(ctx context.Context, key string) (storedAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	value, revision, err := a.bucket.get(ctx, key)
	if errors.Is(err, errNoEntry) {
		return storedAnswer{}, nil
	}
	if err != nil {
		return storedAnswer{}, fmt.Errorf("read answer: %w", err)
	}
	var stored storedAnswer
	if err := json.Unmarshal(value, &stored); err != nil {
		return storedAnswer{revision: revision}, nil // a damaged answer is asked for again
	}
	stored.revision = revision
	return stored, nil
}

// write stores an entry in the place of the one at a revision, 0 meaning none.
func (a *answers) write(ctx context.Context, key string, entry storedAnswer, instead uint64, life time.Duration) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	data, err := json.Marshal(entry)
	if err != nil {
		return 0, fmt.Errorf("encode answer: %w", err)
	}
	revision, err := a.bucket.putFor(ctx, key, data, instead, life)
	if err != nil {
		return 0, fmt.Errorf("store answer: %w", err)
	}
	return revision, nil
}

// isFresh reports whether the answer may be used. One from the future was kept before the clock was set back: nobody
// knows how old it is.
func (s storedAnswer) isFresh(now time.Time) bool {
	return now.Before(s.StaleAt) && !s.AskedAt.After(now.Add(time.Minute))
}

// isAsking reports whether another process asks. A process asks one question once at a time, so that a claim of its own is left
// over: it could not be given up, or was written although the store said no. Another's is void when this process knows for askLimit
// that it is there.
func (a *answers) isAsking(stored storedAnswer) bool {
	if a.alone || stored.Claimed.IsZero() || stored.By == a.id {
		return false
	}
	a.claims.note(stored.revision)
	return a.claims.age(stored.revision) < askLimit
}
