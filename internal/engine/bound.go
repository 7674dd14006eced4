package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// leastRest is what ledger, runs, dead letters and the audit log of a store may have, in bytes, that is full already.
const leastRest = 64<<20 + maxAudit

// boundStore decides how large the store in the directory may get: half of what its disk has for it, with what it holds already,
// as otherwise each start would allow half of what the one before did. The bound of the server itself is never so low that
// what is held leaves no room for the rest: it would refuse every write then, of runs too, and nothing could be finished
// and make room.
func (e *Engine) boundStore() error {
	free, err := e.opts.diskFree(e.opts.Dir)
	if err != nil {
		return fmt.Errorf("read free space of %s: %w", e.opts.Dir, err)
	}
	if free < leastNew && !isThere(e.streamsDir()) { // one that is there can be read, and finishes what waits
		return fmt.Errorf("make store: %s", roomFor(e.opts.Dir, free))
	}
	held, err := sizeOf(e.streamsDir())
	if err != nil {
		return fmt.Errorf("read size of the store in %s: %w", e.opts.Dir, err)
	}
	e.opts.MaxStore = min(e.opts.MaxStore, (free+held)/2)
	e.opts.serverMost = e.opts.MaxStore
	if rest := e.opts.MaxStore / 8; held > e.opts.MaxStore-rest {
		e.opts.serverMost = held + rest + leastRest
	}
	return nil
}

// sizeOf adds up the sizes of all files below a folder; there may be none yet.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
