package engine

import (
	"errors"
	"fmt"
	"log/slog"
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

// asideShare is the part of the store's bound that is kept of what was put aside: half a GiB by default, which are all the files
// of several incidents, and little beside the half of the disk that the store leaves free.
const asideShare = 16

// maxAside bounds how many things are kept: they may be small, and come at every start.
const maxAside = 1000

// aside is something that was put aside.
type aside struct {
	path, place string
	bytes       int64
}

// boundAside removes of what was put aside the oldest, beyond a number of bytes; the newest of each place stays, as it may be all
// that there is of what was damaged.
func boundAside(dir string, most int64, log *slog.Logger) error {
	all, err := listAside(dir)
	if err != nil {
		return err
	}
	size, count, newest := int64(0), len(all), map[string]string{}
	for _, one := range all {
		size += one.bytes
		newest[one.place] = one.path
	}
	before := size
	for _, one := range all {
		if size <= most && count <= maxAside {
			break
		}
		if newest[one.place] == one.path {
			continue
		}
		if err := os.RemoveAll(one.path); err != nil {
			return fmt.Errorf("remove what was put aside: %w", err)
		}
		for above := filepath.Dir(one.path); above != filepath.Join(dir, damagedDir); above = filepath.Dir(above) {
			if os.Remove(above) != nil {
				break // there is more in it
			}
		}
		size, count = size-one.bytes, count-1
	}
	if size < before {
		kept, err := sizeOf(filepath.Join(dir, damagedDir))
		log.Warn("damaged files of the store that were put aside long ago are removed; the newest of each place stay",
			"folder", filepath.Join(dir, damagedDir), "removed_bytes", before-size, "kept_bytes", kept, "bound_bytes", most)
		return err
	}
	return nil
}

// listAside lists what was put aside, the oldest first: files and folder of a stream, one queue, the description of one.
func listAside(dir string) (all []aside, err error) {
	times, err := folders(filepath.Join(dir, damagedDir)) // in their order
	if err != nil {
		return nil, err
	}
	for _, name := range times {
		if _, err := time.Parse(damagedAt, name); err != nil {
			continue // somebody else's
		}
		at := filepath.Join(dir, damagedDir, name)
		parts, err := folders(at)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			places, err := placesOf(at, part)
			if err != nil {
				return nil, err
			}
			for _, place := range places {
				size, err := sizeOf(filepath.Join(at, place))
				if err != nil {
					return nil, fmt.Errorf("read size of what was put aside: %w", err)
				}
				all = append(all, aside{filepath.Join(at, place), place, size})
			}
		}
	}
	return all, nil
}

// placesOf tells what is in a folder that is put aside: a stream's files, or queues, or descriptions.
func placesOf(at, part string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(at, part))
	if err != nil {
		return nil, fmt.Errorf("list what was put aside: %w", err)
	}
	var places []string
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == "msgs" || entry.Name() == "obs" && part != asideDescriptions {
			return []string{part}, nil
		}
		places = append(places, filepath.Join(part, entry.Name()))
	}
	if len(places) == 0 { // its name says that something is gone
		return []string{part}, nil
	}
	return places, nil
}
