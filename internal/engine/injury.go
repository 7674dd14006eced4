package engine

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// injury is what was found out about the files of one stream.
type injury struct {
	stream  string
	damaged []int    // the numbers of the damaged blocks
	holes   int      // how many damaged places there are; where a file is merely too short there is none
	about   []string // what can be read of the first of them
	last    uint64   // the greatest sequence in a whole record
	known   uint64   // the greatest that there was, by what is noted
	end     uint64   // the greatest that there may have been
	next    int      // the number of the next block
	gone    []span   // messages in files that were whole and are gone, or cut off

	whole    map[int]wholeBlock // to be noted
	believed bool               // some blocks were not read
}

// span is a range of sequences of which messages are gone.
type span struct {
	first, last uint64
	messages    int // at most
}

func (s span) String() string { return fmt.Sprintf("%d-%d", s.first, s.last) }

// isHurt reports whether a message may be missing.
func (i *injury) isHurt() bool { return len(i.damaged) > 0 || i.end > i.last || len(i.gone) > 0 }

// lost lists the messages that are gone with their files. Those in the last block are known by their end alone.
func (i *injury) lost() []span {
	lost := i.gone
	if i.known > i.last {
		lost = append(lost, span{i.last + 1, i.known, int(i.known - i.last)}) //nolint:gosec // below mostReached
	}
	return lost
}

// examine reads the records of a stream in a store's directory that are not noted to be whole. Where it finds damage it reads
// all: the server then reads them too, and is not to find any.
func examine(dir, stream string) (*injury, error) {
	folder, noted := filepath.Join(streamsIn(dir), stream, "msgs"), readWhole(dir, stream)
	found, err := inspect(folder, stream, noted)
	if err != nil || !found.isHurt() || !found.believed {
		return found, err
	}
	noted.Doubted = true
	return inspect(folder, stream, noted)
}

// inspect reads the records of a stream. It keeps none of them: many blocks may be damaged.
func inspect(folder, stream string, noted wholeNote) (*injury, error) {
	numbers, err := blockNumbers(folder)
	if err != nil {
		return nil, err
	}
	believed, err := noted.believed(folder, stream, numbers)
	if err != nil {
		return nil, err
	}
	found := &injury{stream: stream, next: 1, whole: maps.Clone(believed), believed: len(believed) > 0}
	unread := 0 // bytes behind the last whole record
	var content []byte
	for n, number := range numbers {
		found.next = number + 1
		if known, skip := believed[number]; skip {
			found.last, unread = max(found.last, known.Top), 0
			continue
		}
		before, err := stampOf(filepath.Join(folder, strconv.Itoa(number)+".blk"))
		if err != nil {
			return nil, err
		}
		read, err := readBlock(folder, stream, number, content)
		if err != nil {
			return nil, err
		}
		content = read.content
		kept, damaged, last := read.sift()
		found.last = max(found.last, last)
		if last > 0 {
			unread = 0
		}
		if was, ok := noted.Blocks[number]; ok {
			found.missIn(read.with(kept), was, before)
		}
		if damaged == nil {
			if n < len(numbers)-1 && last > 0 {
				found.whole[number] = read.noteOf(before, last)
			}
			continue
		}
		found.damaged = append(found.damaged, number)
		found.note(read, damaged)
		if final := damaged[len(damaged)-1]; final.to == len(content) {
			unread += final.to - final.from
		}
	}
	found.missFiles(noted, numbers)
	found.bound(folder, unread)
	return found, nil
}

// bound finds out how far the stream had come. No place is given to another message that one of those may have had that are lost.
func (i *injury) bound(folder string, unread int) {
	i.known = reachedIn(folder, i.stream)
	if messages, last := indexed(filepath.Join(folder, "index.db"), i.stream); messages > 0 {
		i.known = max(i.known, last)
	}
	i.end = max(i.last, i.known)
	if unread > 0 {
		i.end = max(i.end, i.last+uint64(unread/(recordHeader+recordSum))+1)
	}
}

// missFiles finds noted blocks that are not there. The server removes those of which no message is left, and the note follows
// within seconds: one that it removed in the last of them before a kill is taken for gone.
func (i *injury) missFiles(noted wholeNote, numbers []int) {
	for _, number := range slices.Sorted(maps.Keys(noted.Blocks)) {
		was := noted.Blocks[number]
		if !slices.Contains(numbers, number) && was.Messages > 0 {
			i.gone = append(i.gone, span{was.First, was.Last, was.Messages})
		}
	}
}

// missIn finds that a noted block is empty or was cut off.
func (i *injury) missIn(now *block, was wholeBlock, file stamp) {
	if file.Size > 0 && !was.isCutTo(file) {
		return
	}
	left := now.noteOf(file, 0)
	if left.Last >= was.Last {
		return
	}
	i.gone = append(i.gone, span{max(was.First, left.Last+1), was.Last, max(1, was.Messages-left.Messages)})
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
