package framework

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Event is a validated, durably stored fact, such as "splunk.alert".
type Event struct {
	ID        string    `json:"id" doc:"Source and a hash of the source's own key for the delivery"`
	Type      string    `json:"type" doc:"source.what, such as splunk.alert"`
	Time      time.Time `json:"time" doc:"When it was accepted"`
	RequestID string    `json:"request_id" doc:"The request that brought it"`
	// Trace is what Trace returned when it was published.
	Trace string `json:"trace,omitempty" doc:"The trace of that request, as in the header traceparent, when it was traced"`
	Data  JSON   `json:"data" doc:"The validated body"`
}

// eventTypePattern keeps types usable in the names of streams.
var eventTypePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`)

// NewEvent makes an event of type "source.what", both of a-z, 0-9 and _. The key, which must not be empty, is what
// makes two deliveries the same one: the sender's stable delivery id, or the raw body where there is none. Equal type
// and key give equal IDs; that is what deduplication, the ledger and every later lookup rest on.
func NewEvent(eventType, key string, data any) (Event, error) {
	if !eventTypePattern.MatchString(eventType) {
		return Event{}, fmt.Errorf("event type %q is not of the form source.what", eventType)
	}
	if key == "" {
		return Event{}, fmt.Errorf("event %s has no key: all of its kind would count as one", eventType)
	}
	encoded, err := json.Marshal(data, json.Deterministic(true))
	if err != nil {
		return Event{}, fmt.Errorf("encode data of event %s: %w", eventType, err)
	}
	source, _, _ := strings.Cut(eventType, ".")
	return Event{ID: source + "-" + Fingerprint(eventType, key), Type: eventType, Data: encoded}, nil
}

// Source returns the part of the type before the dot: the name of the event's stream.
func (e Event) Source() string {
	source, _, _ := strings.Cut(e.Type, ".")
	return source
}

// Fingerprint hashes texts to 26 characters of a-z and 2-7 (128 bits), safe in subjects, labels and paths.
// The texts are length-prefixed, so that ("a", "bc") and ("ab", "c") differ.
func Fingerprint(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(text), text)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hash.Sum(nil)[:16]))
}

// Receipt says what became of a published event.
type Receipt struct {
	ID        string // the event's id
	Duplicate bool   // the event was stored before, under the same id
}

// Publisher stores events.
type Publisher interface {
	// Publish returns once all events are safe against power loss, with a receipt for each in order. Time and
	// RequestID are filled in where empty. When an event cannot be stored the error is a Problem with status
	// 503 and Retry-After; events before it may have been stored, and a repeat finds them as duplicates.
	Publish(ctx context.Context, events ...Event) ([]Receipt, error)
}
