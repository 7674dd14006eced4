package framework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Errors of a Ledger, to be tested with errors.Is.
var (
	ErrNotRecorded = errors.New("not in the ledger")
	ErrConflict    = errors.New("the ledger entry was changed by someone else")
)

// Ledger is the durable, shared record of side effects. Keys are letters, digits and any of - _ . / =, at
// most 200 bytes. Each write is safe against power loss before it returns and is seen by every replica that shares the
// store; an embedded store is that of one process.
type Ledger interface {
	// Get returns the value and its revision, or ErrNotRecorded.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Put writes the value if the entry is still at the revision, 0 meaning that there is none yet; else it is
	// ErrConflict. It returns the new revision.
	Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
}

// Forgetful is implemented by a Ledger that may have lost what it held, as one in memory has after a restart. Once then
// looks for an effect that is not recorded before it brings it about.
type Forgetful interface {
	// Forgets reports whether what was recorded may be gone.
	Forgets() bool
}

// Effect is a side effect on an outside service that must happen once.
type Effect struct {
	// Find looks for the effect at the service, by a mark that Do leaves there. An empty result means not found.
	Find func(context.Context) (string, error)
	// Do brings it about and returns its result, such as the key of a ticket.
	Do func(context.Context) (string, error)
	// Limit is how long after Do was begun the effect may still come about: its context ends then, and what the service
	// has taken it has carried out by then, even where the answer was lost at once. DefaultLimit when 0.
	Limit time.Duration
	// Lag is how long after that the service may hide an effect from Find (Jira's search is eventually consistent).
	Lag time.Duration
}

// DefaultLimit is how long an Effect may take to be brought about.
const DefaultLimit = 15 * time.Second

// recordLimit bounds a write to the ledger that is made although the caller may be gone.
const recordLimit = 10 * time.Second

// effectRecord is the ledger's entry for an Effect.
type effectRecord struct {
	State  string    `json:"state"` // intent, clear or done
	Result string    `json:"result,omitempty"`
	At     time.Time `json:"at"`
}

const (
	stateIntent = "intent" // Do was begun at At; it is under way, or whether it came about is not known
	stateClear  = "clear"  // Do surely did not come about; it may be begun again
	stateDone   = "done"
)

// Once brings an effect about at most once per key and returns its result: intent first, then the effect, then
// the result. After an attempt whose outcome is unknown it waits until Limit and Lag have passed since it was begun, looks
// with Find, and only then does it again, by a clock that may be set back; the window that remains is a service that commits or shows later than that.
func Once(ctx context.Context, ledger Ledger, now func() time.Time, key string, effect Effect) (string, error) {
	if effect.Limit <= 0 {
		effect.Limit = DefaultLimit
	}
	record, revision, err := readEffect(ctx, ledger, key)
	if err != nil {
		return "", err
	}
	if record.State == stateDone {
		return record.Result, nil
	}
	if record, revision, err = restamp(ctx, ledger, now(), key, record, revision); err != nil {
		return "", err
	}
	found, err := effect.lookBack(ctx, now, record, forgets(ledger))
	if err != nil {
		return "", err
	}
	if found != "" {
		_, err = writeEffect(ctx, ledger, key, effectRecord{stateDone, found, now()}, revision)
		return found, err
	}
	return effect.attempt(ctx, ledger, now, key, revision)
}

// Outcome returns the result of the effect that Once brings about under a key, or "" while there is none that is proven.
func Outcome(ctx context.Context, ledger Ledger, key string) (string, error) {
	record, _, err := readEffect(ctx, ledger, key)
	if err != nil || record.State != stateDone {
		return "", err
	}
	return record.Result, nil
}

// attempt records the intent, brings the effect about and records how that ended.
func (e Effect) attempt(ctx context.Context, ledger Ledger, now func() time.Time, key string, revision uint64) (string, error) {
	revision, err := writeEffect(ctx, ledger, key, effectRecord{State: stateIntent, At: now()}, revision)
	if err != nil {
		return "", err
	}
	result, err := e.do(ctx)
	if MayHaveHappened(err) {
		return "", err // the intent stands
	}
	outcome := effectRecord{State: stateDone, Result: result, At: now()}
	if err != nil {
		outcome.State = stateClear
	}
	// A cancelled caller must not leave the outcome unrecorded.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	_, unrecorded := writeEffect(recording, ledger, key, outcome, revision)
	if err == nil {
		return result, unrecorded
	}
	if unrecorded != nil { // the intent stands, and is as safe
		return "", fmt.Errorf("%w; recording that: %s", err, unrecorded.Error())
	}
	return "", err
}

// restamp dates an intent from the future to now, as the clock was set back since: nobody must wait for longer than
// Limit and Lag. The attempt was begun before now, so that waiting from now on is safe.
func restamp(ctx context.Context, ledger Ledger, now time.Time, key string, record effectRecord, revision uint64) (effectRecord, uint64, error) {
	if record.State != stateIntent || !record.At.After(now) {
		return record, revision, nil
	}
	record.At = now
	revision, err := writeEffect(ctx, ledger, key, record, revision)
	return record, revision, err
}

// lookBack returns the result of an earlier attempt, or "" when there is none.
func (e Effect) lookBack(ctx context.Context, now func() time.Time, record effectRecord, forgotten bool) (string, error) {
	switch {
	case record.State == "" && forgotten:
		return e.find(ctx)
	case record.State == "" || record.State == stateClear:
		return "", nil
	case record.State != stateIntent:
		return "", fmt.Errorf("the ledger has an effect in the unknown state %q", record.State)
	}
	ready := record.At.Add(e.Limit + e.Lag)
	if now().Before(ready) {
		return "", &Wait{Until: ready, Reason: "an earlier attempt may have succeeded; waiting to look for its result"}
	}
	return e.find(ctx)
}

func (e Effect) find(ctx context.Context) (string, error) {
	found, err := e.Find(ctx)
	if err != nil {
		return "", fmt.Errorf("look for an earlier result: %w", err)
	}
	return found, nil
}

func forgets(ledger Ledger) bool {
	forgetful, ok := ledger.(Forgetful)
	return ok && forgetful.Forgets()
}

func (e Effect) do(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Limit)
	defer cancel()
	return e.Do(ctx)
}

func readEffect(ctx context.Context, ledger Ledger, key string) (effectRecord, uint64, error) {
	var record effectRecord
	value, revision, err := ledger.Get(ctx, key)
	if errors.Is(err, ErrNotRecorded) {
		return record, 0, nil
	}
	if err != nil {
		return record, 0, fmt.Errorf("read ledger %s: %w", key, err)
	}
	if err := json.Unmarshal(value, &record); err != nil {
		return record, 0, fmt.Errorf("read ledger %s: %w", key, err)
	}
	return record, revision, nil
}

func writeEffect(ctx context.Context, ledger Ledger, key string, record effectRecord, revision uint64) (uint64, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return 0, fmt.Errorf("encode ledger %s: %w", key, err)
	}
	revision, err = ledger.Put(ctx, key, value, revision)
	if errors.Is(err, ErrConflict) {
		return 0, &Wait{Until: record.At.Add(time.Second), Reason: "another worker has this in hand"}
	}
	if err != nil {
		return 0, fmt.Errorf("write ledger %s: %w", key, err)
	}
	return revision, nil
}
