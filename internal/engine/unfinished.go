package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// dropUnfinished removes the folders of streams and consumers whose making was cut off: they have no whole description, nor
// had they ever one, and nothing was stored in them. The server would pass them over for ever; they are made again.
func (e *Engine) dropUnfinished() error {
	return eachDescription(e.streamsDir(), func(folder string) error {
		full := filepath.Join(e.streamsDir(), folder)
		copied := filepath.Join(e.opts.Dir, copiesDir, folder)
		for _, file := range []string{"meta.inf", "meta.sum"} {
			if !isEmpty(filepath.Join(copied, file)) {
				return nil // it was finished once
			}
		}
		if !isEmpty(filepath.Join(full, "meta.inf")) && !isEmpty(filepath.Join(full, "meta.sum")) || !isEmpty(filepath.Join(full, "o.dat")) {
			return nil
		}
		blocks, err := filepath.Glob(filepath.Join(full, "msgs", "*.blk"))
		if err != nil {
			return fmt.Errorf("list blocks of %s: %w", folder, err)
		}
		for _, block := range blocks {
			if !isEmpty(block) {
				return nil
			}
		}
		e.log.Warn("the making of a part of the store was cut off; it is made again", "part", folder)
		if err := os.RemoveAll(full); err != nil {
			return fmt.Errorf("remove the unfinished %s: %w", folder, err)
		}
		return nil
	})
}

// isEmpty reports whether a file is surely not there or has nothing in it.
func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}
