package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// leastNew is what a disk has to have free for a store that is not there yet, in bytes: with less no event could be stored.
const leastNew = diskReserve + maxShare

// CheckAccess tells why this process could not work with what is in a store's directory, which need not be there. It changes
// nothing. A store that is found out half way would be taken for a damaged one.
func CheckAccess(dir string) error {
	inside := dir + string(filepath.Separator) // also where it is a link
	return filepath.WalkDir(inside, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSymlink == 0 {
			err = mayUse(path, entry.IsDir())
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return Explain(dir, &fs.PathError{Op: "use", Path: filepath.Clean(path), Err: err})
	})
}

// Explain adds what to do to an error about a directory, where that is known: about one that this process may not use, and about a
// full disk.
func Explain(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		path := dir
		if about, ok := errors.AsType[*fs.PathError](err); ok {
			path = about.Path
		}
		return fmt.Errorf("%w: %s", err, WhoMay(dir, path))
	case isDiskFull(err):
		free, _ := diskFree(existing(dir)) // 0 says it as well
		return fmt.Errorf("%w: %s", err, roomFor(dir, free))
	}
	return err
}

// roomFor says how much room a new store needs.
func roomFor(dir string, free int64) string {
	return fmt.Sprintf("the disk of %s has %d bytes free, and a new store needs %d (%d MiB): make room there, or put data: on another disk",
		dir, free, leastNew, leastNew>>20)
}

// WhoMay says whose the file at a path is that this process may not use, and what to run so that it may use the directory. What is
// above that is not to be given away.
func WhoMay(dir, path string) string {
	path = existing(path)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Sprintf("%s cannot be looked at", path)
	}
	owner, self, known := owners(info)
	isInside := path == filepath.Clean(dir) || strings.HasPrefix(path, filepath.Clean(dir)+string(filepath.Separator))
	switch {
	case !known:
		return fmt.Sprintf("give this user the right to use %s", path)
	case owner == self.user && isInside:
		return fmt.Sprintf("%s has mode %04o: run chmod -R u+rwX %s", path, info.Mode().Perm(), dir)
	case owner == self.user:
		return fmt.Sprintf("%s has mode %04o: run chmod u+rwx %s", path, info.Mode().Perm(), path)
	case isInside:
		return fmt.Sprintf("%s belongs to %s (mode %04o), and this process is %s: run chown -R %s:%s %s", path, owner, info.Mode().Perm(), self.user, self.user, self.group, dir)
	}
	return fmt.Sprintf("%s belongs to %s (mode %04o), and this process is %s: run install -d -m 0700 -o %s -g %s %s", path, owner, info.Mode().Perm(), self.user, self.user, self.group, dir)
}

// identity is who a process is, by name where it has one.
type identity struct{ user, group string }

// existing is the path, or the next above it that is there and can be looked at.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		above := filepath.Dir(path)
		if above == path {
			return path
		}
		path = above
	}
}

// explainStart adds to why a store in a directory did not start that its disk is full, where it is: the server inside the process
// tells nobody but the log.
func (e *Engine) explainStart(err error) error {
	if e.shared() || e.opts.Inline || errors.Is(err, ErrLocked) {
		return err
	}
	free, unknown := e.opts.diskFree(existing(e.opts.Dir))
	if unknown != nil || free >= fullDisk || strings.Contains(err.Error(), "bytes free") {
		return err
	}
	return fmt.Errorf("%w: the disk of %s has %d bytes free: make room there", err, e.opts.Dir, free)
}

// fullDisk is what a disk has left, in bytes, that counts as full: less than a start may write.
const fullDisk = 1 << 20
