package engine

import (
	"bytes"
	"encoding/binary"
	"hash"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// message is a record of an event, as the server writes it.
func (b *block) message(sequence uint64, subject string, data []byte) []byte {
	record := make([]byte, recordHeader)
	binary.LittleEndian.PutUint32(record, uint32(recordHeader+len(subject)+len(data)+recordSum))
	binary.LittleEndian.PutUint64(record[4:], sequence)
	binary.LittleEndian.PutUint16(record[20:], uint16(len(subject)))
	b.sum.Reset()
	for _, part := range [][]byte{record[4:20], []byte(subject), data} {
		_, _ = b.sum.Write(part)
	}
	return b.sum.Sum(append(append(record, subject...), data...))
}

// blocksWith writes blocks of as many records as are wanted, of 16 KB each.
func blocksWith(t *testing.T, folder, stream string, count, records int) (blocks []*block) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	data := []byte(`{"text":"` + string(bytes.Repeat([]byte("x"), 16<<10)) + `"}`)
	for number := 1; number <= count; number++ {
		made, err := newBlock(folder, stream, number, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range records {
			made.content = append(made.content, made.message(uint64((number-1)*records+n+1), "ev.splunk.alert."+strconv.Itoa(n), data)...)
		}
		if err := os.WriteFile(made.path, made.content, 0o600); err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, made)
	}
	return blocks
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestARepairOfManyBlocksHoldsOneAtATime damages each of 48 blocks of half a megabyte.
func TestARepairOfManyBlocksHoldsOneAtATime(t *testing.T) {
	const count, records = 48, 32
	dir := t.TempDir()
	folder := filepath.Join(streamsIn(dir), "EV_splunk", "msgs")
	want := map[string][]byte{}
	for _, made := range blocksWith(t, folder, "EV_splunk", count, records) {
		at := len(made.content) / 2
		want[made.path] = made.without(t, at, at+1)
		made.content[at] ^= 0x2a
		if err := os.WriteFile(made.path, made.content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	found, err := inspect(folder, "EV_splunk", wholeNote{})
	if err != nil {
		t.Fatal(err)
	}
	if held := heap() - before; held > 4<<20 {
		t.Errorf("what was found out about %d blocks takes %d bytes", count, held)
	}
	runtime.KeepAlive(found)
	if err := repairStore(dir, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for path, content := range want {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s has %d bytes instead of %d, %v", path, len(got), len(content), err)
		}
	}
	aside, err := filepath.Glob(filepath.Join(dir, damagedDir, "*", "EV_splunk", "*.blk"))
	if err != nil || len(aside) != count {
		t.Errorf("%d of %d damaged files were put aside, %v", len(aside), count, err)
	}
}

// hashed counts the bytes of which it makes sums.
type hashed struct {
	hash.Hash64
	size int
}

func (c *hashed) Write(p []byte) (int, error) {
	c.size += len(p)
	return c.Hash64.Write(p)
}

func TestGarbageIsNotHashedAgainAtEachOfItsPlaces(t *testing.T) {
	folder := t.TempDir()
	for name, fill := range map[string]func(garbage []byte){
		"random bytes": func(garbage []byte) { _, _ = rand.NewChaCha8([32]byte{1}).Read(garbage) },
		"lengths that fit": func(garbage []byte) {
			for at := 0; at+4 <= len(garbage); at += 4 {
				binary.LittleEndian.PutUint32(garbage[at:], 0x1000)
			}
		},
		"zeros": func([]byte) {},
	} {
		t.Run(name, func(t *testing.T) {
			garbage := make([]byte, 1<<20)
			fill(garbage)
			whole := blocksWith(t, folder, "EV_splunk", 1, 1)[0]
			sum := &hashed{Hash64: whole.sum}
			hit := &block{path: whole.path, content: append(garbage, whole.content...), sum: sum}
			kept, damaged, last := hit.sift()
			if !bytes.Equal(kept, whole.content) || len(damaged) != 1 || last != 1 {
				t.Errorf("%d bytes are kept, damaged %v, the last is %d", len(kept), damaged, last)
			}
			if sum.size > 2*len(garbage) {
				t.Errorf("%d bytes were hashed of %d", sum.size, len(garbage))
			}
		})
	}
}
