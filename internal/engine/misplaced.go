package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The checksum of a record is made with the name of its stream and the number of its block, so that a block under another name
// seems to have no whole record: the server would cut it off at its beginning. The checksums also tell where it belongs.

// foundSuffix is behind the name that a block is to have, while others are still in their places.
const foundSuffix = ".blk.found"

// stray is a file of messages that is not in its place, as far as is known.
type stray struct {
	stream, file string
	place        *block // where it belongs, nil when nobody knows
}

func (s stray) path(dir string) string {
	return filepath.Join(streamsIn(dir), s.stream, "msgs", s.file)
}

// putInPlace moves blocks to their places, and puts aside what is a copy of another one, or in nobody's place. Cut short at
// any point it goes on at the next start.
func putInPlace(dir, aside string, log *slog.Logger) error {
	strays, err := findStrays(dir)
	if err != nil || len(strays) == 0 {
		return err
	}
	slices.SortStableFunc(strays, func(a, b stray) int { // what waits for its place goes first, and nothing is put over it
		return strings.Compare(filepath.Ext(b.file), filepath.Ext(a.file))
	})
	moved := map[string][]string{} // by stream: from where to where
	var found []string
	for _, one := range strays {
		if one.place == nil || slices.Contains(found, one.place.path) || !isFree(dir, one.place.path, strays) {
			if err := one.putAside(dir, aside, log); err != nil {
				return err
			}
			continue
		}
		to := strings.TrimSuffix(one.place.path, ".blk") + foundSuffix
		if to != one.path(dir) && !isEmpty(to) { // left by a start that was cut short
			if err := one.putAside(dir, aside, log); err != nil {
				return err
			}
			continue
		}
		if err := move(one.path(dir), to); err != nil {
			return err
		}
		found = append(found, one.place.path)
		stream := filepath.Base(filepath.Dir(filepath.Dir(to)))
		moved[stream] = append(moved[stream], one.stream+"/"+one.file+" is "+filepath.Base(one.place.path))
	}
	for _, place := range found {
		if !isEmpty(place) { // of no block: nobody else may have it
			folder := filepath.Dir(place)
			there := stray{stream: filepath.Base(filepath.Dir(folder)), file: filepath.Base(place)}
			if err := there.moveAside(dir, aside, log); err != nil {
				return err
			}
		}
		if err := move(strings.TrimSuffix(place, ".blk")+foundSuffix, place); err != nil {
			return err
		}
	}
	for stream, files := range moved {
		const most = 5
		log.Warn("files of messages were not in their places; they are put back", "stream", stream, "files", len(files), "among_them", files[:min(most, len(files))])
	}
	return nil
}

// isFree reports whether a block may be put in a place: nothing is there, or what does not belong there either.
func isFree(dir, place string, strays []stray) bool {
	return isEmpty(place) || slices.ContainsFunc(strays, func(s stray) bool { return s.path(dir) == place })
}

func move(from, to string) error {
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.Rename(from, to)); err != nil {
		return err
	}
	return errors.Join(syncFolder(filepath.Dir(from)), syncFolder(filepath.Dir(to)))
}

// putAside puts a file out of the server's way. One that is of no block, but under the name of one, is left to the repair.
func (s stray) putAside(dir, aside string, log *slog.Logger) error {
	if s.place == nil {
		if _, ok := blockNumber(s.file); ok {
			return nil
		}
	}
	return s.moveAside(dir, aside, log)
}

// moveAside gives a file a name there that the repair gives to none: what takes its place may be damaged itself.
func (s stray) moveAside(dir, aside string, log *slog.Logger) error {
	to := filepath.Join(aside, s.stream, s.file+".misplaced")
	if err := move(s.path(dir), to); err != nil {
		return err
	}
	log.Warn("a file of messages does not belong where it is, and what it is of is there or unknown; it is put aside", "stream", s.stream, "file", s.file, "put_aside", to)
	return nil
}

