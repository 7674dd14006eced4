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

// errSuperseded says that a run record was changed by someone else: the event was replayed meanwhile.
var errSuperseded = errors.New("the run was changed by someone else")

// record is what became of one event in one queue.
type record struct {
	framework.Run
	// Sequence is the place in its stream of the message that the record is about. A replay has a later one and begins
	// anew; a message with an earlier one was replaced by it.
	Sequence uint64    `json:"sequence"`
	FirstTry time.Time `json:"first_try,omitzero"`
	GiveUpAt time.Time `json:"give_up_at,omitzero"` // moves on while it waits for a quota
	ToldAt   time.Time `json:"told_at,omitzero"`    // when people were last told that it waits

	revision uint64
}

// finished reports whether there is nothing left to do for the record's message.
func (r *record) finished() bool {
	return r.State == framework.RunDone || r.State == framework.RunSkipped || r.State == framework.RunDead
}

// announces reports whether the record says no more than that a message came, and is worked on by nobody yet.
func (r *record) announces(sequence uint64) bool {
	return r.Sequence == sequence && r.State == framework.RunWaiting && r.Attempts == 0 && r.Reason == "" && r.NextTry.IsZero()
}

// runs are the records, in a bucket with a key for each event and queue. Attempts are counted here and not by the
// store's deliveries, as a wait is a delivery too.
type runs struct {
	bucket  *bucket
	timeout time.Duration
	left    uint64 // up to this revision they were written by earlier processes, of which none lives; 0 in a cluster
}

// inherits reports whether a record is as an earlier process left it.
func (r *runs) inherits(stored *record) bool { return stored.revision > 0 && stored.revision <= r.left }

func runKey(eventID, queueName string) string { return eventID + "." + queueName }

// read returns a record; without an entry it is a waiting one.
func (r *runs) read(ctx context.Context, eventID, queueName string) (*record, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	value, revision, err := r.bucket.get(ctx, runKey(eventID, queueName))
	if errors.Is(err, errNoEntry) {
		automation, job := splitQueueName(queueName)
		return &record{Run: framework.Run{Automation: automation, Job: job, State: framework.RunWaiting}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read run of event %s in %s: %w", eventID, queueName, err)
	}
	stored := &record{revision: revision}
	if err := json.Unmarshal(value, stored); err != nil {
		return nil, fmt.Errorf("decode run of event %s in %s: %w", eventID, queueName, err)
	}
	return stored, nil
}

// write stores a record that nobody changed since it was read, or returns errSuperseded.
func (r *runs) write(ctx context.Context, eventID, queueName string, changed *record) error {
	data, err := json.Marshal(changed)
	if err != nil {
		return fmt.Errorf("encode run of event %s in %s: %w", eventID, queueName, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	revision, err := r.bucket.put(ctx, runKey(eventID, queueName), data, changed.revision)
	if errors.Is(err, errMismatch) {
		return errSuperseded
	}
	if err != nil {
		return fmt.Errorf("write run of event %s in %s: %w", eventID, queueName, err)
	}
	changed.revision = revision
	return nil
}

// queuesOf returns the names of the queues that recorded a run of the event, sorted.
func (r *runs) queuesOf(ctx context.Context, eventID string) ([]string, error) {
	prefix := r.bucket.prefix + eventID + "."
	info, err := r.bucket.stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, fmt.Errorf("list runs of event %s: %w", eventID, err)
	}
	var names []string
	for subject := range info.State.Subjects {
		names = append(names, strings.TrimPrefix(subject, prefix))
	}
	slices.Sort(names)
	return names, nil
}
