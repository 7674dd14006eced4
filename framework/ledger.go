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
// store; an embedded store is that of one process. Revisions rise over the whole ledger, in the order of the writes.
type Ledger interface {
	// Get returns the value and its revision, or ErrNotRecorded.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Put writes the value if the entry is still at the revision, 0 meaning that there is none yet; else it is
	// ErrConflict. It returns the new revision.
	Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Age returns for how long at least the ledger has had a revision, as far as this process can prove: since it first
	// met that revision or a later one, or opened a ledger that had it; 0 for one that it has not met. It is measured by a
	// clock that nobody sets (the system's monotonic one), and may be short of that by a second and a tenth. Revision 0 is
	// what there is no entry for: since the ledger, as far as it knows, last lost records, or math.MaxInt64.
	Age(revision uint64) time.Duration
}

// Forgetful is implemented by a Ledger that may have lost what it held, as one in memory has after a restart. Once then
// looks for an effect that is not recorded before it brings it about, and that only when it is seen which an attempt that was
// lost with its record has brought about.
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
	// Limit is how long after an attempt was begun the effect may still come about: Do's context ends then, and what the
	// service has taken it has carried out by then, even where the answer was lost at once. It begins just before the intent
	// is recorded. DefaultLimit when 0.
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
	At     time.Time `json:"at"` // for people: clocks are set, and differ from one replica to the next
}

const (
	stateIntent = "intent" // Do was begun; it is under way, or whether it came about is not known
	stateClear  = "clear"  // Do surely did not come about; it may be begun again
	stateDone   = "done"
)

// Once brings an effect about at most once per key and returns its result: intent first, then the effect, then
// the result. After an attempt whose outcome is unknown it waits until Limit and Lag have passed, looks with Find, and only
// then does it again. The window that remains is a service that commits or shows later than that.
//
// The wait is by Ledger.Age, never by the time of day: now is for what people read and for when to ask again. Whoever begins an
// attempt has Limit from before its intent is in the ledger; whoever meets the intent, be it the same process, its
// successor or a replica, waits for Limit and Lag from when it met it, by its own monotonic clock. So clocks may be set
// forth and back, differ between replicas or run too fast. A process that starts anew waits for no longer than that, and
// not at all where it has been up for as long by the time that the job comes back.
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
	found, err := effect.lookBack(ctx, ledger, now, record, revision)
	if err != nil {
		return "", err
	}
	if found != "" {
		_, err = writeEffect(ctx, ledger, now, key, effectRecord{stateDone, found, now()}, revision)
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
	attempt, cancel := context.WithTimeout(ctx, e.Limit) // from before anybody can meet the intent
	defer cancel()
	revision, err := writeEffect(attempt, ledger, now, key, effectRecord{State: stateIntent, At: now()}, revision)
	if err != nil {
		return "", err
	}
	result, err := e.Do(attempt)
	if MayHaveHappened(err) {
		return "", err // the intent stands
	}
	outcome := effectRecord{State: stateDone, Result: result, At: now()}
	if err != nil {
		outcome.State = stateClear
	}
	// A cancelled caller must not leave the outcome unrecorded.
	recording, end := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer end()
	_, unrecorded := writeEffect(recording, ledger, now, key, outcome, revision)
	if err == nil {
		return result, unrecorded
	}
	if unrecorded != nil { // the intent stands, and is as safe
		return "", fmt.Errorf("%w; recording that: %s", err, unrecorded.Error())
	}
	return "", err
}

// lookBack returns the result of an earlier attempt, or "" when there is none.
func (e Effect) lookBack(ctx context.Context, ledger Ledger, now func() time.Time, record effectRecord, revision uint64) (string, error) {
	age := ledger.Age(revision)
	switch {
	case (record.State == "" || record.State == stateClear) && Forgets(ledger): // what followed may be gone
		age = ledger.Age(0)
	case record.State == "" || record.State == stateClear:
		return "", nil
	case record.State != stateIntent:
		return "", fmt.Errorf("the ledger has an effect in the unknown state %q", record.State)
	}
	if left := e.Limit + e.Lag - age; left > 0 {
		return "", &Wait{Until: now().Add(left), Reason: "an earlier attempt may have succeeded; waiting to look for its result"}
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

func writeEffect(ctx context.Context, ledger Ledger, now func() time.Time, key string, record effectRecord, revision uint64) (uint64, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return 0, fmt.Errorf("encode ledger %s: %w", key, err)
	}
	revision, err = ledger.Put(ctx, key, value, revision)
	if errors.Is(err, ErrConflict) {
		return 0, &Wait{Until: now().Add(time.Second), Reason: "another worker has this in hand"}
	}
	if err != nil {
		return 0, fmt.Errorf("write ledger %s: %w", key, err)
	}
	return revision, nil
}
