//go:build unix

package app

import (
	"errors"

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
