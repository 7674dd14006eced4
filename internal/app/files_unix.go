//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
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
