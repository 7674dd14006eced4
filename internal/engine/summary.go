package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"

	"github.com/minio/highwayhash"
)

// summaryOf reads the server's own summary of a stream, without its checksum; nothing when there is none that is whole. It
// is written every two minutes and at the end, and may be older than the messages (_writeFullState in nats-server/v2 v2.15.2).
func summaryOf(path, stream string) []byte {
	content, err := os.ReadFile(path)
	const header = 2
	if err != nil || len(content) < header+recordSum {
		return nil
	}
	content, written := content[:len(content)-recordSum], content[len(content)-recordSum:]
	key := sha256.Sum256([]byte(stream))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return nil
	}
	_, _ = sum.Write(content)
	if !bytes.Equal(sum.Sum(nil), written) {
		return nil
	}
	return content[header:]
}

// indexed returns how many messages a stream has by the server's summary, and the last sequence; zeros when there is none.
func indexed(path, stream string) (messages, last uint64) {
	var numbers [5]uint64 // messages, bytes, first sequence, first time, last sequence
	rest := summaryOf(path, stream)
	for i := range numbers {
		number, size := binary.Uvarint(rest)
		if size <= 0 {
			return 0, 0
		}
		numbers[i], rest = number, rest[size:]
	}
	return numbers[0], numbers[4]
}
