package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/highwayhash"
)

// Where the server meets a damaged record it cuts the file off in front of it, with all that is whole behind it, or answers
// as if there were no such message, or not at all. So before it starts all records are checked, and those that are damaged
// taken out. What the files were like is kept in damagedDir.

// injury is what was found out about the files of one stream.
type injury struct {
	stream string
	blocks []*block
	last   uint64 // the greatest sequence in a whole record
	end    uint64 // the greatest that there was, as far as is known
	next   int    // the number of the next block

	mended map[*block][]byte   // by damaged block, its whole records
	lost   map[*block][]region // and its damaged ones
}

// damaged reports whether a message may be missing.
func (i *injury) damaged() bool { return len(i.lost) > 0 || i.end > i.last }

// repairStore takes what is damaged out of the files of all streams in a store's directory, of which no server may be
// running.
func repairStore(dir string, now time.Time, log *slog.Logger) error {
	return eachInjury(dir, func(found *injury) error {
		aside := filepath.Join(dir, damagedDir, now.UTC().Format(damagedAt), found.stream)
		if err := found.repair(filepath.Join(streamsIn(dir), found.stream, "msgs"), aside); err != nil {
			return fmt.Errorf("repair %s: %w", found.stream, err)
		}
		log.Warn("records of the store are damaged; they are left out, and the rest is kept", "stream", found.stream,
			"damaged", found.holes(), "about", found.about(), "put_aside", aside)
		return nil
	})
}

// isDamaged reports whether repairStore would find something. While a server is running a file may be read half written.
func isDamaged(dir string) (damaged bool, err error) {
	err = eachInjury(dir, func(*injury) error {
		damaged = true
		return nil
	})
	return damaged, err
}

func eachInjury(dir string, do func(*injury) error) error {
	streams, err := folders(streamsIn(dir))
	if err != nil {
		return err
	}
	for _, stream := range streams {
		found, err := inspect(filepath.Join(streamsIn(dir), stream, "msgs"), stream)
		if err != nil {
			return fmt.Errorf("check %s: %w", stream, err)
		}
		if !found.damaged() {
			continue
		}
		if err := do(found); err != nil {
			return err
		}
	}
	return nil
}

// inspect reads all records of a stream.
func inspect(folder, stream string) (*injury, error) {
	numbers, err := blockNumbers(folder)
	if err != nil {
		return nil, err
	}
	found := &injury{stream: stream, mended: map[*block][]byte{}, lost: map[*block][]region{}, next: 1}
	unread := 0 // bytes behind the last whole record
	var content []byte
	for _, number := range numbers {
		content, err = readInto(content, filepath.Join(folder, strconv.Itoa(number)+".blk"))
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		read, err := newBlock(folder, stream, number, content)
		if err != nil {
			return nil, err
		}
		whole, damaged, last := read.sift()
		found.last, found.next = max(found.last, last), number+1
		if last > 0 {
			unread = 0
		}
		if damaged == nil {
			continue
		}
		found.blocks = append(found.blocks, read)
		found.mended[read], found.lost[read] = whole, damaged
		if final := damaged[len(damaged)-1]; final.to == len(content) {
			unread += final.to - final.from
		}
		content = nil // it is kept
	}
	found.end = found.last
	if unread > 0 { // no place is given to another message that one of them may have had
		found.end += uint64(unread/(recordHeader+recordSum)) + 1
	}
	if messages, last := indexed(filepath.Join(folder, "index.db"), stream); messages > 0 {
		found.end = max(found.end, last)
	}
	return found, nil
}

// readInto reads a file into a buffer that may be used again: a store has gigabytes of them.
func readInto(buffer []byte, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	buffer = slices.Grow(buffer[:0], int(info.Size()))[:info.Size()]
	size, err := io.ReadFull(file, buffer)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) { // a server that runs has just made it shorter
		err = nil
	}
	return buffer[:size], err
}

// blockNumbers lists the blocks of a folder in their order; none when there is no such folder.
func blockNumbers(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	var numbers []int
	for _, entry := range entries {
		name, isBlock := strings.CutSuffix(entry.Name(), ".blk")
		if number, err := strconv.Atoi(name); isBlock && err == nil {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// indexed returns how many messages the server's own summary of a stream has, and the last sequence; zeros when there is
// none that is whole. It is written every two minutes and at the end, and may be older than the messages (_writeFullState in
// nats-server/v2 v2.15.2).
func indexed(path, stream string) (messages, last uint64) {
	content, err := os.ReadFile(path)
	const header = 2
	if err != nil || len(content) < header+recordSum {
		return 0, 0
	}
	content, written := content[:len(content)-recordSum], content[len(content)-recordSum:]
	key := sha256.Sum256([]byte(stream))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return 0, 0
	}
	_, _ = sum.Write(content)
	if !bytes.Equal(sum.Sum(nil), written) {
		return 0, 0
	}
	var numbers [5]uint64 // messages, bytes, first sequence, first time, last sequence
	rest := content[header:]
	for i := range numbers {
		number, size := binary.Uvarint(rest)
		if size <= 0 {
			return 0, 0
		}
		numbers[i], rest = number, rest[size:]
	}
	return numbers[0], numbers[4]
}

// repair puts the files aside and whole ones in their place. Cut short at any point it is done anew by the next start.
func (i *injury) repair(folder, aside string) error {
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	summaries := []string{"index.db", "thw.db"} // the server makes them from the messages
	for _, name := range summaries {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			err = writeSafely(filepath.Join(aside, name), content)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, read := range i.blocks {
		if err := writeSafely(filepath.Join(aside, filepath.Base(read.path)), read.content); err != nil {
			return err
		}
	}
	if i.end > i.last {
		keeper, err := newBlock(folder, i.stream, i.next, nil)
		if err != nil {
			return err
		}
		if err := writeSafely(keeper.path, keeper.removal(i.end, 0)); err != nil {
			return err
		}
	}
	for _, name := range summaries {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, read := range i.blocks {
		if err := writeSafely(read.path, i.mended[read]); err != nil {
			return err
		}
	}
	return nil
}

// holes is how many damaged places there are; where a file is merely too short there is none.
func (i *injury) holes() (count int) {
	for _, regions := range i.lost {
		count += len(regions)
	}
	return count
}

// about tells of the first damaged records what can be read of them.
func (i *injury) about() []string {
	const most = 5
	var texts []string
	for _, read := range i.blocks {
		for _, hole := range i.lost[read] {
			if text := read.about(hole); text != "" && len(texts) < most {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// writeSafely writes a file in one step, safe against power loss.
func writeSafely(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
