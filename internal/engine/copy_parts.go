package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How many messages are on their way at once, and about how many bytes.
const (
	copyBatch = 256
	copyBytes = 8 << 20
)

// flight publishes messages, all of them before the first is answered, and tells what became of each that was sent. The error
// is that not all were.
func (c *copier) flight(ctx context.Context, messages []*nats.Msg) (results []error, err error) {
	futures := make([]jetstream.PubAckFuture, 0, len(messages))
	for _, message := range messages {
		future, failed := c.to.js.PublishMsgAsync(message)
		if failed != nil {
			err = fmt.Errorf("write %s: %w", message.Subject, failed)
			break
		}
		futures = append(futures, future)
	}
	for _, future := range futures {
		select {
		case <-future.Ok():
			results = append(results, nil)
		case failed := <-future.Err():
			results = append(results, fmt.Errorf("write %s: %w", future.Msg().Subject, failed))
		case <-ctx.Done():
			return results, ctx.Err()
		}
	}
	return results, err
}

// each calls with every message of a stream from a place on.
func each(ctx context.Context, stream jetstream.Stream, from uint64, call func(*jetstream.RawStreamMsg) error) error {
	for next := max(1, from); ; {
		message, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read message from %d on: %w", next, err)
		}
		if err := call(message); err != nil {
			return err
		}
		next = message.Sequence + 1
	}
}

// prove compares how many there are.
func (c *copier) prove(ctx context.Context, row CopyRow, target jetstream.Stream) error {
	info, err := target.Info(ctx)
	if err != nil {
		return fmt.Errorf("count in the cluster: %w", err)
	}
	row.To = info.State.Msgs
	c.row(row)
	if row.From != row.To {
		return fmt.Errorf("%d are here and %d in the cluster: the store was used since an earlier copy; choose another prefix", row.From, row.To)
	}
	return nil
}

// skip lets an empty stream begin at a place.
func (c *copier) skip(ctx context.Context, stream jetstream.Stream, first uint64) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream of the cluster: %w", err)
	}
	if info.State.Msgs > 0 || info.State.LastSeq+1 >= first {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(first)); err != nil {
		return fmt.Errorf("begin stream of the cluster at %d: %w", first, err)
	}
	return nil
}

// source copies messages and then queues of a source: a queue cannot begin behind the end of its stream.
func (c *copier) source(ctx context.Context, source string) error {
	stream, found, err := c.from.streams.find(ctx, source)
	if err != nil || !found {
		return err
	}
	target, err := c.to.streams.of(ctx, source)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(c.from.names.subject("probe", source, ">"))); err != nil {
		return fmt.Errorf("remove attempts to write: %w", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if err := c.skip(ctx, target, info.State.FirstSeq); err != nil {
		return err
	}
	row := CopyRow{Kind: "events", Name: source, From: info.State.Msgs}
	if row.Copied, err = c.messages(ctx, source, stream, target, info.State); err != nil {
		return err
	}
	placeholders := jetstream.WithPurgeSubject(c.to.names.subject("probe", source, ">"))
	if err := target.Purge(ctx, placeholders); err != nil {
		return fmt.Errorf("remove placeholders: %w", err)
	}
	if err := c.prove(ctx, row, target); err != nil {
		return err
	}
	queues, err := c.queues(ctx, source, stream, target)
	if err != nil {
		return err
	}
	return c.proveQueues(ctx, target, queues)
}

// messages copies what the cluster has not yet, each to its place.
func (c *copier) messages(ctx context.Context, source string, stream, target jetstream.Stream, state jetstream.StreamState) (copied uint64, err error) {
	failures := 0
	for {
		there, err := target.Info(ctx)
		if err == nil && there.State.LastSeq >= state.LastSeq {
			return copied, nil
		}
		stored := uint64(0)
		if err == nil {
			stored, err = c.batch(ctx, source, stream, there.State.LastSeq+1, state.LastSeq)
			c.tell(CopyProgress{"events", source, there.State.LastSeq + stored, state.LastSeq})
		}
		copied += stored
		switch {
		case stored > 0:
			failures = 0
		case err != nil && failures == 10, ctx.Err() != nil:
			return copied, errors.Join(err, ctx.Err())
		default:
			failures++
			pause(ctx, clusterTry)
		}
	}
}

// batch writes messages for consecutive places, in which a placeholder stands for what was removed here. Each is only
// taken at its place, so that one that is lost takes all behind it along.
func (c *copier) batch(ctx context.Context, source string, stream jetstream.Stream, first, last uint64) (stored uint64, err error) {
	messages, err := c.read(ctx, source, stream, first, min(last, first+copyBatch-1))
	if err != nil {
		return 0, err
	}
	results, err := c.flight(ctx, messages)
	for _, failed := range results {
		if failed != nil {
			return stored, errors.Join(failed, err)
		}
		stored++
	}
	return stored, err
}

func (c *copier) read(ctx context.Context, source string, stream jetstream.Stream, first, last uint64) ([]*nats.Msg, error) {
	messages := make([]*nats.Msg, 0, last-first+1)
	next := first
	add := func(subject string, data []byte) {
		messages = append(messages, &nats.Msg{Subject: subject, Data: data, Header: nats.Header{
			jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(next-1, 10)},
		}})
		next++
	}
	errEnd := errors.New("behind the last")
	err := each(ctx, stream, first, func(message *jetstream.RawStreamMsg) error {
		for next <= last && next < message.Sequence {
			add(c.to.names.subject("probe", source, strconv.FormatUint(next, 10)), nil)
		}
		if next > last {
			return errEnd
		}
		add(c.to.names.subject(message.Subject), message.Data)
		return nil
	})
	for err == nil && next <= last {
		add(c.to.names.subject("probe", source, strconv.FormatUint(next, 10)), nil)
	}
	if errors.Is(err, errEnd) {
		err = nil
	}
	return messages, err
}
