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
	stream  string
	damaged []int    // the numbers of the damaged blocks
	holes   int      // how many damaged places there are; where a file is merely too short there is none
	about   []string // what can be read of the first of them
	last    uint64   // the greatest sequence in a whole record
	end     uint64   // the greatest that there was, as far as is known
	next    int      // the number of the next block
}

// isHurt reports whether a message may be missing.
func (i *injury) isHurt() bool { return len(i.damaged) > 0 || i.end > i.last }

// repairStore takes what is damaged out of the files of all streams in a store's directory, of which no server may be
// running.
func repairStore(dir string, now time.Time, log *slog.Logger) error {
	return eachInjury(dir, func(found *injury) error {
		aside := filepath.Join(dir, damagedDir, now.UTC().Format(damagedAt), found.stream)
		if err := found.repair(filepath.Join(streamsIn(dir), found.stream, "msgs"), aside); err != nil {
			return fmt.Errorf("repair %s: %w", found.stream, err)
		}
		log.Warn("records of the store are damaged; they are left out, and the rest is kept", "stream", found.stream,
			"damaged", found.holes, "about", found.about, "put_aside", aside)
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
		if !found.isHurt() {
			continue
		}
		if err := do(found); err != nil {
			return err
		}
	}
	return nil
}

// inspect reads all records of a stream. It keeps none of them: many blocks may be damaged.
func inspect(folder, stream string) (*injury, error) {
	numbers, err := blockNumbers(folder)
	if err != nil {
		return nil, err
	}
	found := &injury{stream: stream, next: 1}
	unread := 0 // bytes behind the last whole record
	var content []byte
	for _, number := range numbers {
		read, err := readBlock(folder, stream, number, content)
		if err != nil {
			return nil, err
		}
		content = read.content
		_, damaged, last := read.sift()
		found.last, found.next = max(found.last, last), number+1
		if last > 0 {
			unread = 0
		}
		if damaged == nil {
			continue
		}
		found.damaged = append(found.damaged, number)
		found.note(read, damaged)
		if final := damaged[len(damaged)-1]; final.to == len(content) {
			unread += final.to - final.from
		}
	}
	found.end = found.last
	if unread > 0 { // no place is given to another message that one of them may have had
		found.end += uint64(unread/(recordHeader+recordSum)) + 1
	}
	if messages, last := indexed(filepath.Join(folder, "index.db"), stream); messages > 0 {
		found.end = max(found.end, last)
	}
	found.end = max(found.end, reachedIn(folder, stream))
	return found, nil
}

// note adds the damaged places of a block.
func (i *injury) note(read *block, damaged []region) {
	const most = 5
	i.holes += len(damaged)
	for _, hole := range damaged {
		if len(i.about) == most {
			return
		}
		if text := read.about(hole); text != "" {
			i.about = append(i.about, text)
		}
	}
}

// readBlock reads a block into a buffer that may be used again.
func readBlock(folder, stream string, number int, buffer []byte) (*block, error) {
	content, err := readInto(buffer, filepath.Join(folder, strconv.Itoa(number)+".blk"))
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return newBlock(folder, stream, number, content)
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

// repair puts the files aside and whole ones in their place, one after the other. Cut short at any point the next start goes
// on with those that are still damaged: which place is the last is held first.
func (i *injury) repair(folder, aside string) error {
	if err := errors.Join(os.MkdirAll(aside, 0o700), os.MkdirAll(folder, 0o700)); err != nil {
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
	var content []byte
	for _, number := range i.damaged {
		read, err := readBlock(folder, i.stream, number, content)
		if err != nil {
			return err
		}
		content = read.content
		if err := writeSafely(filepath.Join(aside, filepath.Base(read.path)), content); err != nil {
			return err
		}
		whole, _, _ := read.sift()
		if err := writeSafely(read.path, whole); err != nil {
			return err
		}
	}
	return nil
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