// findStrays lists the files of messages that are not in their places, but for those that are noted to be.
func findStrays(dir string) (strays []stray, err error) {
	streams, err := folders(streamsIn(dir))
	if err != nil {
		return nil, err
	}
	var content []byte
	for _, stream := range streams {
		folder, noted := filepath.Join(streamsIn(dir), stream, "msgs"), readWhole(dir, stream)
		files, err := blockFiles(folder)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			one := stray{stream: stream, file: file}
			now, err := stampOf(one.path(dir))
			if err != nil {
				return nil, err
			}
			number, ok := blockNumber(file)
			if ok && (now.Size == 0 || noted.Blocks[number].File == now) {
				continue
			}
			if ok {
				if in, err := isInPlace(folder, stream, number); in || err != nil {
					if err != nil {
						return nil, err
					}
					continue
				}
			}
			if content, err = readInto(content, one.path(dir)); err != nil {
				return nil, fmt.Errorf("read messages: %w", err)
			}
			if one.place, err = belongsTo(dir, one, streams, content); err != nil {
				return nil, err
			}
			strays = append(strays, one)
		}
	}
	return strays, nil
}

// isInPlace reports whether a block has a record that belongs there. Mostly the first does.
func isInPlace(folder, stream string, number int) (bool, error) {
	file, err := os.Open(filepath.Join(folder, strconv.Itoa(number)+".blk"))
	if err != nil {
		return false, fmt.Errorf("read messages: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	read, err := newBlock(folder, stream, number, make([]byte, recordHeader))
	if err != nil {
		return false, err
	}
	if _, err := file.ReadAt(read.content, 0); err == nil && read.length(0) <= maxRecord {
		read.content = make([]byte, read.length(0))
		if _, err := file.ReadAt(read.content, 0); err == nil && read.record(0) > 0 {
			return true, nil
		}
	}
	if read, err = readBlock(folder, stream, number, nil); err != nil {
		return false, err
	}
	_, _, last := read.sift()
	return last > 0, nil
}

// belongsTo finds out of which stream a block is, and its number there.
func belongsTo(dir string, one stray, streams []string, content []byte) (*block, error) {
	own := slices.Index(streams, one.stream)
	candidates := append([]string{one.stream}, slices.Delete(slices.Clone(streams), own, own+1)...)
	for _, sample := range samples(content) {
		for n, stream := range candidates {
			folder := filepath.Join(streamsIn(dir), stream, "msgs")
			numbers, err := blockNumbers(folder)
			if err != nil {
				return nil, err
			}
			for _, number := range likely(numbers, n == 0) {
				place, err := newBlock(folder, stream, number, sample)
				if err != nil {
					return nil, err
				}
				if place.record(0) == len(sample) {
					return place, nil
				}
			}
		}
	}
	return nil, nil //nolint:nilnil // nobody knows
}

// likely lists the numbers that a block of a stream may have, of which these are there. Where it was found it is most likely from.
func likely(there []int, here bool) (numbers []int) {
	const near, far = 64, 8 << 10
	next := 1
	if here {
		for ; next <= far; next++ {
			numbers = append(numbers, next)
		}
	}
	for _, number := range append([]int{0}, there...) {
		for next = max(next, number-near); next <= number+near; next++ {
			numbers = append(numbers, next)
		}
	}
	return numbers
}

// samples are two of the first records of a block by their lengths, the shortest.
func samples(content []byte) (records [][]byte) {
	const most, tried = 64, 2
	read := &block{content: content}
	for at := 0; at+recordHeader <= len(content) && len(records) < most; {
		length := read.length(at)
		if length < recordHeader+recordSum || at+length > len(content) {
			break
		}
		records = append(records, content[at:at+length])
		at += length
	}
	slices.SortStableFunc(records, func(a, b []byte) int { return len(a) - len(b) })
	return records[:min(tried, len(records))]
}
