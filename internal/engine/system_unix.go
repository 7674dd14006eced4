//go:build unix

package engine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks the file unless another process has. The system releases it when the process ends, however it does.
func tryLock(file *os.File) (bool, error) { return flock(file, unix.LOCK_EX) }

// tryShare locks the file together with others who do so, unless a process has it by tryLock.
func tryShare(file *os.File) (bool, error) { return flock(file, unix.LOCK_SH) }

func flock(file *os.File, how int) (bool, error) {
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// diskFree returns how many bytes an unprivileged process can still write below dir.
func diskFree(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:gosec,unconvert // types differ by system; no disk has 2^63 bytes
}

// syncFolder makes the names in a folder safe against power loss.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
