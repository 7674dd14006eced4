//go:build unix

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFiles is how many files the process may have open, or 0 when that is not known. Go has raised the soft limit to the
// hard one at the start.
func openFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}

// mayWrite reports whether files can be made in a directory.
func mayWrite(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }

// isFileAbove reports whether a path could not be looked at because there is a file where it has a directory.
func isFileAbove(err error) bool { return errors.Is(err, unix.ENOTDIR) }

// checkPrivate is an error when others could copy a key. A file of another user, root say, may be for the group, or nobody else could
// read what is mounted for a server: so it is with the keys of PostgreSQL.
func checkPrivate(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the key: %w", err)
	}
	mode := info.Mode().Perm()
	stat, known := info.Sys().(*syscall.Stat_t)
	if mode&0o007 != 0 || mode&0o030 != 0 || mode&0o040 != 0 && (!known || int(stat.Uid) == os.Geteuid()) {
		return fmt.Errorf("%s can be read or changed by others than its owner (mode %04o): say chmod 600 %s", file, mode, file)
	}
	return nil
}

// checkOthers tells why others could change what a server has in its data directory. The group may write to one of another user,
// as nobody else could use a volume that is mounted for a server: Kubernetes does so with fsGroup. That others may list it is
// fine, as in the directory that systemd makes: what is secret has modes of its own.
func checkOthers(data string) error {
	above, err := modeOf(data)
	if err != nil || !above.there {
		return err
	}
	events, err := modeOf(filepath.Join(data, eventsFolder))
	if err != nil {
		return err
	}
	for _, one := range []folderMode{above, events} {
		switch {
		case one.mode&0o002 != 0:
			return fmt.Errorf("everybody may write to %s (mode %04o), and so forge events and the access token: run chmod o-w %s, or name a directory in it that only this user has",
				one.path, one.mode, one.path)
		case one.mode&0o020 != 0 && above.mine:
			return fmt.Errorf("the group may write to %s (mode %04o), and so forge events and the access token: run chmod g-w %s", one.path, one.mode, one.path)
		}
	}
	if events.there && !events.mine && events.mode&0o005 != 0 {
		return fmt.Errorf("everybody may read %s (mode %04o), which holds what alerts hold, and it belongs to another user: run chmod o-rx %s",
			events.path, events.mode, events.path)
	}
	return nil
}

// closeToOthers takes from a folder or file of this user what others may do with it; of the group only where the directory that it is in is
// this user's too, as a volume's group is how the server gets in.
func closeToOthers(path, in string) error {
	above, err := modeOf(in)
	if err != nil || !above.there {
		return err
	}
	found, err := lookAt(path)
	if err != nil || !found.mine {
		return err
	}
	open := found.mode & 0o077
	if !above.mine {
		open &= 0o007
	}
	if open == 0 {
		return nil
	}
	if err := os.Chmod(path, found.whole&^open); err != nil {
		return fmt.Errorf("keep others out of %s: %w", path, err)
	}
	return nil
}

// folderMode is who may do what with a folder; without one there is nothing of it.
type folderMode struct {
	path        string
	mode        fs.FileMode // its permissions
	whole       fs.FileMode
	there, mine bool
}

// modeOf looks at a folder.
func modeOf(path string) (folderMode, error) {
	found, err := lookAt(path)
	if err != nil || !found.whole.IsDir() {
		return folderMode{path: path}, err
	}
	return found, nil
}

func lookAt(path string) (folderMode, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil && isFileAbove(err) {
		return folderMode{path: path}, nil
	}
	if err != nil {
		return folderMode{}, fmt.Errorf("look at the data directory: %w", err)
	}
	stat, known := info.Sys().(*syscall.Stat_t)
	return folderMode{path, info.Mode().Perm(), info.Mode(), true, known && int(stat.Uid) == os.Geteuid()}, nil
}
