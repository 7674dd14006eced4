package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// budget bounds what one call of an operator reads, so that a list of much is many short calls and not one that hangs.
type budget struct{ messages, bytes int }

// listBudget is for calls that look at messages alone.
func listBudget() *budget { return &budget{messages: 5000, bytes: 64 << 20} }

func (b *budget) spend(message *jetstream.RawStreamMsg) {
	b.messages--
	b.bytes -= len(message.Data)
}

func (b *budget) over() bool { return b.messages <= 0 || b.bytes <= 0 }

// forward reads the messages of a subject from a place on, up to and without an end.
type forward struct {
	stream    jetstream.Stream
	subject   string
	next, end uint64 // no end when 0
}

// read returns the next message, or nil.
func (f *forward) read(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	if f.end != 0 && f.next >= f.end {
		return nil, nil //nolint:nilnil // the end is no error
	}
	message, err := f.stream.GetMsg(ctx, max(1, f.next), jetstream.WithGetMsgSubject(f.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && f.end != 0 && message.Sequence >= f.end {
		return nil, nil //nolint:nilnil // the end is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read message from %d on: %w", f.next, err)
	}
	f.next = message.Sequence + 1
	return message, nil
}

// maxKept bounds the messages that a backward holds: they may be large.
const maxKept = 16

// backward reads the messages of a subject from an end down. The store reads forward only, past what is of other subjects,
// and past gaps, in one step; so it is asked for a stretch before the end, then, where that held little, for one before it
// that is twice as long, and so on.
type backward struct {
	stream     jetstream.Stream
	subject    string
	first, end uint64 // what is not read yet is from first on and before end
	length     uint64 // of the next stretch
	kept       []*jetstream.RawStreamMsg
	spent      *budget
}

// newBackward begins before end, or at the end of the stream when that is 0.
func newBackward(ctx context.Context, stream jetstream.Stream, subject string, end uint64, spent *budget) (*backward, error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	b := &backward{stream: stream, subject: subject, first: max(1, info.State.FirstSeq), end: info.State.LastSeq + 1, length: maxKept, spent: spent}
	if end != 0 {
		b.end = min(b.end, end)
	}
	return b, nil
}

// read returns the message before the last one, or nil at the beginning.
func (b *backward) read(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	for len(b.kept) == 0 {
		if b.end <= b.first {
			return nil, nil //nolint:nilnil // the beginning is no error
		}
		if err := b.stretch(ctx); err != nil {
			return nil, err
		}
	}
	message := b.kept[len(b.kept)-1]
	b.kept = b.kept[:len(b.kept)-1]
	return message, nil
}

// place is behind the message that read returns next.
func (b *backward) place() uint64 {
	if len(b.kept) > 0 {
		return b.kept[len(b.kept)-1].Sequence + 1
	}
	return b.end
}

// maxStretch bounds the messages that are read of one stretch. One that holds more, behind a long one that held nothing, is
// given up for a shorter one.
const maxStretch = 256

// stretch keeps the last messages of the next stretch, and leaves the others of it for later.
func (b *backward) stretch(ctx context.Context) error {
	begin := b.first
	if b.end-b.first > b.length {
		begin = b.end - b.length
	}
	reader, count := forward{b.stream, b.subject, begin, b.end}, 0
	for ; count < maxStretch; count++ {
		message, err := reader.read(ctx)
		if err != nil {
			return err
		}
		if message == nil {
			break
		}
		b.spent.spend(message)
		if len(b.kept) == maxKept {
			b.kept = append(b.kept[:0], b.kept[1:]...)
		}
		b.kept = append(b.kept, message)
	}
	switch {
	case count == maxStretch && reader.next < b.end:
		b.kept, b.length = nil, max(maxKept, b.length/maxKept)
	case count > maxKept:
		b.end, b.length = b.kept[0].Sequence, maxKept
	case count < maxKept/2:
		b.end, b.length = begin, b.length*2
	default:
		b.end = begin
	}
	return nil
}
