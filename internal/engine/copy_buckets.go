package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bucketPlace is how far the copy of a bucket is.
type bucketPlace struct {
	Last    uint64 `json:"last"`    // place of the last entry here
	Entries uint64 `json:"entries"` // so far
}

// bucketCopy is one bucket on its way.
type bucketCopy struct {
	*copier

	name   string
	source jetstream.Stream
	there  *bucket
	row    CopyRow

	batch []*jetstream.RawStreamMsg
	size  int // bytes of the batch
}

// bucket copies the entries of a bucket in the order in which they were written, from where an earlier call stopped. One
// that was written here since comes behind that place.
func (c *copier) bucket(ctx context.Context, name string) error {
	stream, err := c.from.js.Stream(ctx, "KV_"+name)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	target, err := c.to.js.Stream(ctx, "KV_"+c.to.names.stream(name))
	if err != nil {
		return fmt.Errorf("open in the cluster: %w", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	b := &bucketCopy{
		copier: c, name: name, source: stream, there: &bucket{c.to.js, target, "$KV." + c.to.names.stream(name) + ".", c.to.patience()},
		row: CopyRow{Kind: "bucket", Name: name, From: info.State.Msgs},
	}
	if err := each(ctx, stream, c.state.Buckets[name].Last+1, func(entry *jetstream.RawStreamMsg) error { return b.add(ctx, entry) }); err != nil {
		return err
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	return c.prove(ctx, b.row, target)
}

func (b *bucketCopy) add(ctx context.Context, entry *jetstream.RawStreamMsg) error {
	b.batch = append(b.batch, entry)
	b.size += len(entry.Data)
	if len(b.batch) < copyBatch && b.size < copyBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush writes a batch, and then notes how far the copy is.
func (b *bucketCopy) flush(ctx context.Context) error {
	if len(b.batch) == 0 {
		return nil
	}
	messages := make([]*nats.Msg, 0, len(b.batch))
	for _, entry := range b.batch {
		messages = append(messages, &nats.Msg{Subject: b.there.prefix + b.key(entry), Data: entry.Data, Header: nats.Header{
			jetstream.ExpectedLastSubjSeqHeader: {"0"},
			writeHeader:                         {rand.Text()},
		}})
	}
	results, _ := b.flight(ctx, messages) // what was not written is written again, one by one
	for i, entry := range b.batch {
		if i < len(results) && results[i] == nil {
			b.row.Copied++
			continue
		}
		changed, err := b.there.set(ctx, b.key(entry), entry.Data, b.to)
		if err != nil {
			return err
		}
		if changed {
			b.row.Copied++
		}
	}
	done := bucketPlace{b.batch[len(b.batch)-1].Sequence, b.state.Buckets[b.name].Entries + uint64(len(b.batch))}
	b.batch, b.size = b.batch[:0], 0
	if b.state.Buckets == nil {
		b.state.Buckets = map[string]bucketPlace{}
	}
	b.state.Buckets[b.name] = done
	b.tell(CopyProgress{b.row.Kind, b.name, min(done.Entries, b.row.From), b.row.From})
	return b.note(ctx)
}

func (b *bucketCopy) key(entry *jetstream.RawStreamMsg) string {
	return entry.Subject[len("$KV."+b.name+"."):]
}

// set writes an entry whatever it was, and reports whether it was another.
func (b *bucket) set(ctx context.Context, key string, value []byte, e *Engine) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	if _, err := b.put(ctx, key, value, 0); !errors.Is(err, errMismatch) {
		return err == nil, err
	}
	old, revision, err := b.get(ctx, key)
	switch {
	case err != nil && !errors.Is(err, errNoEntry):
		return false, fmt.Errorf("read entry %s in the cluster: %w", key, err)
	case err == nil && bytes.Equal(old, value):
		return false, nil
	}
	if _, err := b.put(ctx, key, value, revision); err != nil {
		return false, fmt.Errorf("write entry %s: %w", key, err)
	}
	return true, nil
}
