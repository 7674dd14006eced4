package engine

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// beginAt has a queue begin at a place of its stream.
func beginAt(config *jetstream.ConsumerConfig, place uint64) {
	config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartSequencePolicy, place, nil
}

// beginSince has a queue that is made anew begin at its stream's first message that is not older than a time. The server is never
// told a time: of a stream that ends with a message that was removed, or with two filters of which one has its first message in
// front of that time, it begins behind what waits (GetSeqFromTime in filestore.go and selectStartingSeqNo in consumer.go of
// nats-server/v2 v2.15.2).
func beginSince(ctx context.Context, stream jetstream.Stream, config *jetstream.ConsumerConfig, since time.Time) error {
	place, err := placeSince(ctx, stream, 1, since)
	if err == nil {
		beginAt(config, place)
	}
	return err
}

// placeSince returns the place, low or behind it, that comes after all messages which are older than a time.
func placeSince(ctx context.Context, stream jetstream.Stream, low uint64, since time.Time) (uint64, error) {
	state, err := stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	for high := state.State.LastSeq + 1; low < high; {
		middle := low + (high-low)/2
		message, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(">"))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !message.Time.Before(since):
			high = middle
		case err != nil:
			return 0, err
		default:
			low = message.Sequence + 1
		}
	}
	return low, nil
}
