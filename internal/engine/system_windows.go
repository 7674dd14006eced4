package engine

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks the file unless another process has. The system releases it when the process ends, however it does.
func tryLock(file *os.File) (bool, error) { return lockFile(file, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// tryShare locks the file together with others who do so, unless a process has it by tryLock.
func tryShare(file *os.File) (bool, error) { return lockFile(file, 0) }

func lockFile(file *os.File, how uint32) (bool, error) {
	err := windows.LockFileEx(windows.Handle(file.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// diskFree returns how many bytes this user can still write below dir.
func diskFree(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// syncFolder has nothing to do: the system keeps names in its journal.
func syncFolder(string) error { return nil }

// mayUse finds nothing: it cannot be told here without writing.
func mayUse(string, bool) error { return nil }

// isDiskFull reports whether an error says that a disk is full.
func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// owners knows nobody: what a user may do is not told by owners here.
func owners(fs.FileInfo) (owner string, self identity, known bool) { return "", identity{}, false }
