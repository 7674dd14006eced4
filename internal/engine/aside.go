package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	damagedDir        = "damaged" // in the store's directory: what was put aside, by time
	damagedAt         = "20060102T150405.000000000"
	asideDescriptions = "descriptions" // there, apart from what is put aside of streams
)

// freeAside returns a path for what is put aside of a part of the store, where nothing is yet, in a folder that is safe against
// power loss: what is moved or copied there must not be gone with it.
func freeAside(dir string, now time.Time, part string) (string, error) {
	for ; ; now = now.Add(time.Nanosecond) {
		path := filepath.Join(dir, damagedDir, now.UTC().Format(damagedAt), part)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		above := filepath.Dir(path)
		if err := os.MkdirAll(above, 0o700); err != nil {
			return "", err
		}
		for ; above != filepath.Clean(dir); above = filepath.Dir(above) {
			if err := syncFolder(filepath.Dir(above)); err != nil {
				return "", err
			}
		}
		return path, nil
	}
}

// keepAside keeps files of a part of the store as they are, before they are written over.
func keepAside(dir string, now time.Time, part string, files map[string][]byte) error {
	folder, err := freeAside(dir, now, part)
	if err == nil {
		err = errors.Join(os.Mkdir(folder, 0o700), syncFolder(filepath.Dir(folder)))
	}
	for name, content := range files {
		if err == nil {
			err = writeSafely(filepath.Join(folder, name), content)
		}
	}
	if err != nil {
		return fmt.Errorf("keep what is damaged of %s: %w", part, err)
	}
	return nil
}

// writeAll writes files in one step each, all of them safe against power loss when it returns. For many of them one sync of the
// file system costs less than two of each.
func writeAll(dir string, files map[string][]byte) error {
	if len(files) == 0 {
		return nil
	}
	sync, shut, err := storeSync(dir)
	if err != nil {
		return err
	}
	defer shut() //nolint:errcheck // only read
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if syncAlways { // one sync for all there is none
			err = writeSafely(path, content)
		} else {
			err = os.WriteFile(path+".new", content, 0o600)
		}
		if err != nil {
			return err
		}
	}
	if syncAlways {
		return nil
	}
	if err := sync(); err != nil {
		return err
	}
	for path := range files {
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return sync()
}
