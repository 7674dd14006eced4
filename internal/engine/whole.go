package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-json-experiment/json"
)

// To read all blocks at each start takes minutes where there are many. So those that were read and found whole are noted, and
// are not read again while they are as noted. What that is worth:
//
//   - A file that somebody changed has another time of change, which cannot be set; one that came from a backup is another
//     file. A bit that flips on the disk under the same times is not found at the start, but when the server reads that
//     message: the notes are then doubted, and everything is checked (mender).
//   - How the last process ended does not matter, which is as well: nobody knows, after a disk was moved to another machine or
//     a snapshot of it restored. Blocks are noted after a sync, and never the last of a stream, to which the server appends. It
//     appends to no other, and what it rewrites is another file. So a power cut leaves of a noted block what was noted, or a
//     file that is not as noted. The last one is read at each start.
//   - Where the server's own summary of a stream is not of its last block, as after most kills, the server reads all blocks
//     of the stream by itself, and cuts each off at the first damaged record without a word (rebuildStateFromBufLocked in
//     nats-server/v2 v2.15.2). There nothing is believed.

// wholeFile is in the folder of a stream's copies. Without it everything is read.
const wholeFile = "whole.note"

// stamp tells whether a file was changed.
type stamp struct {
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // in ns, as Changed
	Changed  int64  `json:"changed"`
	Inode    uint64 `json:"inode"`
}

// wholeBlock is what is noted of a block of which every record is whole.
type wholeBlock struct {
	File     stamp  `json:"file"`
	Top      uint64 `json:"top"` // the greatest sequence in a record
	Messages int    `json:"messages"`
	First    uint64 `json:"first"` // of the messages
	Last     uint64 `json:"last"`
}

// isCutTo reports whether a file is the one that was noted, and shorter. What the server rewrites without the messages that were
// removed is another file.
func (b wholeBlock) isCutTo(now stamp) bool {
	return now.Inode == b.File.Inode && now.Inode != 0 && now.Size < b.File.Size
}

// wholeNote is what is noted of a stream.
type wholeNote struct {
	Doubted bool               `json:"doubted,omitzero"` // the server met damage: everything is to be read
	Blocks  map[int]wholeBlock `json:"blocks"`
}

// stampOf returns the stamp of a file; an empty one when there is none.
func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, fmt.Errorf("look at messages: %w", err)
	}
	at, inode := changed(info)
	return stamp{info.Size(), info.ModTime().UnixNano(), at, inode}, nil
}

// readWhole returns what is noted of a stream; nothing when there is no note that is whole itself.
func readWhole(dir, stream string) (noted wholeNote) {
	text, whole := readNote(filepath.Join(dir, copiesDir, stream, wholeFile))
	if !whole || json.Unmarshal(text, &noted) != nil {
		return wholeNote{}
	}
	return noted
}

// writeWhole notes the blocks of a stream, which were synced before, if that is news.
func writeWhole(dir, stream string, noted wholeNote) error {
	if noted.isNoted(dir, stream) {
		return nil
	}
	text, err := json.Marshal(noted)
	if err != nil {
		return fmt.Errorf("encode which blocks of %s are whole: %w", stream, err)
	}
	if err := writeNote(filepath.Join(dir, copiesDir, stream, wholeFile), text); err != nil {
		return fmt.Errorf("note which blocks of %s are whole: %w", stream, err)
	}
	return nil
}

// isNoted reports whether that is what a note says.
func (n wholeNote) isNoted(dir, stream string) bool {
	before := readWhole(dir, stream)
	return before.Doubted == n.Doubted && maps.Equal(before.Blocks, n.Blocks)
}

// doubtWhole has all blocks of all streams read at the next check.
func doubtWhole(dir string) error {
	streams, err := folders(filepath.Join(dir, copiesDir))
	if err != nil {
		return err
	}
	var errs []error
	for _, stream := range streams {
		noted := readWhole(dir, stream)
		noted.Doubted = true                                   // what was there is still to be told
		if err := writeWhole(dir, stream, noted); err != nil { // for want of room, say
			err = os.Remove(filepath.Join(dir, copiesDir, stream, wholeFile))
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("have all of the store checked: %w", err)
	}
	return nil
}

// believed returns those noted blocks of a stream that need not be read.
func (n wholeNote) believed(folder, stream string, numbers []int) (map[int]wholeBlock, error) {
	believed := map[int]wholeBlock{}
	if n.Doubted || len(n.Blocks) == 0 || len(numbers) == 0 {
		return believed, nil
	}
	final := numbers[len(numbers)-1]
	if !isSummedUp(folder, stream, final) {
		return believed, nil
	}
	for _, number := range numbers {
		noted, known := n.Blocks[number]
		if !known || number == final {
			continue
		}
		now, err := stampOf(filepath.Join(folder, strconv.Itoa(number)+".blk"))
		if err != nil {
			return nil, err
		}
		if now == noted.File {
			believed[number] = noted
		}
	}
	return believed, nil
}

// isSummedUp reports whether the server's summary of a stream was written after the last record in its last block. It ends
// with the checksum of that record.
func isSummedUp(folder, stream string, final int) bool {
	summary := summaryOf(filepath.Join(folder, "index.db"), stream)
	if len(summary) < recordSum {
		return false
	}
	file, err := os.Open(filepath.Join(folder, strconv.Itoa(final)+".blk"))
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil || info.Size() < recordSum {
		return false
	}
	var sum [recordSum]byte
	_, err = file.ReadAt(sum[:], info.Size()-recordSum)
	return err == nil && bytes.Equal(sum[:], summary[len(summary)-recordSum:])
}
