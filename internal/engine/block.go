package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

// The messages of a stream are in files, here called blocks, one record after the other (writeMsgRecordLocked in
// nats-server/v2 v2.15.2):
//
//	length 4, of which the highest bit says that there are headers · sequence 8 · time 8 · length of the subject 2 ·
//	subject · [length of the headers 4 · headers] · message · checksum 8
//
// The checksum is of sequence, time, subject, headers and message. The lengths are not in it.
const (
	recordHeader  = 22
	recordSum     = 8
	maxRecord     = 32 << 20
	withHeaders   = 1 << 31
	erasedRecord  = 1 << 63 // in the sequence: the message was overwritten
	removedRecord = 1 << 62 // in the sequence: this one was removed, and the record says no more
)

// block is a file of records.
type block struct {
	path    string
	content []byte
	sum     hash.Hash64
	summed  [recordSum]byte // where a checksum is written
}

// region is a range of bytes in a block that holds no whole record, or more than one.
type region struct{ from, to int }

// newBlock is a block of a stream with a number, in a folder.
func newBlock(folder, stream string, number int, content []byte) (*block, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, number))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return nil, fmt.Errorf("make checksum of records: %w", err)
	}
	return &block{path: filepath.Join(folder, fmt.Sprintf("%d.blk", number)), content: content, sum: sum}, nil
}

// sift returns the whole records, one after the other, what is between them, and the greatest sequence in a record. Behind
// a damaged record it goes on where the next whole one begins. Nobody can hide a record in a message that would be found
// there: its length has zero bytes, which no JSON has.
func (b *block) sift() (whole []byte, damaged []region, last uint64) {
	begin := 0 // of what is whole
	for at := 0; at < len(b.content); {
		if size := b.record(at); size > 0 {
			last = max(last, b.sequence(at)&^(erasedRecord|removedRecord))
			at += size
			continue
		}
		hole := region{at, at + 1}
		for hole.to < len(b.content) && b.record(hole.to) == 0 {
			hole.to++
		}
		whole = append(whole, b.content[begin:hole.from]...)
		damaged = append(damaged, hole)
		begin, at = hole.to, hole.to
	}
	if damaged == nil {
		return b.content, nil, last
	}
	return append(whole, b.content[begin:]...), damaged, last
}

// with is the block with other content.
func (b *block) with(content []byte) *block {
	other := *b
	other.content = content
	return &other
}

// noteOf is what is noted of a block of whole records, of which the greatest sequence is given.
func (b *block) noteOf(file stamp, top uint64) wholeBlock {
	noted := wholeBlock{File: file, Top: top}
	for at := 0; at < len(b.content); at += b.length(at) {
		if sequence := b.sequence(at); sequence&(erasedRecord|removedRecord) == 0 {
			if noted.Messages == 0 {
				noted.First = sequence
			}
			noted.Messages++
			noted.Last = max(noted.Last, sequence)
		}
	}
	return noted
}

func (b *block) length(at int) int {
	return int(binary.LittleEndian.Uint32(b.content[at:]) &^ withHeaders)
}

func (b *block) sequence(at int) uint64 { return binary.LittleEndian.Uint64(b.content[at+4:]) }

// record returns the size of the whole record that begins at a place, 0 when there is none.
func (b *block) record(at int) int {
	rest := b.content[at:]
	if len(rest) < recordHeader+recordSum {
		return 0
	}
	length := binary.LittleEndian.Uint32(rest)
	size, subject := int(length&^withHeaders), int(binary.LittleEndian.Uint16(rest[20:]))
	if size < recordHeader+recordSum+subject || size > min(maxRecord, len(rest)) {
		return 0
	}
	data, sum := rest[recordHeader:size-recordSum], rest[size-recordSum:size]
	name, message := data[:subject], data[subject:]
	var headers []byte
	if length&withHeaders != 0 {
		if len(message) < 4 {
			return 0
		}
		end := int64(binary.LittleEndian.Uint32(message))
		message = message[4:]
		if end > int64(len(message)) {
			return 0
		}
		headers, message = message[:end], message[end:]
	}
	plausible := false // looked at first: at each place in a long damaged region all behind it would be hashed
	switch sequence := b.sequence(at); {
	case sequence&removedRecord != 0:
		plausible = size == recordHeader+recordSum
	case sequence&erasedRecord != 0:
		plausible = subject == 0
	default:
		plausible = isDivided(length&withHeaders != 0, name, headers, message)
	}
	if !plausible || !b.matches(sum, rest[4:20], name, headers, message) {
		return 0
	}
	return size
}

func (b *block) matches(sum []byte, parts ...[]byte) bool {
	b.sum.Reset()
	for _, part := range parts {
		_, _ = b.sum.Write(part) // a hash takes all
	}
	return bytes.Equal(b.sum.Sum(b.summed[:0]), sum)
}

// isDivided reports whether the lengths, which are not in the checksum, divide a record where its parts end: a subject has
// no control characters and no brace, headers end with an empty line, and what has no headers is JSON or nothing.
func isDivided(hasHeaders bool, subject, headers, message []byte) bool {
	if len(subject) == 0 || bytes.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '{' }) {
		return false
	}
	if hasHeaders {
		return bytes.HasPrefix(headers, []byte("NATS/1.0")) && bytes.HasSuffix(headers, []byte("\r\n\r\n"))
	}
	return len(message) == 0 || message[0] == '{'
}

// about tells what a damaged region was about, as far as that can be read: its sequence and subject.
func (b *block) about(r region) string {
	rest := b.content[r.from:r.to]
	if len(rest) < recordHeader {
		return ""
	}
	subject := rest[recordHeader:min(len(rest), recordHeader+int(binary.LittleEndian.Uint16(rest[20:])))]
	if end := bytes.IndexFunc(subject, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '{' }); end >= 0 {
		subject = subject[:end]
	}
	const longest = 200
	return strings.TrimSpace(fmt.Sprintf("%d %s", b.sequence(r.from)&^(erasedRecord|removedRecord), subject[:min(len(subject), longest)]))
}

// removal is the record that says that a message was removed. It also holds the place of the sequence.
func (b *block) removal(sequence uint64, unixNano int64) []byte {
	record := make([]byte, recordHeader, recordHeader+recordSum)
	binary.LittleEndian.PutUint32(record, recordHeader+recordSum)
	binary.LittleEndian.PutUint64(record[4:], sequence|removedRecord)
	binary.LittleEndian.PutUint64(record[12:], uint64(unixNano)) //nolint:gosec // bits
	b.sum.Reset()
	_, _ = b.sum.Write(record[4:20])
	return b.sum.Sum(record)
}
