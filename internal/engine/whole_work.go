package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
)

// mostChecked bounds what is read of a store at work in one round, every five seconds: 64 MB, a thirtieth of a second's work.
const mostChecked = 64 << 20

// noteWhole reads blocks that the server has filled since the start, so that the next start need not, and notes those that are
// whole once they are safe against power loss.
func (e *Engine) noteWhole(ctx context.Context) error {
	if e.embedded.suspect.Load() {
		return doubtWhole(e.opts.Dir)
	}
	streams, err := folders(e.streamsDir())
	if err != nil {
		return err
	}
	notes, left := map[string]wholeNote{}, int64(mostChecked)
	for _, stream := range streams {
		noted, err := e.checkFull(stream, &left)
		if err != nil {
			return fmt.Errorf("check %s: %w", stream, err)
		}
		notes[stream] = noted
	}
	if e.embedded.suspect.Load() {
		return nil // the mender sees to it
	}
	if err := e.barrier.wait(ctx); err != nil {
		return err
	}
	var errs []error
	for stream, noted := range notes {
		errs = append(errs, writeWhole(e.opts.Dir, stream, noted))
	}
	return errors.Join(errs...)
}

// checkFull reads those blocks of a stream that are not noted and to which nothing is appended any more, and returns what is to
// be noted. Blocks may go and change meanwhile; one that is damaged has the mender look at everything.
func (e *Engine) checkFull(stream string, left *int64) (wholeNote, error) {
	folder, before := filepath.Join(e.streamsDir(), stream, "msgs"), readWhole(e.opts.Dir, stream)
	now := wholeNote{Doubted: before.Doubted, Blocks: map[int]wholeBlock{}}
	numbers, err := blockNumbers(folder)
	if err != nil || len(numbers) == 0 {
		return now, err
	}
	var content []byte
	for _, number := range numbers[:len(numbers)-1] {
		path := filepath.Join(folder, strconv.Itoa(number)+".blk")
		file, err := stampOf(path)
		if err != nil {
			return now, err
		}
		noted, known := before.Blocks[number]
		switch {
		case known && noted.File == file:
			now.Blocks[number] = noted
			continue
		case known && noted.isCutTo(file):
			e.embedded.suspect.Store(true)
			return now, nil
		case file.Size == 0 || *left <= 0:
			continue
		}
		*left -= file.Size
		read, err := readBlock(folder, stream, number, content)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return now, err
		}
		content = read.content
		_, damaged, top := read.sift()
		if after, err := stampOf(path); err != nil || after != file {
			continue // it has just changed
		}
		if damaged != nil {
			e.embedded.suspect.Store(true)
			return now, nil
		}
		now.Blocks[number] = read.noteOf(file, top)
	}
	return now, nil
}
