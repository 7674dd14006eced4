package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a bucket.
var (
	errNoEntry  = errors.New("no such entry")
	errMismatch = errors.New("the entry was changed by someone else")
)

// bucket holds one entry per key, each with a revision, in a stream that NATS calls a key-value bucket.
type bucket struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	prefix   string // of subjects
	patience patience
}

// writeHeader tells writes apart, for a writer that does not know what became of its own.
const writeHeader = "Funnelweb-Write"

// openBucket makes a bucket, or opens it as it is. Entries expire when they were not written for as long as maxAge, or
// never when that is 0.
func (e *Engine) openBucket(ctx context.Context, name string, maxAge time.Duration) (*bucket, error) {
	return e.makeBucket(ctx, name, func(config *jetstream.StreamConfig) { config.MaxAge = maxAge })
}

func (e *Engine) makeBucket(ctx context.Context, name string, change func(*jetstream.StreamConfig)) (*bucket, error) {
	name = e.names.stream(name)
	config := jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, Duplicates: leastWindow, AllowRollup: true, DenyDelete: true,
		Storage: e.storage(), Replicas: e.replicas(), AllowDirect: !e.shared(),
	}
	change(&config)
	stream, err := e.js.CreateOrUpdateStream(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return &bucket{e.js, stream, "$KV." + name + ".", e.patience()}, nil
}

// get returns an entry and its revision, or errNoEntry.
func (b *bucket) get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	err = b.patience.do(ctx, func(ctx context.Context) error {
		message, err := last(ctx, b.stream, b.prefix+key)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			value, revision = nil, 0
			return nil
		}
		if err == nil {
			value, revision = message.Data, message.Sequence
		}
		return err
	})
	if err == nil && revision == 0 {
		err = errNoEntry
	}
	return value, revision, err
}

// put writes an entry that is still at the revision, 0 meaning that there is none, else it returns errMismatch. A write
// that is not answered is repeated; that one of them came about does not let the next look like someone else's.
func (b *bucket) put(ctx context.Context, key string, value []byte, revision uint64) (written uint64, err error) {
	return b.putFor(ctx, key, value, revision, 0)
}

// putFor writes an entry that expires after a life, in whole seconds and at least one; 0 is for ever. The bucket must
// have been made for that.
func (b *bucket) putFor(ctx context.Context, key string, value []byte, revision uint64, life time.Duration) (written uint64, err error) {
	message := &nats.Msg{Subject: b.prefix + key, Data: value, Header: nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)},
		writeHeader:                         {rand.Text()},
	}}
	if life > 0 {
		message.Header.Set(jetstream.MsgTTLHeader, max(life.Truncate(time.Second), time.Second).String())
	}
	repeated := false
	err = b.patience.do(ctx, func(ctx context.Context) error {
		ack, err := b.js.PublishMsg(ctx, message)
		switch {
		case err == nil:
			written = ack.Sequence
		case isMismatch(err) && repeated:
			written, err = b.earlier(ctx, message, revision)
		case isMismatch(err):
			err = final{errMismatch}
		}
		repeated = true
		return err
	})
	return written, err
}

// keys returns the keys of a bucket that has few, sorted.
func (b *bucket) keys(ctx context.Context) ([]string, error) {
	var keys []string
	err := b.patience.do(ctx, func(ctx context.Context) error {
		info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(b.prefix+">"))
		if err != nil {
			return fmt.Errorf("list entries: %w", err)
		}
		keys = keys[:0]
		for subject := range info.State.Subjects {
			keys = append(keys, strings.TrimPrefix(subject, b.prefix))
		}
		slices.Sort(keys)
		return nil
	})
	return keys, err
}

// earlier finds out whether it was an earlier try of the same write that changed the entry.
func (b *bucket) earlier(ctx context.Context, message *nats.Msg, revision uint64) (uint64, error) {
	found, err := last(ctx, b.stream, message.Subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound) && revision == 0, err == nil && found.Sequence == revision:
		return 0, errors.New("an earlier write of the entry is not settled yet")
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, final{errMismatch}
	case err != nil:
		return 0, err
	case found.Header.Get(writeHeader) != message.Header.Get(writeHeader):
		return 0, final{errMismatch}
	}
	return found.Sequence, nil
}

// isMismatch reports whether a write was refused because of its expected revision; replicated streams have a code of
// their own for that.
func isMismatch(err error) bool {
	refusal, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
